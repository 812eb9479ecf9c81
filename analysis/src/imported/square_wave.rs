//! The recording of an H200 under a square wave: idle, 6 s on, then trains of pulses of 200, 30
//! and 7 ms.
//!
//! `t_ns` is taken at the start of a row and `busy` at its end, so `busy` belongs to the time of
//! the next row.

use std::path::Path;

use serde::Deserialize;

use super::reading::read_table;
use crate::Error;

/// Name of the recording.
pub const SOURCE: &str = "h200-square-wave";
/// Its file in the folder of imported data.
pub const FILE: &str = "h200-square-wave/probe.csv.gz";

/// Idle for this long separates two trains of pulses.
const TRAIN_GAP_S: f64 = 1.5;

/// A row of the file.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct ProbeRow {
    t_ns: u64,
    energy_mj: u64,
    inst_mw: u64,
    avg_mw: u64,
    busy: u8,
}

/// The recording, with time from its first row and readings in watts and joules.
#[derive(Clone, Debug)]
pub struct SquareWave {
    /// Start of the last row.
    pub(super) end_s: f64,
    /// Each tick of the counter: when it was first seen, and the energy since the start.
    pub(super) ticks: Vec<Change>,
    /// Each refresh of field 186, W.
    pub(super) instant: Vec<Change>,
    /// Each refresh of field 185, W.
    pub(super) average: Vec<Change>,
    /// Trains of pulses in the order of the schedule.
    pub(super) trains: Vec<Train>,
}

/// A value and the moment at which it was first seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) time_s: f64,
    pub(super) value: f64,
}

/// Pulses without a long pause between them: start and end of each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Train {
    pub(super) pulses: Vec<[f64; 2]>,
}

impl Train {
    pub(super) fn begin_s(&self) -> f64 {
        self.pulses[0][0]
    }

    pub(super) fn end_s(&self) -> f64 {
        self.pulses[self.pulses.len() - 1][1]
    }
}

impl SquareWave {
    /// Reads the recording.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Content`] naming file and line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let rows: Vec<ProbeRow> = read_table(path)?;
        Self::of(&rows).map_err(|problem| Error::content(path, problem))
    }

    pub(super) fn of(rows: &[ProbeRow]) -> Result<Self, String> {
        let first = *rows.first().ok_or("has no rows")?;
        for (index, pair) in rows.windows(2).enumerate() {
            let line = index + 3;
            if pair[1].t_ns <= pair[0].t_ns {
                return Err(format!(
                    "line {line}: t_ns does not grow, it is {}",
                    pair[1].t_ns
                ));
            }
            if pair[1].energy_mj < pair[0].energy_mj {
                return Err(format!(
                    "line {line}: energy_mj falls to {}",
                    pair[1].energy_mj
                ));
            }
        }
        let time_s = |row: &ProbeRow| seconds(row.t_ns - first.t_ns);
        let changes = |get: fn(&ProbeRow) -> (u64, u64), scale: f64, origin: u64| {
            rows.windows(2)
                .filter(|pair| get(&pair[0]) != get(&pair[1]))
                .map(|pair| Change {
                    time_s: time_s(&pair[1]),
                    value: thousandth(get(&pair[1]).0 - origin) * scale,
                })
                .collect::<Vec<_>>()
        };
        Ok(Self {
            end_s: rows.last().map_or(0.0, time_s),
            ticks: changes(|row| (row.energy_mj, 0), 1.0, first.energy_mj),
            // Both fields refresh together; either change marks the refresh of both.
            instant: changes(|row| (row.inst_mw, row.avg_mw), 1.0, 0),
            average: changes(|row| (row.avg_mw, row.inst_mw), 1.0, 0),
            trains: trains(rows, time_s),
        })
    }
}

fn trains(rows: &[ProbeRow], time_s: impl Fn(&ProbeRow) -> f64) -> Vec<Train> {
    let mut trains: Vec<Train> = Vec::new();
    let mut begin_s = None;
    for pair in rows.windows(2) {
        let now_s = time_s(&pair[1]);
        match (pair[0].busy, begin_s) {
            (1.., None) => begin_s = Some(now_s),
            (0, Some(begin)) => {
                begin_s = None;
                match trains.last_mut() {
                    Some(train) if begin - train.end_s() < TRAIN_GAP_S => {
                        train.pulses.push([begin, now_s]);
                    }
                    _ => trains.push(Train {
                        pulses: vec![[begin, now_s]],
                    }),
                }
            }
            _ => {}
        }
    }
    trains
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
fn seconds(time_ns: u64) -> f64 {
    time_ns as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "2^53 mJ are 285 years at 1 kW")]
fn thousandth(milli: u64) -> f64 {
    milli as f64 / 1e3
}

#[cfg(test)]
impl ProbeRow {
    pub(super) fn new(t_ns: u64, energy_mj: u64, power_mw: [u64; 2], busy: u8) -> Self {
        let [inst_mw, avg_mw] = power_mw;
        Self {
            t_ns,
            energy_mj,
            inst_mw,
            avg_mw,
            busy,
        }
    }
}
