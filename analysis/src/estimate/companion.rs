//! The bootstrap-t interval beside the t interval of a point, where the protocol asks for one: under
//! skew, where t intervals cover less than they say, and from as many runs on as can check them.

use model::point::Point;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use statistics::bootstrap::{RESAMPLES, Resampling, bootstrap_t_log};
use statistics::error::{StatisticsError, logarithms};
use statistics::interval::Level;
use statistics::location::Companion;
use statistics::moments::Moments;

use super::interval::LEVEL;
use super::metric::Metric;
use super::record::round_for_record;

/// A bootstrap-t interval of a geometric mean, on the logarithms of the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapRecord {
    /// What called for it.
    pub because: Companion,
    /// Lower bound; absent with a reason.
    pub low: Option<f64>,
    /// Upper bound; absent with a reason.
    pub high: Option<f64>,
    /// Resamples that were drawn.
    pub resamples: usize,
    /// Those without scatter, which have no t statistic and were left out.
    pub dropped: usize,
    /// The seed of the resamples: of the sweep, the point and the metric.
    pub seed: u64,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// The record beside the t interval of these values; nothing where the rule asks for none.
pub(super) fn beside(values: &[f64], seed: u64) -> Option<BootstrapRecord> {
    let logs = logarithms("runs", values).ok()?;
    let because = Companion::for_sample(&Moments::of("runs", &logs).ok()?);
    because.bootstrap_t().then(|| {
        let blank = BootstrapRecord {
            because,
            low: None,
            high: None,
            resamples: RESAMPLES,
            dropped: 0,
            seed,
            reason: None,
        };
        match interval(values, seed) {
            Ok(found) => BootstrapRecord {
                low: Some(round_for_record(found.interval.low)),
                high: Some(round_for_record(found.interval.high)),
                dropped: found.dropped,
                ..blank
            },
            Err(error) => BootstrapRecord {
                reason: Some(error.to_string()),
                ..blank
            },
        }
    })
}

fn interval(
    values: &[f64],
    seed: u64,
) -> Result<statistics::bootstrap::BootstrapT, StatisticsError> {
    bootstrap_t_log(values, Level::new(LEVEL)?, &Resampling::from_seed(seed))
}

/// The seed of a metric of a point of a sweep. 53 bits, so that it survives JSON readers that hold
/// numbers as f64.
pub(super) fn seed_of(sweep: &str, point: &Point, metric: Metric) -> u64 {
    let json = serde_json::to_vec(&(sweep, point, metric)).expect("names and axes are plain data");
    let digest = Sha256::digest(&json);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first) >> 11
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::llama_point;

    #[test]
    fn few_runs_without_skew_have_none() {
        assert_eq!(beside(&[1.0, 1.1, 0.9, 1.05, 0.95], 7), None);
        assert_eq!(beside(&[1.0], 7), None);
    }

    #[test]
    fn skew_calls_for_one_and_its_interval_reaches_further_to_the_long_side() {
        let values = [1.0, 1.01, 0.99, 1.02, 1.0, 1.6];
        let record = beside(&values, 7).expect("|g1| is 1.8");
        assert_eq!(record.because, Companion::SkewedSoBootstrapT);
        let mean = libm::exp(values.iter().map(|value| libm::log(*value)).sum::<f64>() / 6.0);
        let (low, high) = (record.low.unwrap(), record.high.unwrap());
        assert!(low < mean && mean < high);
        assert!(high / mean > mean / low, "[{low}, {high}] around {mean}");
        assert_eq!((record.resamples, record.reason), (RESAMPLES, None));
    }

    #[test]
    fn twenty_runs_call_for_one_and_equal_ones_say_why_there_is_none() {
        let spread: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i % 5)).collect();
        let record = beside(&spread, 7).expect("twenty runs");
        assert_eq!(record.because, Companion::ManySoBootstrapT);
        // As many runs without skew: the t interval says nearly the same.
        let t = statistics::location::geometric_mean_t(&spread, Level::P95).unwrap();
        let width = record.high.unwrap() - record.low.unwrap();
        assert!(
            (width / (t.high - t.low) - 1.0).abs() < 0.1,
            "{record:?}, {t:?}"
        );
        let equal = beside(&[3.0; 20], 7).expect("twenty runs");
        assert_eq!((equal.low, equal.high), (None, None));
        assert!(equal.reason.is_some_and(|reason| !reason.is_empty()));
    }

    #[test]
    fn the_seed_is_that_of_sweep_point_and_metric() {
        let (one, eight) = (llama_point("candle", 1, 512), llama_point("candle", 8, 512));
        let seed = seed_of("s", &one, Metric::EnergyPerUnit);
        assert_eq!(seed, seed_of("s", &one, Metric::EnergyPerUnit));
        assert_ne!(seed, seed_of("t", &one, Metric::EnergyPerUnit));
        assert_ne!(seed, seed_of("s", &eight, Metric::EnergyPerUnit));
        assert_ne!(seed, seed_of("s", &one, Metric::MeanPower));
        assert!(seed < 1 << 53);
    }
}
