//! Percentile, basic and `BCa` intervals of any statistic of independent values.

use super::resample::{Resampling, Urn};
use crate::distribution::{normal_cdf, normal_quantile};
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::quantile::r6_of_sorted;
use crate::sum::{Sum, number};

/// The least number of values for which these intervals are given.
pub const PERCENTILE_FROM_N: usize = 20;

/// Whether the protocol's least number of values holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFloor {
    /// Refuse below [`PERCENTILE_FROM_N`] values.
    Protocol,
    /// Accept any two values, to show in a simulation how little such intervals cover.
    WaivedForStudy,
}

impl SampleFloor {
    pub(super) fn require(self, method: Method, got: usize) -> Result<(), StatisticsError> {
        require_count("values", 2, got)?;
        if self == Self::Protocol && got < PERCENTILE_FROM_N {
            return Err(StatisticsError::ResamplingRefused {
                method,
                needed: PERCENTILE_FROM_N,
                got,
            });
        }
        Ok(())
    }
}

/// Quantiles α/2 and 1 − α/2 of the resampled statistic, at rank `(B + 1) p`.
///
/// # Errors
/// Fewer values than the floor, one that is not finite, or a statistic that is not finite.
pub fn percentile(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64 + Sync,
    level: Level,
    floor: SampleFloor,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    let method = Method::BootstrapPercentile;
    let sample = Resampled::of(values, statistic, method, floor, resampling)?;
    Ok(sample.interval(percentile_bounds(&sample.replicates, level), level, method))
}

/// Those quantiles reflected at the estimate: `2θ − q(1 − α/2)` and `2θ − q(α/2)`.
///
/// # Errors
/// As [`percentile`].
pub fn basic(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64 + Sync,
    level: Level,
    floor: SampleFloor,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    let method = Method::BootstrapBasic;
    let sample = Resampled::of(values, statistic, method, floor, resampling)?;
    Ok(sample.interval(
        basic_bounds(&sample.replicates, sample.value, level),
        level,
        method,
    ))
}

/// Bias-corrected and accelerated percentiles (Efron, JASA 82, 1987), the acceleration from the
/// jackknife.
///
/// # Errors
/// As [`percentile`], or [`StatisticsError::DegenerateResamples`] where all resampled statistics lie
/// on one side of the estimate.
pub fn bca(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64 + Sync,
    level: Level,
    floor: SampleFloor,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    let method = Method::BootstrapBca;
    let sample = Resampled::of(values, &statistic, method, floor, resampling)?;
    let acceleration = acceleration(values, &statistic)?;
    let bounds = bca_bounds(&sample.replicates, sample.value, acceleration, level)?;
    Ok(sample.interval(bounds, level, method))
}

/// A statistic, and its ascending values over all resamples.
struct Resampled {
    value: f64,
    replicates: Vec<f64>,
    n: usize,
}

impl Resampled {
    fn of(
        values: &[f64],
        statistic: impl Fn(&[f64]) -> f64 + Sync,
        method: Method,
        floor: SampleFloor,
        resampling: &Resampling,
    ) -> Result<Self, StatisticsError> {
        floor.require(method, values.len())?;
        require_count("resamples", 1, resampling.resamples)?;
        require_finite("values", values)?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let urn = Urn::of(sorted.len());
        let mut replicates = resampling.map_drawn(
            sorted.len(),
            |generator, indices| urn.fill(generator, indices),
            || vec![0.0; sorted.len()],
            |resample, indices| {
                for (value, &index) in resample.iter_mut().zip(indices) {
                    *value = sorted[index as usize];
                }
                statistic(resample)
            },
        );
        require_finite("resampled statistic", &replicates)?;
        replicates.sort_by(f64::total_cmp);
        Ok(Self {
            value: statistic(&sorted),
            replicates,
            n: values.len(),
        })
    }

    const fn interval(&self, (low, high): (f64, f64), level: Level, method: Method) -> Interval {
        Interval {
            value: self.value,
            low,
            high,
            level,
            n: self.n,
            method,
        }
    }
}

/// Percentile bounds from ascending replicates.
///
/// # Panics
/// Where there are none.
pub fn percentile_bounds(ascending: &[f64], level: Level) -> (f64, f64) {
    (
        r6_of_sorted(ascending, level.lower_tail()),
        r6_of_sorted(ascending, level.upper_point()),
    )
}

/// Basic bounds from ascending replicates and the estimate.
///
/// # Panics
/// Where there are none.
pub fn basic_bounds(ascending: &[f64], value: f64, level: Level) -> (f64, f64) {
    let (low, high) = percentile_bounds(ascending, level);
    (2.0 * value - high, 2.0 * value - low)
}

/// `BCa` bounds from ascending replicates, the estimate and its acceleration. The bias correction is
/// the normal quantile of the share of replicates below the estimate, equal ones counted by half.
///
/// # Errors
/// [`StatisticsError::DegenerateResamples`] where all replicates lie on one side.
pub fn bca_bounds(
    ascending: &[f64],
    value: f64,
    acceleration: f64,
    level: Level,
) -> Result<(f64, f64), StatisticsError> {
    let below = ascending.partition_point(|replicate| *replicate < value);
    let up_to = ascending.partition_point(|replicate| *replicate <= value);
    let share = number(below + up_to) / 2.0 / number(ascending.len());
    if !(share > 0.0 && share < 1.0) {
        return Err(StatisticsError::DegenerateResamples {
            method: Method::BootstrapBca,
            usable: 0,
            resamples: ascending.len(),
        });
    }
    let bias = normal_quantile(share);
    let corrected = |p: f64| {
        let z = bias + normal_quantile(p);
        let stretch = 1.0 - acceleration * z;
        // Past its pole the correction asks for more than all replicates: the outermost one.
        let corrected = if stretch > 0.0 {
            bias + z / stretch
        } else {
            z.signum() * f64::INFINITY
        };
        r6_of_sorted(ascending, normal_cdf(corrected))
    };
    Ok((
        corrected(level.lower_tail()),
        corrected(level.upper_point()),
    ))
}

/// Acceleration `Σd³ / (6 (Σd²)^1.5)` with `d` the mean of the jackknife values less each of them;
/// zero where they do not vary.
///
/// # Errors
/// Fewer than two values, one that is not finite, or a statistic that is not finite.
pub fn acceleration(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
) -> Result<f64, StatisticsError> {
    require_count("values", 2, values.len())?;
    require_finite("values", values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut rest = sorted[1..].to_vec();
    let mut jackknife = Vec::with_capacity(sorted.len());
    for left_out in 0..sorted.len() {
        jackknife.push(statistic(&rest));
        if left_out < rest.len() {
            // The next one to leave changes places with the one that comes back.
            rest[left_out] = sorted[left_out];
        }
    }
    require_finite("jackknife statistic", &jackknife)?;
    let mean = jackknife.iter().copied().collect::<Sum>().value() / number(jackknife.len());
    let moment = |power: fn(f64) -> f64| {
        jackknife
            .iter()
            .map(|value| power(mean - value))
            .collect::<Sum>()
            .value()
    };
    let squares = moment(|d| d * d);
    if squares <= 0.0 {
        return Ok(0.0);
    }
    Ok(moment(|d| d * d * d) / (6.0 * squares * squares.sqrt()))
}

#[cfg(test)]
#[path = "percentile_tests.rs"]
mod tests;
