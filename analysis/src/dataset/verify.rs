//! Checking a dataset: bytes, schema, rows, card and description agree with each other.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, RecordBatch};
use fs_err::File;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::column::{DESCRIPTION_KEY, Kind, UNIT_KEY};
use super::dictionary::Entry;
use super::parquet_file::{SCHEMA_KEY, StoredColumn, StoredSchema};
use super::{
    Counts, Error, Table, VerifySummary, card, checksums, croissant, dictionary, verify_emulated,
};

/// Checks a dataset against itself.
///
/// In this order: every file against `SHA256SUMS`; names, types and units of the columns against
/// the data dictionary; every run of samples, marks and machines against the runs table, and the
/// number of their rows against the machines table; provenance and keys of the emulated results;
/// the card's headings and configurations; the hashes in `croissant.json`.
///
/// # Errors
/// [`Error::Analysis`] and [`Error::Invalid`] name the first file that is not as it should be, and what was expected.
pub fn verify(dir: &Path) -> Result<VerifySummary, Error> {
    let sums = checksums::verify(dir)?;
    let dictionary = dictionary::read(dir)?;
    for table in Table::ALL {
        verify_schema(dir, table, &dictionary)?;
    }
    let counts = verify_rows(dir)?;
    card::verify(dir)?;
    croissant::verify(dir, &sums)?;
    Ok(VerifySummary {
        files: sums.len() + 1,
        counts,
    })
}

type Reader = ParquetRecordBatchReaderBuilder<std::fs::File>;

fn open(path: &Path) -> Result<Reader, Error> {
    Reader::try_new(File::open(path)?.into_file()).map_err(Error::parquet(path))
}

