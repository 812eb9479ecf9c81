//! Holding targets against estimates; the results as they lie in `targets.json`.

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::source::{Bound, Gauge, Seen, Target, TargetFile};
use crate::claim::{Bounds, Verdict};
use crate::estimate::{ComparisonRecord, EstimateRecord, Estimates, Metric, round_for_record};
use crate::floor::phase_floor;

/// The whole of `targets.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Where the numbers of other programs come from.
    pub seen_source: String,
    /// The targets in the order of the table.
    pub targets: Vec<TargetResult>,
}

/// A target, and how far the work is from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetResult {
    /// Short name.
    pub id: String,
    /// The work.
    pub workload: String,
    /// The sweep that decides.
    pub sweep: String,
    /// What is printed.
    pub metric: Metric,
    /// What is held against the bound.
    pub gauge: Gauge,
    /// The bound.
    pub bound: f64,
    /// Whether the bound is the least that is allowed, or the most.
    pub is_least: bool,
    /// Numbers of other programs.
    pub seen: Seen,
    /// Value of the metric at the floor of the board; absent where the work has none.
    pub floor: Option<f64>,
    /// What was measured, and its parts of the verdict; absent with a reason.
    pub measured: Option<MeasuredTarget>,
    /// The outcome.
    pub outcome: Outcome,
    /// How far the value is on the wrong side of the bound, in percent of the bound, where it is.
    pub missed_by_pct: Option<f64>,
    /// Why there is no value, or no ratio.
    pub reason: Option<String>,
}

/// The measurement of a target's point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTarget {
    /// Axis values.
    pub point: Point,
    /// The metric.
    pub value: TargetNumber,
    /// Share of the floor.
    pub floor_share: Option<TargetNumber>,
    /// How many times as fast as the peer, paired by block.
    pub speed_to_peer: Option<TargetNumber>,
    /// Boards among the runs.
    pub boards: usize,
    /// Product name of the device.
    pub device: String,
    /// Unit of the metric.
    pub unit: String,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetNumber {
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
    /// Runs or blocks that entered.
    pub n: usize,
}

/// What came of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole interval is on the right side of the bound.
    Met,
    /// The whole interval is on the wrong side.
    Missed,
    /// The interval reaches over the bound, or there is none.
    Undecided,
    /// The sweep has no such number.
    NotMeasured,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Met, Self::Missed, Self::Undecided, Self::NotMeasured];

    /// The word in data and in keys of numbers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::NotMeasured => "not_measured",
        }
    }
}

impl TargetNumber {
    fn bounds(self) -> Option<Bounds> {
        Some(Bounds {
            low: self.low?,
            high: self.high?,
        })
    }

    fn of(record: &EstimateRecord) -> Self {
        Self {
            value: record.value,
            low: record.low,
            high: record.high,
            n: record.n,
        }
    }

    fn of_ratio(record: &ComparisonRecord) -> Self {
        Self {
            value: record.value,
            low: record.low,
            high: record.high,
            n: record.n,
        }
    }

    fn scaled(self, scale: f64) -> Self {
        let scaled = |number: f64| round_for_record(number * scale);
        Self {
            value: scaled(self.value),
            low: self.low.map(scaled),
            high: self.high.map(scaled),
            n: self.n,
        }
    }

    /// `numerator` by this. Exact for geometric means: their logarithms change their sign.
    fn under(self, numerator: f64) -> Self {
        let under = |number: f64| round_for_record(numerator / number);
        Self {
            value: under(self.value),
            low: self.high.map(under),
            high: self.low.map(under),
            n: self.n,
        }
    }
}

/// Tests every target.
pub fn judge(file: &TargetFile, estimates: &Estimates) -> Targets {
    Targets {
        seen_source: file.seen_source.clone(),
        targets: file
            .targets
            .iter()
            .filter_map(|target| Some(result(target, target.bound().ok()?, estimates)))
            .collect(),
    }
}

