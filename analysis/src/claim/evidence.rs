//! Finding the numbers that a test is about.

use model::point::Point;
use model::provenance::Provenance;

use super::source::ClaimTest;
use super::verdict::{Bounds, Criterion};
use crate::emulated::{Curves, EmulatedEvidence};
use crate::estimate::{ComparisonRecord, EstimateRecord, Estimates, Metric};
use crate::imported::{SensorQuantity, SensorReport};

/// A number that a criterion is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) subject: String,
    pub(super) value: f64,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) level: f64,
    pub(super) n: usize,
    pub(super) unit: String,
    pub(super) provenance: Provenance,
    pub(super) reason: Option<String>,
}

impl Number {
    pub(super) fn bounds(&self) -> Option<Bounds> {
        Some(Bounds {
            low: self.low?,
            high: self.high?,
        })
    }
}

/// Everything that claims may be about.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// Estimates of points, and their ratios.
    pub estimates: &'a Estimates,
    /// What is known of sensors.
    pub sensors: &'a SensorReport,
    /// Curves and best clocks of emulated sweeps, where they were derived.
    pub curves: Option<&'a Curves>,
    /// What else is known of the emulator, where it was derived.
    pub emulated: Option<&'a EmulatedEvidence>,
}

impl Findings<'_> {
    /// The numbers of a test, or why there are none.
    pub(super) fn numbers(&self, test: &ClaimTest) -> Result<Vec<Number>, String> {
        match test {
            ClaimTest::RatioAtLeast {
                sweep,
                metric,
                numerator,
                denominator,
                ..
            }
            | ClaimTest::RatioWithin {
                sweep,
                metric,
                numerator,
                denominator,
                ..
            } => {
                let above = self.single_point(sweep, *metric, numerator)?;
                let below = self.single_point(sweep, *metric, denominator)?;
                self.estimates
                    .ratio(sweep, *metric, &above.point, &below.point)
                    .map(|record| vec![of_ratio(record)])
                    .ok_or_else(|| {
                        format!(
                            "'{numerator}' and '{denominator}' of sweep '{sweep}' share no block, \
                             or differ in more than one respect"
                        )
                    })
            }
            ClaimTest::PeerRatioAtLeast {
                sweep,
                metric,
                points,
                ..
            } => self.to_peer(sweep, *metric, points),
            ClaimTest::EstimateWithin {
                sweep,
                metric,
                points,
                ..
            } => self
                .points(sweep, *metric, points)
                .map(|records| records.into_iter().map(of_estimate).collect()),
            ClaimTest::SensorWithin { keys, .. } | ClaimTest::SensorBeyond { keys, .. } => {
                keys.iter().map(|key| self.sensor(key)).collect()
            }
            ClaimTest::OptimumRatioWithin {
                sweeps,
                phase,
                objective,
                metric,
                ..
            } => self.optimum_ratios(sweeps, phase, *objective, *metric),
            ClaimTest::OptimumClockAtLeast {
                sweeps,
                objective,
                numerator,
                denominator,
                ..
            } => self.optimum_clocks(sweeps, *objective, numerator, denominator),
            ClaimTest::CounterTruthWithin {
                sweeps, quantity, ..
            } => self.counter_truth(sweeps, *quantity),
            ClaimTest::ResidualsWithin { used_for, .. } => self.residual_shares(used_for),
            ClaimTest::ToolsWithin { loads, .. } => self.tool_errors(loads),
            ClaimTest::WorstToolAtLeast { loads, .. } => self.worst_tool_error(loads),
        }
    }

    fn single_point(
        &self,
        sweep: &str,
        metric: Metric,
        selector: &Point,
    ) -> Result<&EstimateRecord, String> {
        let records = self.points(sweep, metric, selector)?;
        let ours = self.estimates.ours(sweep, metric, selector);
        match (&records[..], &ours[..]) {
            ([record], _) | (_, [record]) => Ok(record),
            _ => Err(format!(
                "'{selector}' fits {} points of sweep '{sweep}'; name more axes",
                if ours.is_empty() {
                    records.len()
                } else {
                    ours.len()
                }
            )),
        }
    }

    /// The peer's metric by ours, at each point of ours that has a peer.
    fn to_peer(self, sweep: &str, metric: Metric, selector: &Point) -> Result<Vec<Number>, String> {
        self.points(sweep, metric, selector)?;
        let ours = self.estimates.ours(sweep, metric, selector);
        let ratios: Vec<Number> = ours
            .into_iter()
            .filter_map(|record| self.estimates.to_peer(record, metric))
            .map(|ratio| of_ratio(ratio.inverted()))
            .collect();
        if ratios.is_empty() {
            return Err(format!(
                "no peer did the work of '{selector}' in a block of sweep '{sweep}'"
            ));
        }
        Ok(ratios)
    }

    fn points(
        &self,
        sweep: &str,
        metric: Metric,
        selector: &Point,
    ) -> Result<Vec<&EstimateRecord>, String> {
        let records: Vec<&EstimateRecord> = self
            .estimates
            .estimates
            .iter()
            .filter(|record| {
                record.sweep == sweep && record.metric == metric && record.point.contains(selector)
            })
            .collect();
        if !records.is_empty() {
            return Ok(records);
        }
        let missing = self.estimates.missing.iter().find(|record| {
            record.sweep == sweep && record.metric == metric && record.point.contains(selector)
        });
        Err(match missing {
            Some(record) => format!("no {metric} at '{selector}': {}", record.reason),
            None => format!("no faultless run at '{selector}' in sweep '{sweep}'"),
        })
    }

    fn sensor(&self, key: &str) -> Result<Number, String> {
        self.sensors.get(key).map(of_sensor).ok_or_else(|| {
            let unread: Vec<String> = self
                .sensors
                .unread
                .iter()
                .map(|source| format!("{}: {}", source.source, source.reason))
                .collect();
            if unread.is_empty() {
                format!("no sensor number '{key}'")
            } else {
                format!("no sensor number '{key}' ({})", unread.join("; "))
            }
        })
    }
}

