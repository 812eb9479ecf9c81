//! The public dataset: four Parquet tables with their units, a card, a dictionary, Croissant,
//! checksums.
//!
//! [`build()`] makes it from raw traces and rows, [`verify()`] checks one. A [`Table`] knows its
//! columns; everything that describes a column (Arrow fields, file metadata, dictionary, card,
//! Croissant) is derived from them.

mod build;
mod card;
mod checksums;
mod column;
mod croissant;
mod dictionary;
mod error;
mod machines;
mod marks;
mod parquet_file;
mod runs;
mod samples;
mod table;
mod verify;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::Serialize;

pub use build::{build, build_from_traces};
pub use column::{Column, Kind};
pub use error::Error;
pub use table::Table;
pub use verify::verify;

/// Version of the dataset: a major version changes records, a minor one adds some, a patch changes
/// the packaging only.
///
/// Changelog
/// - 0.1.0: first.
pub const DATASET_VERSION: &str = "0.1.0";
/// Day of the version, fixed so that building it again gives the same bytes.
const DATASET_DATE: &str = "2026-11-22";
/// Where the project lives.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const _: () = assert!(
    !REPOSITORY.is_empty(),
    "the package must inherit `repository`"
);
/// Words by which the dataset is found.
const KEYWORDS: [&str; 6] = [
    "energy",
    "power",
    "gpu",
    "inference",
    "benchmark",
    "large-language-models",
];

/// Rows of each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows of the runs table.
    pub runs: u64,
    /// Rows of the samples table.
    pub samples: u64,
    /// Rows of the marks table.
    pub marks: u64,
    /// Rows of the machines table.
    pub machines: u64,
}

impl Counts {
    /// Rows of one table.
    pub const fn rows(&self, table: Table) -> u64 {
        match table {
            Table::Runs => self.runs,
            Table::Samples => self.samples,
            Table::Marks => self.marks,
            Table::Machines => self.machines,
        }
    }
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetSummary {
    /// The dataset's folder.
    pub path: PathBuf,
    /// Rows of its tables.
    pub counts: Counts,
}

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VerifySummary {
    /// Files whose content was checked.
    pub files: usize,
    /// Rows of the tables.
    pub counts: Counts,
}
