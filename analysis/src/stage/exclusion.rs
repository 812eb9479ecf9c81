//! What was left out of the estimates, and why. Nothing is dropped silently.

use std::path::Path;

use model::provenance::Provenance;
use model::run::Run;
use model::trace::Fault;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::row::Row;

/// One reason why one run, or one attempt, entered no estimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Name of the sweep.
    pub sweep: String,
    /// Content hash of the run.
    pub run_id: String,
    /// Block, from 0.
    pub block: u32,
    /// The axis values.
    pub point: String,
    /// Origin of the trace; empty for a run that has none.
    pub provenance: Option<Provenance>,
    /// The trace in its campaign folder; empty for a run that has none.
    pub file: Option<String>,
    /// Code of the fault, or `not_run`.
    pub fault: String,
    /// What exactly was seen.
    pub detail: String,
}

impl Exclusion {
    /// One for each fault of a row.
    pub(super) fn of_row<'a>(row: &'a Row, file: &'a str) -> impl Iterator<Item = Self> + 'a {
        row.faults
            .iter()
            .map(move |fault| Self::of_fault(row, file, fault))
    }

    fn of_fault(row: &Row, file: &str, fault: &Fault) -> Self {
        Self {
            sweep: row.sweep.clone(),
            run_id: row.run_id.clone(),
            block: row.block,
            point: row.point.to_string(),
            provenance: Some(row.provenance),
            file: Some(file.to_owned()),
            fault: fault.fault.code().to_owned(),
            detail: fault.detail.clone(),
        }
    }

    /// A trace of a failed attempt that names no fault.
    pub(super) fn of_attempt(row: &Row, file: &str) -> Self {
        Self {
            sweep: row.sweep.clone(),
            run_id: row.run_id.clone(),
            block: row.block,
            point: row.point.to_string(),
            provenance: Some(row.provenance),
            file: Some(file.to_owned()),
            fault: "failed_attempt".to_owned(),
            detail: "kept as a failed attempt without a fault".to_owned(),
        }
    }

    /// A run of the plan without a sealed trace.
    pub(super) fn not_run(run: &Run) -> Self {
        Self {
            sweep: run.sweep.clone(),
            run_id: run.id.to_string(),
            block: run.block,
            point: run.point.to_string(),
            provenance: None,
            file: None,
            fault: "not_run".to_owned(),
            detail: "the plan has this run, but no sealed trace of it exists".to_owned(),
        }
    }
}

/// Column names, so that a table without rows still has its header.
const COLUMNS: [&str; 8] = [
    "sweep",
    "run_id",
    "block",
    "point",
    "provenance",
    "file",
    "fault",
    "detail",
];

pub(super) fn exclusions_to_csv(exclusions: &[Exclusion]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for exclusion in exclusions {
        writer.serialize(exclusion)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8(bytes).expect("text fields are UTF-8"))
}

/// Reads `exclusions.csv`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and line.
pub fn read_exclusions(path: &Path) -> Result<Vec<Exclusion>, Error> {
    let file = fs_err::File::open(path)?;
    csv::Reader::from_reader(file)
        .into_deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(|error| Error::content(path, format!("{error}; run the analysis again")))
}
