//! What the dataset gets from emulated boards, checked before anything is written.

use model::provenance::Provenance;

use super::{Error, Table};
use crate::emulated::residual::Residual;
use crate::emulated::tool::ToolReading;
use crate::row::Row;

/// Results of emulated boards. They fill tables of their own and never those of measured runs;
/// what is empty gives an empty table.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmulatedContent<'a> {
    /// Rows of the emulated sweeps.
    pub runs: &'a [Row],
    /// How far the emulated boards are from silicon.
    pub residuals: &'a [Residual],
    /// What common tools report on a known load.
    pub readings: &'a [ToolReading],
}

/// The same, each table in the order of its key.
#[derive(Debug)]
pub(super) struct Sorted<'a> {
    pub(super) runs: Vec<&'a Row>,
    pub(super) residuals: Vec<&'a Residual>,
    pub(super) readings: Vec<&'a ToolReading>,
}

impl<'a> EmulatedContent<'a> {
    /// Sorts each table by its key.
    ///
    /// # Errors
    /// [`Error::NotEmulated`] for a row of another provenance, [`Error::DuplicateKey`] where two
    /// rows of a table have the same key.
    pub(super) fn sorted(&self) -> Result<Sorted<'a>, Error> {
        for row in self.runs {
            if row.provenance != Provenance::Emulated {
                return Err(not_emulated(
                    Table::EmulatedRuns,
                    &row.run_id,
                    row.provenance.name(),
                ));
            }
        }
        for reading in self.readings {
            if reading.provenance != Provenance::Emulated.name() {
                return Err(not_emulated(
                    Table::ToolReadings,
                    &key_of_reading(reading).join(", "),
                    &reading.provenance,
                ));
            }
        }
        Ok(Sorted {
            runs: by_key(Table::EmulatedRuns, self.runs, |row| [row.run_id.as_str()])?,
            residuals: by_key(Table::EmulatorResiduals, self.residuals, key_of_residual)?,
            readings: by_key(Table::ToolReadings, self.readings, key_of_reading)?,
        })
    }
}

fn not_emulated(table: Table, row: &str, provenance: &str) -> Error {
    Error::NotEmulated {
        table: table.name(),
        row: row.to_owned(),
        provenance: provenance.to_owned(),
    }
}

/// The columns of [`Table::key`], in its order.
fn key_of_residual(residual: &Residual) -> [&str; 3] {
    [&residual.board, &residual.row, &residual.quantity]
}

/// The columns of [`Table::key`], in its order.
fn key_of_reading(reading: &ToolReading) -> [&str; 4] {
    [
        &reading.client,
        &reading.method,
        &reading.board,
        &reading.load,
    ]
}

