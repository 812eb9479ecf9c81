//! The estimators: Student's t on means, on the scale where the scatter is symmetric.

use serde::{Deserialize, Serialize};
use statistics::distribution::student_t_quantile;
use thiserror::Error;

use crate::quantity::{Quantity, Ratio};
use statistics::sum::Sum;

/// Confidence level of every interval.
pub const LEVEL: f64 = 0.95;

/// How a value and its interval were computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Geometric mean of the runs; t interval on their logarithms.
    GeometricMeanT,
    /// Geometric mean of the ratios within blocks; t interval on their logarithms.
    PairedLogRatioT,
    /// Geometric mean of the ratios within blocks, as many as the scatter of the first ones asked
    /// for; t interval with the standard deviation and the degrees of freedom of those.
    TwoStageRatioT,
    /// Arithmetic mean; t interval.
    MeanT,
    /// Ordinary least squares; t interval of the slope.
    LineFitT,
    /// A single reading without replication.
    SingleReading,
}

impl Method {
    /// The method in words for table notes.
    pub const fn description(self) -> &'static str {
        match self {
            Self::GeometricMeanT => "geometric mean of runs, t interval on logarithms",
            Self::PairedLogRatioT => "ratio paired by block, t interval on logarithms",
            Self::TwoStageRatioT => {
                "ratio paired by block in two stages, t interval on logarithms by the first stage"
            }
            Self::MeanT => "arithmetic mean, t interval",
            Self::LineFitT => "least squares line, t interval of the slope",
            Self::SingleReading => "one reading, no interval",
        }
    }
}

/// Why a value has no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoInterval {
    /// Scatter between runs cannot be seen in one run.
    #[error("n = 1: one value has no scatter, repeat it for an interval")]
    OneValue,
}

/// Why nothing can be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unusable {
    /// Nothing to average.
    #[error("no values")]
    Empty,
    /// A geometric mean needs positive values.
    #[error("a value is not positive, so it has no logarithm")]
    NotPositive,
    /// A value is infinite or no number.
    #[error("a value is not finite")]
    NotFinite,
}

/// The bounds of an estimate at [`LEVEL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval<U> {
    /// Lower bound.
    pub low: U,
    /// Upper bound.
    pub high: U,
}

/// A value with its interval, in the unit of the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate<U> {
    /// The estimate.
    pub value: U,
    /// Its bounds, or why there are none.
    pub interval: Result<Interval<U>, NoInterval>,
    /// Values (runs, pairs, readings) that entered.
    pub n: usize,
    /// How it was computed.
    pub method: Method,
}

impl<U: Quantity> Estimate<U> {
    fn map<V: Quantity>(self, method: Method, scale: impl Fn(f64) -> f64) -> Estimate<V> {
        let to = |value: U| V::of(scale(value.number()));
        Estimate {
            value: to(self.value),
            interval: self.interval.map(|interval| Interval {
                low: to(interval.low),
                high: to(interval.high),
            }),
            n: self.n,
            method,
        }
    }
}

/// Arithmetic mean `m ± t(0.975, n−1) · s / √n`.
///
/// # Errors
/// Where there is no value or one is not finite.
pub fn mean<U: Quantity>(values: &[U]) -> Result<Estimate<U>, Unusable> {
    let mut numbers: Vec<f64> = values.iter().map(|value| value.number()).collect();
    if numbers.is_empty() {
        return Err(Unusable::Empty);
    }
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err(Unusable::NotFinite);
    }
    // Sorted before summed: the result does not depend on the order of the runs.
    numbers.sort_by(f64::total_cmp);
    let n = count(numbers.len());
    let value = numbers.iter().copied().collect::<Sum>().value() / n;
    let interval = if numbers.len() < 2 {
        Err(NoInterval::OneValue)
    } else {
        let squares: Sum = numbers
            .iter()
            .map(|number| (number - value) * (number - value))
            .collect();
        let standard_error = (squares.value() / (n - 1.0) / n).sqrt();
        let half_width = student_t_quantile(0.5 + LEVEL / 2.0, n - 1.0) * standard_error;
        Ok(Interval {
            low: U::of(value - half_width),
            high: U::of(value + half_width),
        })
    };
    Ok(Estimate {
        value: U::of(value),
        interval,
        n: numbers.len(),
        method: Method::MeanT,
    })
}