/// Compares the three places where a table's schema stands: its fields, its metadata, the
/// dictionary.
fn verify_schema(root: &Path, table: Table, dictionary: &[Entry]) -> Result<(), Error> {
    let path = root.join(table.path());
    let reader = open(&path)?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let stored = metadata
        .into_iter()
        .flatten()
        .find(|entry| entry.key == SCHEMA_KEY)
        .and_then(|entry| entry.value.as_deref())
        .ok_or_else(|| Error::invalid(&path, format!("no '{SCHEMA_KEY}' in the metadata")))?;
    let stored: StoredSchema = serde_json::from_str(stored)
        .map_err(|error| Error::invalid(&path, format!("'{SCHEMA_KEY}' is no schema: {error}")))?;

    let listed: Vec<StoredColumn> = dictionary
        .iter()
        .filter(|entry| entry.table == table.name())
        .map(stored_column)
        .collect();
    compare(&path, &listed, &stored.columns, "the metadata")?;

    let fields = reader.schema().fields().iter().map(|field| {
        let text = |key: &str| {
            field
                .metadata()
                .get(key)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        StoredColumn {
            name: field.name().clone(),
            kind: Kind::from_arrow(field.data_type()).map_or_else(
                || field.data_type().to_string(),
                |kind| kind.name().to_owned(),
            ),
            unit: text(UNIT_KEY),
            description: text(DESCRIPTION_KEY),
        }
    });
    compare(&path, &listed, &fields.collect::<Vec<_>>(), "the fields")
}

fn stored_column(entry: &Entry) -> StoredColumn {
    StoredColumn {
        name: entry.column.clone(),
        kind: entry.kind.clone(),
        unit: entry.unit.clone(),
        description: entry.description.clone(),
    }
}

fn compare(
    path: &Path,
    expected: &[StoredColumn],
    found: &[StoredColumn],
    place: &str,
) -> Result<(), Error> {
    let words = |column: Option<&StoredColumn>| {
        column.map_or("no column".to_owned(), |c| {
            format!("{} {} [{}] '{}'", c.name, c.kind, c.unit, c.description)
        })
    };
    for place_in_table in 0..expected.len().max(found.len()) {
        let (listed, actual) = (expected.get(place_in_table), found.get(place_in_table));
        if listed != actual {
            return Err(Error::invalid(
                path,
                format!(
                    "column {} is {} in {place}, {} in {}",
                    place_in_table + 1,
                    words(actual),
                    words(listed),
                    dictionary::FILE
                ),
            ));
        }
    }
    Ok(())
}

/// Checks that the tables speak of the same runs and have the rows they should have.
fn verify_rows(root: &Path) -> Result<Counts, Error> {
    let runs = rows_by_run(root, Table::Runs)?;
    let machines = rows_by_run(root, Table::Machines)?;
    let samples = rows_by_run(root, Table::Samples)?;
    let marks = rows_by_run(root, Table::Marks)?;
    let stated = stated_counts(root)?;

    for (table, found) in [(Table::Runs, &runs), (Table::Machines, &machines)] {
        if let Some((run, rows)) = found.iter().find(|(_, rows)| **rows != 1) {
            let problem = format!("run {run} has {rows} rows, expected one");
            return Err(Error::invalid(&root.join(table.path()), problem));
        }
    }
    for (table, found) in [
        (Table::Machines, &machines),
        (Table::Samples, &samples),
        (Table::Marks, &marks),
    ] {
        if let Some(run) = found.keys().find(|run| !runs.contains_key(*run)) {
            let problem = format!("run {run} is not in {}", Table::Runs.path());
            return Err(Error::invalid(&root.join(table.path()), problem));
        }
    }
    for run in runs.keys() {
        let Some(expected) = stated.get(run) else {
            let problem = format!("run {run} of {} is missing", Table::Runs.path());
            return Err(Error::invalid(&root.join(Table::Machines.path()), problem));
        };
        let checks = [
            (Table::Samples, &samples, expected.samples),
            (Table::Marks, &marks, expected.marks),
        ];
        for (table, found, stated) in checks {
            let rows = found.get(run).copied().unwrap_or_default();
            if i64::try_from(rows) != Ok(stated) {
                let place = Table::Machines.path();
                let problem = format!("run {run} has {rows} rows, {place} says {stated}");
                return Err(Error::invalid(&root.join(table.path()), problem));
            }
        }
    }
    verify_emulated::apart(root, &runs)?;
    let total = |found: &BTreeMap<String, u64>| found.values().sum();
    Ok(Counts {
        runs: total(&runs),
        samples: total(&samples),
        marks: total(&marks),
        machines: total(&machines),
        emulated_runs: verify_emulated::count(root, Table::EmulatedRuns)?,
        emulator_residuals: verify_emulated::count(root, Table::EmulatorResiduals)?,
        tool_readings: verify_emulated::count(root, Table::ToolReadings)?,
    })
}

/// How many rows a table has for each run.
fn rows_by_run(root: &Path, table: Table) -> Result<BTreeMap<String, u64>, Error> {
    let mut rows = BTreeMap::new();
    for_each_batch(root, table, &["run_id"], |batch| {
        for run in batch.column(0).as_string::<i32>().iter().flatten() {
            // Rows of a run lie together, so the lookup by reference nearly always succeeds.
            match rows.get_mut(run) {
                Some(count) => *count += 1,
                None => {
                    rows.insert(run.to_owned(), 1);
                }
            }
        }
    })?;
    Ok(rows)
}

/// What the machines table says of the other tables.
struct Stated {
    samples: i64,
    marks: i64,
}

fn stated_counts(root: &Path) -> Result<BTreeMap<String, Stated>, Error> {
    let mut stated = BTreeMap::new();
    for_each_batch(
        root,
        Table::Machines,
        &["run_id", "samples", "marks"],
        |batch| {
            let run_ids = batch.column(0).as_string::<i32>();
            let (samples, marks) = (
                batch.column(1).as_primitive::<Int64Type>(),
                batch.column(2).as_primitive::<Int64Type>(),
            );
            for row in 0..run_ids.len() {
                let counts = Stated {
                    samples: samples.value(row),
                    marks: marks.value(row),
                };
                stated.insert(run_ids.value(row).to_owned(), counts);
            }
        },
    )?;
    Ok(stated)
}

/// Calls a function with each batch of some columns; [`verify_schema`] has checked their types.
pub(super) fn for_each_batch(
    root: &Path,
    table: Table,
    columns: &[&str],
    mut use_batch: impl FnMut(&RecordBatch),
) -> Result<(), Error> {
    let path = root.join(table.path());
    let reader = open(&path)?;
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    let batches = reader
        .with_projection(mask)
        .build()
        .map_err(Error::parquet(&path))?;
    for batch in batches {
        let batch = batch.map_err(|source| Error::Arrow {
            path: path.clone(),
            source,
        })?;
        use_batch(&batch);
    }
    Ok(())
}
