//! The mean of one run and how sure the run itself is of it.
//!
//! A run is the unit of replication, so nothing here enters a published interval: it is a diagnosis
//! of the run, and it is withheld where the run holds too few effectively independent values.

use serde::{Deserialize, Serialize};

use crate::autocorrelation::{LjungBox, autocorrelations, effective_sample_size, ljung_box};
use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::sum::number;

/// Batches of a run. With ten, a 95 % interval still covers 93 % where neighbours among 600 values
/// correlate with 0.9; with twenty it covers 90 %.
pub const BATCHES: usize = 10;

/// Effective sample size below which batch means are themselves too correlated for an interval.
pub const MINIMUM_EFFECTIVE_SIZE: f64 = 30.0;

/// Lags of the Ljung-Box test, of a series five times as long; shorter series use a fifth.
const LJUNG_BOX_LAGS: usize = 10;

/// Means of `count` successive batches of nearly equal length.
///
/// # Errors
/// Fewer than two batches, fewer than two values for each, or a value that is not finite.
pub fn batch_means(values: &[f64], count: usize) -> Result<Vec<f64>, StatisticsError> {
    require_count("batches", 2, count)?;
    require_count("values of the series", 2 * count, values.len())?;
    require_finite("values of the series", values)?;
    Ok((0..count)
        .map(|batch| {
            let bounds = batch * values.len() / count..(batch + 1) * values.len() / count;
            mean(&values[bounds])
        })
        .collect())
}

/// The mean of a series, with a t interval over the means of `count` batches (`count − 1` degrees of
/// freedom). `n` of the interval is the number of batches.
///
/// # Errors
/// As [`batch_means`].
pub fn batch_means_interval(
    values: &[f64],
    count: usize,
    level: Level,
) -> Result<Interval, StatisticsError> {
    let means = batch_means(values, count)?;
    let centre = mean(&means);
    let squares: f64 = means
        .iter()
        .map(|value| (value - centre) * (value - centre))
        .sum();
    let batches = number(count);
    let standard_error = (squares / (batches - 1.0) / batches).sqrt();
    let quantile = student_t_quantile(level.upper_point(), batches - 1.0);
    Ok(Interval::symmetric(
        mean(values),
        quantile * standard_error,
        level,
        count,
        Method::BatchMeansT,
    ))
}

/// What one run says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithinRun {
    /// Values of the run: iterations, or batches of iterations.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Correlation of neighbours.
    pub lag1: f64,
    /// Effectively independent values (Geyer).
    pub effective_size: f64,
    /// Test of the hypothesis that nothing is correlated.
    pub ljung_box: LjungBox,
    /// Interval over ten batch means; none below an effective size of
    /// [`MINIMUM_EFFECTIVE_SIZE`].
    pub interval: Option<Interval>,
}

impl WithinRun {
    /// Diagnoses the values of one run in the order of time.
    ///
    /// # Errors
    /// Fewer than two values for each of ten batches, values that are not finite or all equal.
    pub fn of(values: &[f64], level: Level) -> Result<Self, StatisticsError> {
        let interval = batch_means_interval(values, BATCHES, level)?;
        let effective_size = effective_sample_size(values)?;
        Ok(Self {
            n: values.len(),
            mean: interval.value,
            lag1: autocorrelations(values, 1)?[0],
            effective_size,
            ljung_box: ljung_box(values, LJUNG_BOX_LAGS.min(values.len() / 5))?,
            interval: (effective_size >= MINIMUM_EFFECTIVE_SIZE).then_some(interval),
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().map(|value| value - values[0]).sum::<f64>() / number(values.len()) + values[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::autoregressive;

    #[test]
    fn batches_share_every_value() {
        let means = batch_means(&[1.0, 3.0, 5.0, 7.0, 9.0], 2).unwrap();
        assert_eq!(means, [2.0, 7.0]);
        assert!(batch_means(&[1.0, 2.0, 3.0], 2).is_err());
    }

    #[test]
    fn interval_by_hand() {
        // Batch means 2, 6: mean 4, s = √8, standard error 2, t(0.975; 1) = 12.706.
        let interval = batch_means_interval(&[1.0, 3.0, 5.0, 7.0], 2, Level::P95).unwrap();
        assert!((interval.value - 4.0).abs() < 1e-15);
        assert!((interval.half_width() - 2.0 * 12.706_204_736_174_694).abs() < 1e-8);
        assert_eq!((interval.n, interval.method), (2, Method::BatchMeansT));
    }

    #[test]
    fn ten_batches_cover_correlated_series() {
        let covered = (0..2000)
            .filter(|&seed| {
                batch_means_interval(&autoregressive(seed, 1, 600, 0.9), BATCHES, Level::P95)
                    .unwrap()
                    .contains(0.0)
            })
            .count();
        // 94.0 % expected; the standard error of the count is 11.
        assert!(covered > 1840 && covered < 1930, "{covered}");
    }

    #[test]
    fn the_interval_is_withheld_where_the_run_is_one_long_swing() {
        let withheld = (0..200)
            .filter(|&seed| {
                WithinRun::of(&autoregressive(seed, 1, 600, 0.97), Level::P95)
                    .unwrap()
                    .interval
                    .is_none()
            })
            .count();
        assert!(withheld >= 180, "{withheld} of 200");
        let quiet = WithinRun::of(&autoregressive(1, 1, 600, 0.0), Level::P95).unwrap();
        assert!(quiet.interval.is_some() && quiet.lag1.abs() < 0.2);
    }
}
