//! Estimates as they lie in `estimates.json`.

use model::point::Point;
use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::companion::BootstrapRecord;
use super::interval::{Estimate, LEVEL, Method};
use super::metric::Metric;
use crate::quantity::Quantity;

/// Version of `estimates.json`. Changelog: 1 = first; 2 = `bootstrap_t` of estimates.
pub const ESTIMATES_SCHEMA: u32 = 2;

/// The whole of `estimates.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// [`ESTIMATES_SCHEMA`] of the writer.
    pub schema: u32,
    /// One record for each point and metric, sorted by sweep, point and metric.
    pub estimates: Vec<EstimateRecord>,
    /// Ratios of points that differ in one axis, sorted alike.
    pub comparisons: Vec<ComparisonRecord>,
    /// Metrics that no run of a point has, and why.
    pub missing: Vec<MissingRecord>,
}

/// One metric of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateRecord {
    /// Name of the sweep.
    pub sweep: String,
    /// The axis values.
    pub point: Point,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// Product name of the device.
    pub device: String,
    /// Boards among the runs; more than one means that their spread is part of the interval.
    pub boards: usize,
    /// Library that computed, with its version.
    pub engine_name: Option<String>,
    /// Where the weights came from.
    pub weights: Option<String>,
    /// What tells these weights from others; absent where the worker does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_id: Option<String>,
    /// What was estimated.
    pub metric: Metric,
    /// Unit of value and bounds.
    pub unit: String,
    /// The estimate.
    pub value: f64,
    /// Lower bound; absent with a reason.
    pub low: Option<f64>,
    /// Upper bound; absent with a reason.
    pub high: Option<f64>,
    /// Confidence level of the bounds.
    pub level: f64,
    /// Runs that entered.
    pub n: usize,
    /// How it was computed.
    pub method: Method,
    /// The bootstrap-t interval beside the bounds, where the runs are skewed or many. Claims rest on
    /// the bounds whatever it says: which interval decides is not chosen after the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_t: Option<BootstrapRecord>,
    /// Whether all runs produced the same output; absent where no worker gave a digest.
    pub digest_consistent: Option<bool>,
    /// Why there is no interval, or what the reader must know.
    pub reason: Option<String>,
}

/// One metric of a point relative to another point of the same sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonRecord {
    /// Name of the sweep.
    pub sweep: String,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// Product name of the device.
    pub device: String,
    /// What was compared.
    pub metric: Metric,
    /// The point above the line.
    pub numerator: Point,
    /// The point below the line.
    pub denominator: Point,
    /// The ratio.
    pub value: f64,
    /// Lower bound; absent with a reason.
    pub low: Option<f64>,
    /// Upper bound; absent with a reason.
    pub high: Option<f64>,
    /// Confidence level of the bounds.
    pub level: f64,
    /// Blocks in which both points have a faultless run.
    pub n: usize,
    /// How it was computed.
    pub method: Method,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// A metric that a point does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingRecord {
    /// Name of the sweep.
    pub sweep: String,
    /// The axis values.
    pub point: Point,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// What is missing.
    pub metric: Metric,
    /// Why.
    pub reason: String,
}

/// An estimate without its type, as records hold it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bare {
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) level: f64,
    pub(crate) n: usize,
    pub(crate) method: Method,
    pub(crate) reason: Option<String>,
}

impl Bare {
    pub(crate) fn of<U: Quantity>(estimate: &Estimate<U>) -> Self {
        let number = |quantity: U| round_for_record(quantity.number());
        Self {
            value: number(estimate.value),
            low: estimate.interval.ok().map(|interval| number(interval.low)),
            high: estimate.interval.ok().map(|interval| number(interval.high)),
            level: LEVEL,
            n: estimate.n,
            method: estimate.method,
            reason: estimate.interval.err().map(|reason| reason.to_string()),
        }
    }
}

impl ComparisonRecord {
    /// The same comparison with the points exchanged.
    #[must_use]
    pub fn inverted(&self) -> Self {
        let inverse = |number: f64| round_for_record(1.0 / number);
        Self {
            numerator: self.denominator.clone(),
            denominator: self.numerator.clone(),
            value: inverse(self.value),
            low: self.high.map(inverse),
            high: self.low.map(inverse),
            ..self.clone()
        }
    }
}

impl Estimates {
    /// The estimate of a metric at exactly this point.
    pub fn get(&self, sweep: &str, point: &Point, metric: Metric) -> Option<&EstimateRecord> {
        self.estimates.iter().find(|record| {
            record.sweep == sweep && record.metric == metric && record.point == *point
        })
    }

    /// The ratio of two points, whichever way round it was recorded.
    pub fn ratio(
        &self,
        sweep: &str,
        metric: Metric,
        numerator: &Point,
        denominator: &Point,
    ) -> Option<ComparisonRecord> {
        let of = |record: &&ComparisonRecord| record.sweep == sweep && record.metric == metric;
        let mut records = self.comparisons.iter().filter(of);
        records.find_map(|record| {
            if (&record.numerator, &record.denominator) == (numerator, denominator) {
                Some(record.clone())
            } else if (&record.numerator, &record.denominator) == (denominator, numerator) {
                Some(record.inverted())
            } else {
                None
            }
        })
    }
}

/// Twelve significant digits: the quantile of t goes through the platform's `pow`, whose last bits
/// may differ between machines, and records must not.
pub fn round_for_record(value: f64) -> f64 {
    format!("{value:.11e}")
        .parse()
        .expect("a formatted float parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_twelve_digits() {
        assert_eq!(round_for_record(1.0 / 3.0), 0.333_333_333_333);
        assert_eq!(round_for_record(200.0), 200.0);
        assert!(round_for_record(f64::INFINITY).is_infinite());
    }
}
