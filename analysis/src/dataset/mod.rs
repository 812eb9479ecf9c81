//! The public dataset: Parquet tables with their units, a card, a dictionary, Croissant, checksums.
//! Four tables hold runs with their traces, three the results of emulated boards.
//!
//! [`build()`] makes it from raw traces, rows and [`EmulatedContent`], [`verify()`] checks one. A [`Table`] knows its
//! columns; everything that describes a column (Arrow fields, file metadata, dictionary, card,
//! Croissant) is derived from them.

mod build;
mod card;
mod checksums;
mod column;
mod croissant;
mod dictionary;
mod emulated_content;
mod emulated_runs;
mod emulator_residuals;
mod error;
mod machines;
mod marks;
mod parquet_file;
mod runs;
mod samples;
mod table;
mod tool_readings;
mod verify;
mod verify_emulated;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::Serialize;

pub use build::{build, build_from_traces};
pub use column::{Column, Kind};
pub use emulated_content::EmulatedContent;
pub use error::Error;
pub use table::Table;
pub use verify::verify;

/// Version of the dataset: a major version changes records, a minor one adds some, a patch changes
/// the packaging only.
///
/// Changelog
/// - 0.1.0: first.
/// - 0.2.0: the tables `emulated_runs`, `emulator_residuals` and `tool_readings`.
/// - 0.3.0: `instrument_pct`, `instrument_scale_pct` and `power_gate` of runs.
/// - 0.4.0: `role` of runs.
/// - 0.5.0: the variants `implementation`, `attention`, `graph`, `sampling` and `head` and the
///   `weights_id` of runs, the `worker_weights_id` of marks.
/// - 0.6.0: the axis `guidance`, the `inputs_id`, times of passes and encoders (`infer_s`,
///   `encode_s`) and energy per request and per second of sound of runs, the `worker_inputs_id` of
///   marks.
pub const DATASET_VERSION: &str = "0.6.0";
/// Day of the version, fixed so that building it again gives the same bytes.
const DATASET_DATE: &str = "2026-11-24";
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
    /// Rows of the table of emulated runs.
    pub emulated_runs: u64,
    /// Rows of the table of residuals.
    pub emulator_residuals: u64,
    /// Rows of the table of tool readings.
    pub tool_readings: u64,
}

impl Counts {
    /// Rows of one table.
    pub const fn rows(&self, table: Table) -> u64 {
        match table {
            Table::Runs => self.runs,
            Table::Samples => self.samples,
            Table::Marks => self.marks,
            Table::Machines => self.machines,
            Table::EmulatedRuns => self.emulated_runs,
            Table::EmulatorResiduals => self.emulator_residuals,
            Table::ToolReadings => self.tool_readings,
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