fn by_key<'a, T, const N: usize>(
    table: Table,
    rows: &'a [T],
    key: impl Fn(&'a T) -> [&'a str; N],
) -> Result<Vec<&'a T>, Error> {
    let mut rows: Vec<&T> = rows.iter().collect();
    rows.sort_by_key(|row| key(row));
    match rows.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
        Some(pair) => Err(Error::DuplicateKey {
            table: table.name(),
            columns: table.key().join(", "),
            values: key(pair[0]).join(", "),
        }),
        None => Ok(rows),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use model::axis::{Axis, AxisValue};

    use super::*;
    use crate::synthetic::{Load, llama_point, trace};
    use crate::tidy::tidy;

    /// Results of emulated boards, for tests of the dataset.
    pub(in crate::dataset) struct Emulated {
        pub(in crate::dataset) runs: Vec<Row>,
        pub(in crate::dataset) residuals: Vec<Residual>,
        pub(in crate::dataset) readings: Vec<ToolReading>,
    }

    impl Emulated {
        /// Three clocks of two phases, two residuals of which one is not judged, three readings of
        /// which one is absent.
        pub(in crate::dataset) fn new() -> Self {
            let mut runs = Vec::new();
            for (phase, clock) in [600, 900, 1_200]
                .into_iter()
                .flat_map(|clock| [("prefill", clock), ("decode", clock)])
            {
                let point = llama_point("candle", 1, 512)
                    .with(Axis::Phase, AxisValue::Text(phase.into()))
                    .with(Axis::SmClockMhz, AxisValue::Integer(clock));
                let mut row = tidy(&trace(point, 0, Load::PLAIN));
                row.sweep = "dvfs-synthetic".to_owned();
                row.device = "NVIDIA H100 NVL (emulated)".to_owned();
                runs.push(row);
            }
            Self {
                runs,
                residuals: vec![
                    residual("idle_context", Some(4.0)),
                    residual("copy_4gib", None),
                ],
                readings: vec![
                    reading("zeus", "steady", Some(990.0)),
                    reading("pyjoules", "steady", None),
                    reading("zeus", "burst", Some(1_200.0)),
                ],
            }
        }

        pub(in crate::dataset) fn content(&self) -> EmulatedContent<'_> {
            EmulatedContent {
                runs: &self.runs,
                residuals: &self.residuals,
                readings: &self.readings,
            }
        }
    }

    fn residual(row: &str, tolerance_pct: Option<f64>) -> Residual {
        Residual {
            board: "h200-sxm-141gb".to_owned(),
            source: "artifacts/imported/h200-anatomy".to_owned(),
            row: row.to_owned(),
            quantity: "power".to_owned(),
            unit: "W".to_owned(),
            reference: 100.0,
            solved: None,
            simulated: Some(101.0),
            model: 101.0,
            error_pct: 1.0,
            tolerance_pct,
            is_within: true,
            used_for: "holdout".to_owned(),
        }
    }

    fn reading(client: &str, load: &str, reported_j: Option<f64>) -> ToolReading {
        ToolReading {
            client: client.to_owned(),
            version: "1.0".to_owned(),
            board: "h100-sxm".to_owned(),
            load: load.to_owned(),
            method: "counter".to_owned(),
            window_s: 10.0,
            reported_j,
            true_j: 1_000.0,
            error_pct: reported_j.map(|energy_j| energy_j / 10.0 - 100.0),
            reason: if reported_j.is_none() { "no value" } else { "" }.to_owned(),
            provenance: "emulated".to_owned(),
        }
    }

    #[test]
    fn rows_come_in_the_order_of_their_keys() {
        let emulated = Emulated::new();
        let sorted = emulated.content().sorted().expect("unique keys");
        assert!(sorted.runs.is_sorted_by_key(|row| &row.run_id));
        let rows: Vec<&str> = sorted.residuals.iter().map(|r| r.row.as_str()).collect();
        assert_eq!(rows, ["copy_4gib", "idle_context"]);
        let readings: Vec<[&str; 2]> = sorted
            .readings
            .iter()
            .map(|r| [r.client.as_str(), r.load.as_str()])
            .collect();
        let expected = [
            ["pyjoules", "steady"],
            ["zeus", "burst"],
            ["zeus", "steady"],
        ];
        assert_eq!(readings, expected);
    }

    #[test]
    fn what_is_not_emulated_is_refused_by_name() {
        let mut emulated = Emulated::new();
        emulated.runs[1].provenance = Provenance::Measured;
        let error = emulated.content().sorted().expect_err("a measured row");
        let said = error.to_string();
        assert!(said.contains(&emulated.runs[1].run_id), "{said}");
        assert!(said.contains("'measured', expected 'emulated'"), "{said}");
        let mut emulated = Emulated::new();
        emulated.readings[2].provenance = "measured".to_owned();
        let error = emulated.content().sorted().expect_err("a measured row");
        let said = error.to_string();
        assert!(said.contains("zeus, counter, h100-sxm, burst"), "{said}");
    }

    #[test]
    fn doubles_are_refused_by_key() {
        let refuse = |change: fn(&mut Emulated)| {
            let mut emulated = Emulated::new();
            change(&mut emulated);
            emulated
                .content()
                .sorted()
                .expect_err("a double")
                .to_string()
        };
        let run = refuse(|e| e.runs.push(e.runs[0].clone()));
        assert!(run.contains("emulated_runs: two rows have run_id"), "{run}");
        let residual = refuse(|e| e.residuals.push(e.residuals[1].clone()));
        let key = "board, row, quantity = h200-sxm-141gb, copy_4gib, power";
        assert!(residual.contains(key), "{residual}");
        let reading = refuse(|e| e.readings.push(e.readings[0].clone()));
        assert!(
            reading.contains("zeus, counter, h100-sxm, steady"),
            "{reading}"
        );
    }
}
