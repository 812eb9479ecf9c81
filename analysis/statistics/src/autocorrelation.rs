//! How much the values of one series repeat each other.
//!
//! Batches within a run are not independent: the board's temperature and its governor carry over
//! from one to the next. [`integrated_time`] says how many values are worth one independent value.

use serde::{Deserialize, Serialize};

use crate::distribution::chi_squared_upper_tail;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::number;

/// Fewest values of which an autocorrelation says anything.
pub const MINIMUM_LENGTH: usize = 4;

/// A series less its mean, with its variance (divisor n).
struct Centred {
    deviations: Vec<f64>,
    variance: f64,
}

impl Centred {
    fn of(what: &'static str, values: &[f64]) -> Result<Self, StatisticsError> {
        require_count(what, MINIMUM_LENGTH, values.len())?;
        require_finite(what, values)?;
        let n = number(values.len());
        let mean = values.iter().map(|value| value - values[0]).sum::<f64>() / n + values[0];
        let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let variance = deviations.iter().map(|value| value * value).sum::<f64>() / n;
        // The mean of equal values may be off by a rounding, which is no scatter.
        if variance.sqrt() <= 4.0 * f64::EPSILON * mean.abs() {
            return Err(StatisticsError::NoVariance { what });
        }
        Ok(Self {
            deviations,
            variance,
        })
    }

    /// Autocovariance with divisor n, which keeps the sequence positive definite.
    fn autocovariance(&self, lag: usize) -> f64 {
        let early = &self.deviations[..self.deviations.len() - lag];
        let late = &self.deviations[lag..];
        early.iter().zip(late).map(|(a, b)| a * b).sum::<f64>() / number(self.deviations.len())
    }
}

/// Autocorrelations at lags 1 to `lags`, with divisor n.
///
/// # Errors
/// Fewer than [`MINIMUM_LENGTH`] values or no more than `lags`, values that are not finite or all
/// equal.
pub fn autocorrelations(values: &[f64], lags: usize) -> Result<Vec<f64>, StatisticsError> {
    require_count("values of the series", lags + 1, values.len())?;
    let centred = Centred::of("values of the series", values)?;
    Ok((1..=lags)
        .map(|lag| centred.autocovariance(lag) / centred.variance)
        .collect())
}

/// The integrated autocorrelation time `τ = 1 + 2 Σ ρ_k`, in values: `n / τ` values are effectively
/// independent.
///
/// The sum ends by Geyer's initial monotone sequence (Statistical Science 7, 1992, section 3.3):
/// sums of neighbouring pairs of autocovariances are added while they are positive, none larger than
/// the one before. τ is never below 1: a series whose values alternate is not credited with more
/// values than it has.
///
/// # Errors
/// As [`autocorrelations`].
pub fn integrated_time(values: &[f64]) -> Result<f64, StatisticsError> {
    let centred = Centred::of("values of the series", values)?;
    let mut sum = 0.0;
    let mut last_pair = f64::INFINITY;
    for lag in (0..values.len() - 1).step_by(2) {
        let pair = centred.autocovariance(lag) + centred.autocovariance(lag + 1);
        if pair <= 0.0 {
            break;
        }
        last_pair = pair.min(last_pair);
        sum += last_pair;
    }
    Ok((2.0 * sum / centred.variance - 1.0).max(1.0))
}

/// Effective sample size, `n / τ`.
///
/// # Errors
/// As [`integrated_time`].
pub fn effective_sample_size(values: &[f64]) -> Result<f64, StatisticsError> {
    Ok(number(values.len()) / integrated_time(values)?)
}

/// A test of the hypothesis that a series is uncorrelated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LjungBox {
    /// `Q = n (n + 2) Σ ρ_k² / (n − k)`.
    pub statistic: f64,
    /// Lags summed over; the degrees of freedom of the χ² law.
    pub lags: usize,
    /// Probability of a larger statistic if nothing is correlated.
    pub p: f64,
}

/// The test of Ljung and Box (Biometrika 65, 1978) over lags 1 to `lags`.
///
/// # Errors
/// As [`autocorrelations`]; at least one lag is needed.
pub fn ljung_box(values: &[f64], lags: usize) -> Result<LjungBox, StatisticsError> {
    require_count("lags of the Ljung-Box test", 1, lags)?;
    let n = number(values.len());
    let statistic = autocorrelations(values, lags)?
        .iter()
        .zip(1..)
        .map(|(correlation, lag)| correlation * correlation / (n - number(lag)))
        .sum::<f64>()
        * n
        * (n + 2.0);
    Ok(LjungBox {
        statistic,
        lags,
        p: chi_squared_upper_tail(statistic, number(lags)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::autoregressive;

    fn median_effective(correlation: f64) -> f64 {
        let mut sizes: Vec<f64> = (0..401)
            .map(|seed| effective_sample_size(&autoregressive(seed, 0, 600, correlation)).unwrap())
            .collect();
        sizes.sort_by(f64::total_cmp);
        sizes[200]
    }

    #[test]
    fn autocorrelations_by_hand() {
        // Deviations -1.5, -0.5, 0.5, 1.5: sums of products 1.25, -1.5, -2.25 over 5.
        let found = autocorrelations(&[1.0, 2.0, 3.0, 4.0], 3).unwrap();
        for (found, expected) in found.iter().zip([0.25, -0.3, -0.45]) {
            assert!((found - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn ljung_box_by_hand() {
        // The series above: Q = 4·6·(0.25²/3 + 0.3²/2) = 1.58; the χ² law with 2 degrees of freedom
        // has upper tail exp(−Q/2).
        let test = ljung_box(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert!((test.statistic - 1.58).abs() < 1e-12);
        assert!((test.p - libm::exp(-0.79)).abs() < 1e-12);
    }

    #[test]
    fn the_effective_size_of_autoregressive_series_is_that_of_theory() {
        for correlation in [0.0, 0.5, 0.9] {
            let theory = 600.0 * (1.0 - correlation) / (1.0 + correlation);
            let median = median_effective(correlation);
            assert!(
                (median / theory - 1.0).abs() < 0.25,
                "{correlation}: {median} for {theory}"
            );
        }
    }

    #[test]
    fn a_series_that_alternates_has_no_more_values_than_it_has() {
        let alternating: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert!((effective_sample_size(&alternating).unwrap() - 100.0).abs() < 1e-12);
    }

    #[test]
    fn equal_values_have_no_autocorrelation() {
        assert!(matches!(
            integrated_time(&[0.1; 50]),
            Err(StatisticsError::NoVariance { .. })
        ));
        assert!(autocorrelations(&[1.0, 2.0, 3.0, 4.0], 4).is_err());
    }
}
