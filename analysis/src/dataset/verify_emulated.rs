//! Checking the tables of emulated results: one origin, keys that are unique and in order.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::{RecordBatch, StringArray};
use model::provenance::Provenance;

use super::verify::for_each_batch;
use super::{Error, Table};

/// Name of the column that says where a row comes from.
const PROVENANCE: &str = "provenance";

/// Checks one table whose key is made of texts, and counts its rows.
pub(super) fn count(root: &Path, table: Table) -> Result<u64, Error> {
    let columns: Vec<&str> = table.key().iter().copied().chain([PROVENANCE]).collect();
    let mut rows = 0;
    let mut last: Option<Vec<String>> = None;
    let mut problem = None;
    for_each_batch(root, table, &columns, |batch| {
        for row in 0..batch.num_rows() {
            let text = |name: &str| texts(batch, name).map_or("", |values| values.value(row));
            let key: Vec<String> = table.key().iter().map(|name| text(name).into()).collect();
            let provenance = text(PROVENANCE);
            if provenance != Provenance::Emulated.name() {
                problem.get_or_insert_with(|| {
                    format!("{key:?} has provenance '{provenance}', expected 'emulated'")
                });
            }
            if last.as_ref().is_some_and(|last| *last >= key) {
                problem.get_or_insert_with(|| {
                    let names = table.key().join(", ");
                    format!("{key:?} is there twice or out of order; expected one row per {names}, sorted")
                });
            }
            last = Some(key);
            rows += 1;
        }
    })?;
    match problem {
        Some(problem) => Err(Error::invalid(&root.join(table.path()), problem)),
        None => Ok(rows),
    }
}

/// Checks that no emulated run is in the runs table too.
pub(super) fn apart(root: &Path, runs: &BTreeMap<String, u64>) -> Result<(), Error> {
    let table = Table::EmulatedRuns;
    let mut both = None;
    for_each_batch(root, table, &["run_id"], |batch| {
        let found = texts(batch, "run_id")
            .into_iter()
            .flatten()
            .flatten()
            .find(|run| runs.contains_key(*run));
        if let Some(run) = found {
            both.get_or_insert_with(|| run.to_owned());
        }
    })?;
    match both {
        Some(run) => {
            let problem = format!("run {run} is in {} too", Table::Runs.path());
            Err(Error::invalid(&root.join(table.path()), problem))
        }
        None => Ok(()),
    }
}

/// A column of texts; the schema was checked before.
fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}
