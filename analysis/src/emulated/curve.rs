//! Energy, time, EDP and ED²P of one unit of work over the core clock.
//!
//! EDP is energy times delay, ED²P energy times delay squared (Gonzalez and Horowitz 1996), both of
//! one unit of output. Each is estimated as every metric is: geometric mean over runs, t interval on
//! logarithms; relative to the highest clock paired by block.

use std::collections::BTreeMap;

use model::axis::{Axis, AxisValue};
use serde::{Deserialize, Serialize};

use crate::estimate::{Estimate, geometric_mean, paired_ratio, round_for_record};
use crate::quantity::{Quantity, Ratio};
use crate::row::Row;

/// What is to be made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Energy of one unit of output, in joules.
    Energy,
    /// Energy times delay, in J·s.
    Edp,
    /// Energy times delay squared, in J·s².
    Ed2p,
}

impl Objective {
    /// Every objective, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Energy, Self::Edp, Self::Ed2p];

    /// The word in data and in keys of numbers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Edp => "edp",
            Self::Ed2p => "ed2p",
        }
    }

    /// The word in print.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Edp => "EDP",
            Self::Ed2p => "ED²P",
        }
    }

    /// Energy (J) and time (s) of a unit to the objective.
    fn of(self, energy_j: f64, time_s: f64) -> f64 {
        match self {
            Self::Energy => energy_j,
            Self::Edp => energy_j * time_s,
            Self::Ed2p => energy_j * time_s * time_s,
        }
    }
}

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stat {
    /// The estimate.
    pub value: f64,
    /// Lower bound; absent where there is one run.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
}

impl Stat {
    fn of(estimate: &Estimate<Ratio>) -> Self {
        let bounds = estimate.interval.ok();
        let round = |ratio: Ratio| round_for_record(ratio.number());
        Self {
            value: round(estimate.value),
            low: bounds.map(|bounds| round(bounds.low)),
            high: bounds.map(|bounds| round(bounds.high)),
        }
    }
}

/// One clock of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPoint {
    /// Clock that was asked for.
    pub sm_clock_mhz: u32,
    /// Clock that ran, mean over time and runs; lower where the power limit holds it down.
    pub achieved_mhz: Option<f64>,
    /// Runs.
    pub n: usize,
    /// Time of one unit of output in seconds.
    pub time_s: Stat,
    /// Each objective, in its unit.
    pub objectives: BTreeMap<Objective, Stat>,
    /// Each objective relative to the highest clock.
    pub relative: BTreeMap<Objective, Stat>,
    /// Time relative to the highest clock.
    pub relative_time: Stat,
}

/// One phase of work on one board, over the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Name of the sweep.
    pub sweep: String,
    /// Product name of the board.
    pub device: String,
    /// `prefill` or `decode`.
    pub phase: String,
    /// Unit of output.
    pub unit: String,
    /// The clocks, ascending.
    pub points: Vec<ClockPoint>,
}

/// What a run says of its clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) energy_j: f64,
    pub(super) time_s: f64,
    achieved_mhz: Option<f64>,
}

/// Runs by block.
pub(super) type Runs = BTreeMap<u32, Run>;

/// Runs of one curve by clock and block.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) unit: String,
    pub(super) clocks: BTreeMap<u32, Runs>,
}

/// What tells curves apart: sweep, device, phase.
pub(super) type CurveKey = (String, String, String);

/// The faultless runs of each curve.
pub(super) fn measured<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<CurveKey, Measured> {
    let mut curves: BTreeMap<CurveKey, Measured> = BTreeMap::new();
    for row in rows.filter(|row| row.is_faultless() && row.role.is_point()) {
        let phase = row.point.get(Axis::Phase).and_then(AxisValue::as_text);
        let clock = row
            .point
            .get(Axis::SmClockMhz)
            .and_then(AxisValue::as_integer)
            .and_then(|mhz| u32::try_from(mhz).ok());
        let rate = row.throughput_per_s.map(Quantity::number);
        let energy = row.energy_per_unit_j.map(Quantity::number);
        let (Some(phase), Some(clock), Some(rate), Some(energy_j)) = (phase, clock, rate, energy)
        else {
            continue;
        };
        let key = (row.sweep.clone(), row.device.clone(), phase.to_owned());
        let curve = curves.entry(key).or_default();
        curve.unit = row.unit.clone().unwrap_or_else(|| "unit".to_owned());
        let run = Run {
            energy_j,
            time_s: 1.0 / rate,
            achieved_mhz: row.sm_clock_mean_mhz,
        };
        curve
            .clocks
            .entry(clock)
            .or_default()
            .insert(row.block, run);
    }
    curves
}

/// The curve of runs; nothing where no clock has a usable run.
pub(super) fn curve(key: &CurveKey, measured: &Measured) -> Option<Curve> {
    let (_, reference) = measured.clocks.last_key_value()?;
    let points: Vec<ClockPoint> = measured
        .clocks
        .iter()
        .filter_map(|(clock, runs)| point(*clock, runs, reference))
        .collect();
    let (sweep, device, phase) = key.clone();
    (!points.is_empty()).then(|| Curve {
        sweep,
        device,
        phase,
        unit: measured.unit.clone(),
        points,
    })
}

fn point(clock: u32, runs: &Runs, reference: &Runs) -> Option<ClockPoint> {
    let absolute = |get: &dyn Fn(&Run) -> f64| {
        let values: Vec<Ratio> = runs.values().map(|run| Ratio::of(get(run))).collect();
        geometric_mean(&values)
            .ok()
            .map(|estimate| Stat::of(&estimate))
    };
    let mut objectives = BTreeMap::new();
    let mut relative = BTreeMap::new();
    for objective in Objective::ALL {
        let get = |run: &Run| objective.of(run.energy_j, run.time_s);
        objectives.insert(objective, absolute(&get)?);
        relative.insert(objective, ratio(runs, reference, get)?);
    }
    let achieved: Vec<f64> = runs.values().filter_map(|run| run.achieved_mhz).collect();
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Some(ClockPoint {
        sm_clock_mhz: clock,
        achieved_mhz: (!achieved.is_empty()).then(|| round_for_record(mean(&achieved))),
        n: runs.len(),
        time_s: absolute(&|run| run.time_s)?,
        objectives,
        relative,
        relative_time: ratio(runs, reference, |run| run.time_s)?,
    })
}

/// The ratio of two clocks, paired by block.
pub(super) fn ratio(above: &Runs, below: &Runs, get: impl Fn(&Run) -> f64) -> Option<Stat> {
    let pairs: Vec<(Ratio, Ratio)> = above
        .iter()
        .filter_map(|(block, run)| {
            let other = below.get(block)?;
            Some((Ratio::of(get(run)), Ratio::of(get(other))))
        })
        .collect();
    paired_ratio(&pairs)
        .ok()
        .map(|estimate| Stat::of(&estimate))
}

/// The objective of a run.
pub(super) fn value(objective: Objective, run: &Run) -> f64 {
    objective.of(run.energy_j, run.time_s)
}
