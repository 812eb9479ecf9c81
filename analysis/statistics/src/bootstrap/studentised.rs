//! Bootstrap-t: the resampled t statistic in place of Student's table.

use serde::{Deserialize, Serialize};

use super::resample::Resampling;
use crate::error::{StatisticsError, logarithms, require_count};
use crate::interval::{Interval, Level, Method};
use crate::moments::Moments;
use crate::quantile::r6_of_sorted;
use crate::sum::number;

/// With fewer values, resamples repeat each other so much that their t statistics say nothing.
const FROM_N: usize = 4;

/// A resample whose variance is below this share of the sample's is one value over and over, up to
/// rounding.
const NO_VARIANCE: f64 = 1e-12;

/// A bootstrap-t interval and what went into it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapT {
    /// The mean with its bounds, in the values' unit.
    pub interval: Interval,
    /// Resamples drawn.
    pub resamples: usize,
    /// Resamples without scatter, which have no t statistic and were left out.
    pub dropped: usize,
}

/// The mean with bounds `m − q(1 − α/2) · s/√n` and `m − q(α/2) · s/√n`, where q are quantiles of
/// the resampled `t* = (m* − m) / (s*/√n)` (Efron and Tibshirani 1993, chapter 12; quantiles at rank
/// `(B + 1) p`).
///
/// # Errors
/// Fewer than 4 values, one that is not finite, values that are all equal, or more than half of the
/// resamples without scatter.
pub fn bootstrap_t(
    values: &[f64],
    level: Level,
    resampling: &Resampling,
) -> Result<BootstrapT, StatisticsError> {
    let kernel = Studentised::of(values)?;
    let statistics = resampling.map(values.len(), |indices| kernel.statistic(indices));
    kernel.interval(&statistics, level)
}

/// The geometric mean of positive values: bootstrap-t on their logarithms, taken back by `exp`.
///
/// # Errors
/// As [`bootstrap_t`], or a value that is not positive.
pub fn bootstrap_t_log(
    values: &[f64],
    level: Level,
    resampling: &Resampling,
) -> Result<BootstrapT, StatisticsError> {
    let on_logs = bootstrap_t(&logarithms("values", values)?, level, resampling)?;
    Ok(BootstrapT {
        interval: on_logs.interval.through(Method::BootstrapT, libm::exp),
        ..on_logs
    })
}

/// A sample made ready for [`bootstrap_t`]. Resamples are given as indices into the ascending values.
#[derive(Clone, Debug)]
pub struct Studentised {
    moments: Moments,
    /// Ascending values less their mean: sums of squares of a resample then lose no digits.
    deviations: Vec<f64>,
}

impl Studentised {
    /// Sorts and centres a sample.
    ///
    /// # Errors
    /// Fewer than 4 values, one that is not finite, or values that are all equal.
    pub fn of(values: &[f64]) -> Result<Self, StatisticsError> {
        require_count("values for bootstrap-t", FROM_N, values.len())?;
        let moments = Moments::of("values", values)?;
        if moments.variance <= 0.0 {
            return Err(StatisticsError::NoVariance { what: "values" });
        }
        let mut deviations: Vec<f64> = values.iter().map(|value| value - moments.mean).collect();
        deviations.sort_by(f64::total_cmp);
        Ok(Self {
            moments,
            deviations,
        })
    }

    /// `t*` of one resample, or nothing where the resample has no scatter.
    ///
    /// # Panics
    /// Where an index is not below the number of values.
    #[inline]
    pub fn statistic(&self, indices: &[u32]) -> Option<f64> {
        let (mut sum, mut squares) = (0.0, 0.0);
        for &index in indices {
            let deviation = self.deviations[index as usize];
            sum += deviation;
            squares += deviation * deviation;
        }
        let n = number(indices.len());
        let mean = sum / n;
        let variance = (squares - sum * mean) / (n - 1.0);
        (variance > NO_VARIANCE * self.moments.variance).then(|| mean / (variance / n).sqrt())
    }

    /// The interval from the statistics of all resamples.
    ///
    /// # Errors
    /// [`StatisticsError::DegenerateResamples`] where more than half of them have no statistic.
    pub fn interval(
        &self,
        statistics: &[Option<f64>],
        level: Level,
    ) -> Result<BootstrapT, StatisticsError> {
        let mut usable: Vec<f64> = statistics.iter().copied().flatten().collect();
        if usable.is_empty() || usable.len() * 2 < statistics.len() {
            return Err(StatisticsError::DegenerateResamples {
                method: Method::BootstrapT,
                usable: usable.len(),
                resamples: statistics.len(),
            });
        }
        usable.sort_by(f64::total_cmp);
        let standard_error = self.moments.standard_error();
        let bound = |p: f64| self.moments.mean - r6_of_sorted(&usable, p) * standard_error;
        Ok(BootstrapT {
            interval: Interval {
                value: self.moments.mean,
                low: bound(level.upper_point()),
                high: bound(level.lower_tail()),
                level,
                n: self.moments.n,
                method: Method::BootstrapT,
            },
            resamples: statistics.len(),
            dropped: statistics.len() - usable.len(),
        })
    }
}

#[cfg(test)]
#[path = "studentised_tests.rs"]
mod tests;
