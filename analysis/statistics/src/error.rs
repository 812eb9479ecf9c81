//! Why a number cannot be computed, in words that say what to do next.

use thiserror::Error;

use crate::interval::Method;

/// Why no value or no interval came back.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum StatisticsError {
    /// The method needs more values.
    #[error("{what}: at least {needed} needed, got {got}")]
    TooFew {
        /// What the values are.
        what: &'static str,
        /// The least number that works.
        needed: usize,
        /// How many came.
        got: usize,
    },
    /// The exact law is counted only up to a size.
    #[error(
        "{what}: at most {most} values can be counted exactly, got {got}; use the approximation"
    )]
    TooMany {
        /// What the values are.
        what: &'static str,
        /// The largest number that works.
        most: usize,
        /// How many came.
        got: usize,
    },
    /// A logarithm, or a size, needs a positive number.
    #[error("{what}: value {index} is {value}, expected a number above zero")]
    NotPositive {
        /// What the values are.
        what: &'static str,
        /// Position of the first offender, from 0.
        index: usize,
        /// The offender.
        value: f64,
    },
    /// A size cannot be below zero.
    #[error("{what}: value {index} is {value}, expected zero or a number above it")]
    Negative {
        /// What the values are.
        what: &'static str,
        /// Position of the first offender, from 0.
        index: usize,
        /// The offender.
        value: f64,
    },
    /// A value is infinite or no number.
    #[error("{what}: value {index} is {value}, expected a finite number")]
    NotFinite {
        /// What the values are.
        what: &'static str,
        /// Position of the first offender, from 0.
        index: usize,
        /// The offender.
        value: f64,
    },
    /// A confidence level lies strictly between 0 and 1.
    #[error("level {value}, expected one between 0 and 1, for instance 0.95")]
    Level {
        /// What came.
        value: f64,
    },
    /// A probability outside the range where the method is defined.
    #[error("{what}: {value} is no probability that can be used here, expected one from 0 to 1")]
    Probability {
        /// What the probability is.
        what: &'static str,
        /// What came.
        value: f64,
    },
    /// Pairs need a partner each.
    #[error("pairs of unequal length, {left} and {right}: give one value of each per block")]
    UnequalLengths {
        /// Values on the left.
        left: usize,
        /// Values on the right.
        right: usize,
    },
    /// Without scatter there is no scale to compare with.
    #[error("{what}: all values are equal, so scatter cannot be estimated")]
    NoVariance {
        /// What the values are.
        what: &'static str,
    },
    /// The mean of the denominator cannot be told from zero.
    #[error(
        "the denominator's mean {mean} is within {reach} of zero at this level, so the ratio is \
         unbounded (Fieller): repeat more often, or compare on the logarithmic scale"
    )]
    UnboundedRatio {
        /// Mean of the denominator.
        mean: f64,
        /// Quantile of Student's t times the standard error of that mean.
        reach: f64,
    },
    /// Percentile-type intervals promise more than they hold in small samples.
    #[error(
        "{method}: refused below n = {needed} (n = {got}): resamples of few values scatter less \
         than the values do, and a nominal 95 % interval covers about 84 % at n = 5 and 90 % at \
         n = 10; use the t interval or bootstrap-t"
    )]
    ResamplingRefused {
        /// The method asked for.
        method: Method,
        /// The least number of values.
        needed: usize,
        /// How many came.
        got: usize,
    },
    /// Fewer than ten blocks say nothing about the scatter between blocks.
    #[error(
        "blocks of {block} values need at least {needed} values (10 blocks), got {got}: shorten \
         the block or measure longer"
    )]
    BlockTooLong {
        /// Length of a block, in values.
        block: usize,
        /// The least number of values.
        needed: usize,
        /// How many came.
        got: usize,
    },
    /// The resamples do not vary, or all lie on one side of the estimate.
    #[error(
        "{method}: {usable} of {resamples} resamples are usable, too few or too alike for an \
         interval; use the t interval"
    )]
    DegenerateResamples {
        /// The method asked for.
        method: Method,
        /// Resamples that gave a number to work with.
        usable: usize,
        /// Resamples drawn.
        resamples: usize,
    },
    /// No order statistic bounds this quantile at this level.
    #[error(
        "quantile {probability} has no bounds at level {level} with {got} values: at least \
         {needed} are needed"
    )]
    NoQuantileBound {
        /// The quantile's probability.
        probability: f64,
        /// The confidence level.
        level: f64,
        /// The least number of values.
        needed: usize,
        /// How many came.
        got: usize,
    },
    /// The exact law was asked for, and it holds only without ties.
    #[error("{what}: the exact law needs values without ties; use the normal approximation")]
    Ties {
        /// What the values are.
        what: &'static str,
    },
    /// A part is larger than its whole.
    #[error("{what}: {part} of {whole}, expected a part no larger than the whole")]
    PartAboveWhole {
        /// What is counted.
        what: &'static str,
        /// The part.
        part: u64,
        /// The whole.
        whole: u64,
    },
}

/// Refuses values that are infinite or no number, naming the first.
///
/// # Errors
/// [`StatisticsError::NotFinite`].
pub fn require_finite(what: &'static str, values: &[f64]) -> Result<(), StatisticsError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(StatisticsError::NotFinite {
            what,
            index,
            value: values[index],
        }),
    }
}

/// Refuses fewer than `needed` values.
///
/// # Errors
/// [`StatisticsError::TooFew`].
pub fn require_count(what: &'static str, needed: usize, got: usize) -> Result<(), StatisticsError> {
    if got < needed {
        Err(StatisticsError::TooFew { what, needed, got })
    } else {
        Ok(())
    }
}

/// Refuses pairs of which one side is longer.
///
/// # Errors
/// [`StatisticsError::UnequalLengths`].
pub fn require_pairs(left: &[f64], right: &[f64]) -> Result<(), StatisticsError> {
    if left.len() == right.len() {
        Ok(())
    } else {
        Err(StatisticsError::UnequalLengths {
            left: left.len(),
            right: right.len(),
        })
    }
}

/// Natural logarithms of positive values, by `libm`.
///
/// # Errors
/// [`StatisticsError::NotFinite`] or [`StatisticsError::NotPositive`], naming the first offender.
pub fn logarithms(what: &'static str, values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    require_finite(what, values)?;
    match values.iter().position(|&value| value <= 0.0) {
        Some(index) => Err(StatisticsError::NotPositive {
            what,
            index,
            value: values[index],
        }),
        None => Ok(values.iter().map(|&value| libm::log(value)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offender_is_named() {
        let error = logarithms("energy", &[1.0, -2.0, 0.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "energy: value 1 is -2, expected a number above zero"
        );
        let error = require_finite("energy", &[1.0, f64::NAN]).unwrap_err();
        assert!(error.to_string().starts_with("energy: value 1 is NaN"));
    }

    #[test]
    fn a_refusal_names_the_method_and_what_to_use_instead() {
        let refusal = StatisticsError::ResamplingRefused {
            method: Method::BootstrapBca,
            needed: 20,
            got: 5,
        };
        let text = refusal.to_string();
        assert!(
            text.starts_with("BCa bootstrap: refused below n = 20 (n = 5)"),
            "{text}"
        );
        assert!(
            text.ends_with("use the t interval or bootstrap-t"),
            "{text}"
        );
    }
}
