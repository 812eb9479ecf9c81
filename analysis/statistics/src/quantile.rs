//! Quantiles of a sample, and bounds for quantiles of the law behind it.

use serde::{Deserialize, Serialize};

use crate::distribution::binomial_quantile;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::sum::number;

/// Quantile of type R-7, numpy's default: linear between the order statistics around position
/// `1 + (n − 1) p`. (statrs gives R-8.)
///
/// # Errors
/// No value, one that is not finite, or `p` outside \[0, 1\].
pub fn quantile_r7(values: &[f64], p: f64) -> Result<f64, StatisticsError> {
    let sorted = sorted(values)?;
    require_probability(p)?;
    Ok(r7_of_sorted(&sorted, p))
}

/// The median, `quantile_r7(values, 0.5)`.
///
/// # Errors
/// No value, or one that is not finite.
pub fn median(values: &[f64]) -> Result<f64, StatisticsError> {
    quantile_r7(values, 0.5)
}

fn r7_of_sorted(sorted: &[f64], p: f64) -> f64 {
    interpolated(sorted, number(sorted.len() - 1) * p)
}

/// Quantile of type R-6, linear around position `(n + 1) p`, held inside the values. For resampled
/// statistics: with 9,999 of them, 2.5 % is the 250th exactly.
pub(crate) fn r6_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let last = number(sorted.len() - 1);
    interpolated(
        sorted,
        (number(sorted.len() + 1) * p - 1.0).clamp(0.0, last),
    )
}

/// The value at a position counted from 0, between 0 and the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the position lies between 0 and the last index"
)]
fn interpolated(sorted: &[f64], position: f64) -> f64 {
    let below = position.floor();
    let index = below as usize;
    match sorted.get(index + 1) {
        Some(&next) => sorted[index] + (position - below) * (next - sorted[index]),
        None => sorted[index],
    }
}

/// Ranks of the order statistics that bound a quantile, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranks {
    /// Rank of the lower bound.
    pub low: usize,
    /// Rank of the upper bound.
    pub high: usize,
}

/// Ranks of the equal-tailed bounds of the quantile `p` of n values from a continuous law: of the
/// values below the quantile, `K ~ Binomial(n, p)`, at most α/2 of the chance lies below the lower
/// rank and at most α/2 at or above the upper one. Distribution-free; coverage is at least `level`.
///
/// # Errors
/// `p` outside (0, 1), or [`StatisticsError::NoQuantileBound`] where n is too small for both bounds
/// (the median needs 6 values at 95 %, p99 needs 368).
pub fn bounding_ranks(n: usize, p: f64, level: Level) -> Result<Ranks, StatisticsError> {
    require_open_probability(p)?;
    let tail = level.lower_tail();
    let needed = values_needed_for_lower_bound(p, tail).max(values_needed_for_upper_bound(p, tail));
    if n < needed {
        return Err(StatisticsError::NoQuantileBound {
            probability: p,
            level: level.value(),
            needed,
            got: n,
        });
    }
    Ok(Ranks {
        low: rank_at(tail, n, p),
        high: rank_at(level.upper_point(), n, p) + 1,
    })
}

/// Rank of a one-sided upper bound of the quantile `p` at `level`: "p99 is at most this, 95 %".
///
/// # Errors
/// `p` outside (0, 1), or [`StatisticsError::NoQuantileBound`] (p99 needs 299 values at 95 %).
pub fn upper_bound_rank(n: usize, p: f64, level: Level) -> Result<usize, StatisticsError> {
    require_open_probability(p)?;
    let needed = values_needed_for_upper_bound(p, level.alpha());
    if n < needed {
        return Err(StatisticsError::NoQuantileBound {
            probability: p,
            level: level.value(),
            needed,
            got: n,
        });
    }
    Ok(rank_at(level.value(), n, p) + 1)
}

/// Values needed before the largest one is an upper bound: the first n with `pⁿ ≤ tail`.
fn values_needed_for_upper_bound(p: f64, tail: f64) -> usize {
    whole(libm::log(tail) / libm::log(p))
}

/// Values needed before the smallest one is a lower bound: the first n with `(1 − p)ⁿ ≤ tail`.
fn values_needed_for_lower_bound(p: f64, tail: f64) -> usize {
    whole(libm::log(tail) / libm::log1p(-p))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the quotient of two negative logarithms; beyond usize it saturates"
)]
fn whole(count: f64) -> usize {
    count.ceil().max(1.0) as usize
}

fn rank_at(q: f64, n: usize, p: f64) -> usize {
    let rank = binomial_quantile(q, n as u64, p);
    usize::try_from(rank).expect("a rank is no larger than the number of values")
}

/// The R-7 quantile with its distribution-free bounds, in the values' unit.
///
/// # Errors
/// As [`bounding_ranks`], no value, or one that is not finite.
pub fn quantile_interval(
    values: &[f64],
    p: f64,
    level: Level,
) -> Result<Interval, StatisticsError> {
    let sorted = sorted(values)?;
    let ranks = bounding_ranks(sorted.len(), p, level)?;
    Ok(Interval {
        value: r7_of_sorted(&sorted, p),
        low: sorted[ranks.low - 1],
        high: sorted[ranks.high - 1],
        level,
        n: sorted.len(),
        method: Method::OrderStatistics,
    })
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    require_count("values", 1, values.len())?;
    require_finite("values", values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

fn require_probability(p: f64) -> Result<(), StatisticsError> {
    if (0.0..=1.0).contains(&p) {
        Ok(())
    } else {
        Err(StatisticsError::Probability {
            what: "quantile",
            value: p,
        })
    }
}

fn require_open_probability(p: f64) -> Result<(), StatisticsError> {
    if p > 0.0 && p < 1.0 {
        Ok(())
    } else {
        Err(StatisticsError::Probability {
            what: "quantile",
            value: p,
        })
    }
}

#[cfg(test)]
mod tests;
