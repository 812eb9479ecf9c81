//! The tables of the dataset and what identifies a row of each.

use super::column::{Column, Filled};
use super::{emulated_runs, emulator_residuals, machines, marks, runs, samples, tool_readings};

/// A table of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One row per run.
    Runs,
    /// One row per reading of the device.
    Samples,
    /// One row per line of the worker.
    Marks,
    /// One row per run: what it was measured on.
    Machines,
    /// One row per run of a sweep on an emulated board.
    EmulatedRuns,
    /// One row per number of silicon that an emulated board is compared with.
    EmulatorResiduals,
    /// One row per reading of a common tool on a known load.
    ToolReadings,
}

impl Table {
    /// Every table, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Runs,
        Self::Samples,
        Self::Marks,
        Self::Machines,
        Self::EmulatedRuns,
        Self::EmulatorResiduals,
        Self::ToolReadings,
    ];

    /// The name in file names, configurations and record sets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Samples => "samples",
            Self::Marks => "marks",
            Self::Machines => "machines",
            Self::EmulatedRuns => "emulated_runs",
            Self::EmulatorResiduals => "emulator_residuals",
            Self::ToolReadings => "tool_readings",
        }
    }

    /// Path inside the dataset.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Runs => "data/runs.parquet",
            Self::Samples => "data/samples.parquet",
            Self::Marks => "data/marks.parquet",
            Self::Machines => "data/machines.parquet",
            Self::EmulatedRuns => "data/emulated_runs.parquet",
            Self::EmulatorResiduals => "data/emulator_residuals.parquet",
            Self::ToolReadings => "data/tool_readings.parquet",
        }
    }

    /// What a row is, in one sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Runs => {
                "One row per run: axes of the sweep, energy by counter and by integrated power, time, work, clocks, faults."
            }
            Self::Samples => {
                "One row per reading of the device, as its driver gave it; equal readings are kept, nothing is smoothed."
            }
            Self::Marks => {
                "One row per line of the worker: begin and end of each phase with the work done, and the digest of the outputs."
            }
            Self::Machines => {
                "One row per run: the machine, the device with its limits and absent sensors, the command and its seeds."
            }
            Self::EmulatedRuns => {
                "One row per run of a sweep on an emulated board, with the columns of runs and the phase; the traces are not in the dataset, `joulebench reproduce` makes them again."
            }
            Self::EmulatorResiduals => {
                "One row per number recorded on silicon, beside what the emulated board makes of it and the error that is allowed."
            }
            Self::ToolReadings => {
                "One row per tool, method, emulated board and load: the energy that the tool reports beside the true one."
            }
        }
    }

    /// The columns that together name a row; the table is sorted by them, in this order.
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::Runs | Self::Machines | Self::EmulatedRuns => &["run_id"],
            Self::Samples | Self::Marks => &["run_id", "sequence"],
            Self::EmulatorResiduals => &["board", "row", "quantity"],
            Self::ToolReadings => &["client", "method", "board", "load"],
        }
    }

    /// The columns in their order.
    pub fn columns(self) -> Vec<Column> {
        let empty = match self {
            Self::Runs => runs::columns(&[]),
            Self::Samples => samples::columns(&[]),
            Self::Marks => marks::columns(&[]),
            Self::Machines => machines::columns(&[]),
            Self::EmulatedRuns => emulated_runs::columns(&[]),
            Self::EmulatorResiduals => emulator_residuals::columns(&[]),
            Self::ToolReadings => tool_readings::columns(&[]),
        };
        empty
            .into_iter()
            .map(|Filled { column, .. }| column)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_a_unit_and_a_sentence() {
        for table in Table::ALL {
            let columns = table.columns();
            for column in &columns {
                let place = format!("{}.{}", table.name(), column.name);
                assert!(!column.unit.is_empty(), "{place} has no unit");
                assert!(column.description.len() > 5, "{place} has no description");
                let same = columns
                    .iter()
                    .filter(|other| other.name == column.name)
                    .count();
                assert_eq!(same, 1, "{place} must be unique");
            }
        }
    }

    #[test]
    fn keys_and_provenance_are_required_columns() {
        for table in Table::ALL {
            let columns = table.columns();
            for name in table.key().iter().chain(&["provenance"]) {
                let column = columns.iter().find(|column| column.name == *name);
                assert!(
                    column.is_some_and(|column| column.required),
                    "{}.{name}",
                    table.name()
                );
            }
        }
    }

    #[test]
    fn names_carry_the_unit() {
        for column in Table::ALL.into_iter().flat_map(Table::columns) {
            let ending = match column.unit {
                "mJ" => "_mj",
                "uJ" => "_uj",
                "mW" => "_mw",
                "ns" => "_ns",
                "MHz" => "_mhz",
                "MiBy" => "_mib",
                "W" => "_w",
                "J" => "_j",
                "%" => "_pct",
                "s" => "_s",
                "ms" => "_ms",
                _ => continue,
            };
            assert!(
                column.name.ends_with(ending),
                "{} is in {}",
                column.name,
                column.unit
            );
        }
    }
}
