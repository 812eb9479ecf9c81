//! What can go wrong while a dataset is built or verified.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a dataset could not be built, or is not what it says it is.
#[derive(Debug, Error)]
pub enum Error {
    /// Reading or writing failed; the message of `fs-err` names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A raw trace could not be read, or a file does not agree with its checksum.
    #[error(transparent)]
    Analysis(#[from] crate::Error),
    /// A Parquet file could not be written or read.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library says.
        source: parquet::errors::ParquetError,
    },
    /// A column does not fit its table, for example a missing value where one is required.
    #[error("{}: {source}", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// What the Arrow library says.
        source: arrow_schema::ArrowError,
    },
    /// Two traces claim to be the same run.
    #[error("run {run_id} lies in {} and in {}; pass the folder of one campaign once", first.display(), second.display())]
    DuplicateRun {
        /// The run.
        run_id: String,
        /// Its first trace.
        first: PathBuf,
        /// Its second trace.
        second: PathBuf,
    },
    /// The rows do not belong to the raw traces.
    #[error(
        "run {run_id} is in the {present} but not in the {absent}; run the analysis again over the same raw folders"
    )]
    RowsAndTracesDiffer {
        /// The run.
        run_id: String,
        /// Where it is.
        present: &'static str,
        /// Where it should be too.
        absent: &'static str,
    },
    /// A row of emulated results is not emulated.
    #[error(
        "{table}: {row} has provenance '{provenance}', expected 'emulated'; this table holds emulated results only, pass the traces of measured runs as raw folders"
    )]
    NotEmulated {
        /// The table.
        table: &'static str,
        /// What names the row.
        row: String,
        /// What it says of its origin.
        provenance: String,
    },
    /// Two rows of emulated results have the same key.
    #[error(
        "{table}: two rows have {columns} = {values}, expected one; remove the double where the rows come from"
    )]
    DuplicateKey {
        /// The table.
        table: &'static str,
        /// The columns of its key.
        columns: String,
        /// Their values.
        values: String,
    },
    /// A run is among the raw traces and among the emulated runs.
    #[error(
        "run {run_id} lies in {} and is an emulated run too; leave the folders of emulated sweeps out of the raw folders", trace.display()
    )]
    RunInTwoTables {
        /// The run.
        run_id: String,
        /// Its trace among the raw traces.
        trace: PathBuf,
    },
    /// No run at all.
    #[error(
        "no sealed run in {folders}; run a sweep first, or name a folder that holds RUNID.parquet files"
    )]
    NoRuns {
        /// The folders that were searched.
        folders: String,
    },
    /// Something else lies where the dataset shall go.
    #[error("{} exists and is no dataset (it has no {missing}); move it away or choose another output folder", path.display())]
    NotADataset {
        /// The folder.
        path: PathBuf,
        /// The file every dataset has.
        missing: &'static str,
    },
    /// A file of the dataset is not what the dataset says it is.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
}

impl Error {
    /// The error for a file whose content is not as it should be.
    pub(super) fn invalid(path: &Path, problem: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }

    /// Names the file that a Parquet error is about.
    pub(super) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_path_buf();
        |source| Self::Parquet { path, source }
    }
}