fn result(target: &Target, bound: Bound, estimates: &Estimates) -> TargetResult {
    let found = record_of(target, estimates);
    let floor = match found {
        Ok(record) => floor(&record.point, &record.device, target.metric),
        Err(_) => floor(&target.point, &target.device, target.metric),
    };
    let blank = TargetResult {
        id: target.id.clone(),
        workload: target.workload.clone(),
        sweep: target.sweep.clone(),
        metric: target.metric,
        gauge: target.gauge,
        bound: bound.number(),
        is_least: matches!(bound, Bound::AtLeast(_)),
        seen: target.seen.clone(),
        floor: floor.map(round_for_record),
        measured: None,
        outcome: Outcome::NotMeasured,
        missed_by_pct: None,
        reason: None,
    };
    let record = match found {
        Ok(record) => record,
        Err(reason) => {
            return TargetResult {
                reason: Some(reason),
                ..blank
            };
        }
    };
    let measured = measured(record, estimates, floor);
    let gauged = match target.gauge {
        Gauge::Value => Ok(measured.value),
        Gauge::SpeedToPeer => measured
            .speed_to_peer
            .ok_or("no run of PyTorch in a block of the sweep does the same work"),
        Gauge::FloorShare => measured
            .floor_share
            .ok_or("the board has no ceiling for this work"),
    };
    let (outcome, missed_by_pct, reason) = match gauged {
        Ok(number) => {
            let outcome = outcome(bound, number);
            (outcome, missed_by(bound, number.value), None)
        }
        Err(reason) => (Outcome::NotMeasured, None, Some(reason.to_owned())),
    };
    TargetResult {
        measured: Some(measured),
        outcome,
        missed_by_pct,
        reason,
        ..blank
    }
}

fn outcome(bound: Bound, number: TargetNumber) -> Outcome {
    match bound.criterion().verdict(number.bounds()) {
        Verdict::Supported => Outcome::Met,
        Verdict::Refuted => Outcome::Missed,
        Verdict::Inconclusive | Verdict::Unavailable => Outcome::Undecided,
    }
}

fn missed_by(bound: Bound, value: f64) -> Option<f64> {
    let share = match bound {
        Bound::AtLeast(least) => 1.0 - value / least,
        Bound::AtMost(most) => value / most - 1.0,
    };
    (share > 0.0).then(|| round_for_record(share * 100.0))
}

fn record_of<'a>(target: &Target, estimates: &'a Estimates) -> Result<&'a EstimateRecord, String> {
    let Target {
        sweep,
        metric,
        point,
        ..
    } = target;
    if !estimates
        .estimates
        .iter()
        .any(|record| record.sweep == *sweep)
    {
        return Err(format!("not measured: there is no sweep '{sweep}'"));
    }
    match estimates.ours(sweep, *metric, point)[..] {
        [record] if record.device == target.device => Ok(record),
        [record] => Err(format!(
            "not measured on {}: sweep '{sweep}' ran on {}",
            target.device, record.device
        )),
        [] => Err(format!(
            "not measured: no faultless run at '{point}' in sweep '{sweep}' has {metric}"
        )),
        ref several => Err(format!(
            "'{point}' fits {} points of sweep '{sweep}'; name more axes in targets.toml",
            several.len()
        )),
    }
}

fn measured(record: &EstimateRecord, estimates: &Estimates, floor: Option<f64>) -> MeasuredTarget {
    let value = TargetNumber::of(record);
    let is_rate = record.metric == Metric::Throughput;
    let floor_share = floor.map(|floor| {
        if is_rate {
            value.scaled(1.0 / floor)
        } else {
            value.under(floor)
        }
    });
    let speed_to_peer = estimates
        .to_peer(record, record.metric)
        .map(|ratio| TargetNumber::of_ratio(&if is_rate { ratio } else { ratio.inverted() }));
    MeasuredTarget {
        point: record.point.clone(),
        value,
        floor_share,
        speed_to_peer,
        boards: record.boards,
        device: record.device.clone(),
        unit: record.unit.clone(),
        provenance: record.provenance,
    }
}

/// The metric at the floor: the least time of its phase, or the highest rate.
fn floor(point: &Point, device: &str, metric: Metric) -> Option<f64> {
    use model::cost::workload;

    let of = |phase| Some(phase_floor(point, device, phase)?.get());
    let steps = || {
        let steps = point
            .get(Axis::DecodeTokens)
            .and_then(AxisValue::as_integer);
        steps.filter(|steps| *steps > 0).map(count)
    };
    let iteration = || {
        let phases = workload::phases(point).ok()?;
        phases
            .iter()
            .map(|phase| of(phase.name))
            .sum::<Option<f64>>()
    };
    match metric {
        Metric::InferTime => of("infer"),
        Metric::EncodeTime => of("encode"),
        Metric::PrefillTime => of("prefill"),
        Metric::DecodeStepTime => Some(of("decode")? / steps()?),
        Metric::IterationTime => iteration(),
        Metric::Throughput => {
            let phases = workload::phases(point).ok()?;
            Some(count(phases.last()?.units) / iteration()?)
        }
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of work are far below 2^53"
)]
fn count(value: u64) -> f64 {
    value as f64
}