/// Geometric mean with the t interval of the mean logarithm, taken back by `exp`.
///
/// # Errors
/// Where there is no value, or one is not positive or not finite.
pub fn geometric_mean<U: Quantity>(values: &[U]) -> Result<Estimate<U>, Unusable> {
    let logs = logarithms(values)?;
    Ok(mean(&logs)?.map(Method::GeometricMeanT, libm::exp))
}

/// Geometric mean of `numerator / denominator` over pairs from the same block.
///
/// # Errors
/// Where there is no pair, or a value is not positive or not finite.
pub fn paired_ratio<U: Quantity>(pairs: &[(U, U)]) -> Result<Estimate<Ratio>, Unusable> {
    Ok(mean(&log_ratios(pairs)?)?.map(Method::PairedLogRatioT, libm::exp))
}

/// As [`paired_ratio`], where the scatter of the first `pilot` pairs decided how many there are
/// (Stein): the interval keeps their standard deviation and their degrees of freedom, and is exact
/// for normal logarithms. One that uses all pairs would be too narrow: the look chose them.
///
/// # Errors
/// As [`paired_ratio`].
pub fn two_stage_ratio<U: Quantity>(
    pairs: &[(U, U)],
    pilot: usize,
) -> Result<Estimate<Ratio>, Unusable> {
    let logs = log_ratios(pairs)?;
    let all = mean(&logs)?;
    let interval = match mean(&logs[..pilot.min(logs.len())]) {
        Ok(Estimate {
            value,
            interval: Ok(of_pilot),
            n,
            ..
        }) => {
            let half_width =
                (of_pilot.high.number() - value.number()) * (count(n) / count(logs.len())).sqrt();
            Ok(Interval {
                low: Ratio::new(all.value.number() - half_width),
                high: Ratio::new(all.value.number() + half_width),
            })
        }
        _ => Err(NoInterval::OneValue),
    };
    Ok(Estimate { interval, ..all }.map(Method::TwoStageRatioT, libm::exp))
}

fn log_ratios<U: Quantity>(pairs: &[(U, U)]) -> Result<Vec<Ratio>, Unusable> {
    let ratios: Vec<Ratio> = pairs
        .iter()
        .map(|(numerator, denominator)| {
            if denominator.number() > 0.0 {
                Ok(Ratio::new(numerator.number() / denominator.number()))
            } else {
                Err(Unusable::NotPositive)
            }
        })
        .collect::<Result<_, _>>()?;
    logarithms(&ratios)
}

/// Slope of the least squares line through `(x, y)`, in the unit of the slope, with its t interval
/// at `n − 2` degrees of freedom.
///
/// # Errors
/// Where there are fewer than three points, or all at one `x`, or one is not finite.
pub fn line_slope<U: Quantity>(points: &[(f64, f64)]) -> Result<Estimate<U>, Unusable> {
    if points.len() < 3 {
        return Err(Unusable::Empty);
    }
    if !points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
        return Err(Unusable::NotFinite);
    }
    let n = count(points.len());
    let sum = |term: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(term).collect::<Sum>().value();
    let (mean_x, mean_y) = (sum(&|(x, _)| *x) / n, sum(&|(_, y)| *y) / n);
    let spread_x = sum(&|(x, _)| (x - mean_x) * (x - mean_x));
    if spread_x <= 0.0 {
        return Err(Unusable::Empty);
    }
    let slope = sum(&|(x, y)| (x - mean_x) * (y - mean_y)) / spread_x;
    let residual = |(x, y): &(f64, f64)| y - mean_y - slope * (x - mean_x);
    let residuals = sum(&|point| residual(point) * residual(point));
    let standard_error = (residuals / (n - 2.0) / spread_x).sqrt();
    let half_width = student_t_quantile(0.5 + LEVEL / 2.0, n - 2.0) * standard_error;
    Ok(Estimate {
        value: U::of(slope),
        interval: Ok(Interval {
            low: U::of(slope - half_width),
            high: U::of(slope + half_width),
        }),
        n: points.len(),
        method: Method::LineFitT,
    })
}

/// Natural logarithms as plain numbers. libm rather than the platform's, so that every machine
/// computes the same bits.
fn logarithms<U: Quantity>(values: &[U]) -> Result<Vec<Ratio>, Unusable> {
    values
        .iter()
        .map(|value| match value.number() {
            number if !number.is_finite() => Err(Unusable::NotFinite),
            number if number <= 0.0 => Err(Unusable::NotPositive),
            number => Ok(Ratio::new(libm::log(number))),
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(length: usize) -> f64 {
    length as f64
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