impl ClaimTest {
    pub(super) fn criterion(&self) -> Criterion {
        match self {
            Self::RatioAtLeast { bound, .. }
            | Self::PeerRatioAtLeast { bound, .. }
            | Self::OptimumClockAtLeast { bound, .. }
            | Self::WorstToolAtLeast { bound, .. } => Criterion::AtLeast(*bound),
            Self::EstimateWithin { low, high, .. }
            | Self::RatioWithin { low, high, .. }
            | Self::SensorWithin { low, high, .. }
            | Self::OptimumRatioWithin { low, high, .. }
            | Self::CounterTruthWithin { low, high, .. }
            | Self::ToolsWithin { low, high, .. } => Criterion::Within(*low, *high),
            Self::ResidualsWithin { bound, .. } => Criterion::Within(0.0, *bound),
            Self::SensorBeyond { bound, .. } => Criterion::Beyond(*bound),
        }
    }
}

fn of_ratio(record: ComparisonRecord) -> Number {
    Number {
        subject: format!(
            "{}: {} of ({}) to ({})",
            record.sweep, record.metric, record.numerator, record.denominator
        ),
        value: record.value,
        low: record.low,
        high: record.high,
        level: record.level,
        n: record.n,
        unit: "1".to_owned(),
        provenance: record.provenance,
        reason: record.reason,
    }
}

fn of_estimate(record: &EstimateRecord) -> Number {
    Number {
        subject: format!("{}: {} of ({})", record.sweep, record.metric, record.point),
        value: record.value,
        low: record.low,
        high: record.high,
        level: record.level,
        n: record.n,
        unit: record.unit.clone(),
        provenance: record.provenance,
        reason: record.reason.clone(),
    }
}

fn of_sensor(quantity: &SensorQuantity) -> Number {
    Number {
        subject: format!("{}: {}", quantity.source, quantity.key),
        value: quantity.value,
        low: quantity.low,
        high: quantity.high,
        level: quantity.level,
        n: quantity.n,
        unit: quantity.unit.clone(),
        provenance: quantity.provenance,
        reason: quantity.reason.clone(),
    }
}
