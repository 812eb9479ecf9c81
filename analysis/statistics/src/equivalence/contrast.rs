//! An estimated mean or difference with what its scatter is known from.

use serde::{Deserialize, Serialize};

use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, logarithms, require_pairs};
use crate::interval::Level;
use crate::moments::{Moments, welch_degrees_of_freedom};
use crate::ratio::log_differences;

/// A quantity that Student's law describes: a mean, a mean difference of pairs, or a difference of
/// two independent means. Built from logarithms, it is a log-ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    design: Design,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Design {
    OneSample(Moments),
    TwoSamples(Moments, Moments),
}

impl Contrast {
    /// The mean of one sample, such as differences already taken.
    ///
    /// # Errors
    /// Fewer than two values, one that is not finite, or no scatter.
    pub fn mean(values: &[f64]) -> Result<Self, StatisticsError> {
        let moments = Moments::of("values", values)?;
        if moments.variance > 0.0 {
            Ok(Self {
                design: Design::OneSample(moments),
            })
        } else {
            Err(StatisticsError::NoVariance { what: "values" })
        }
    }

    /// Mean of `a_i − b_i` over pairs.
    ///
    /// # Errors
    /// As [`Contrast::mean`], or unequal lengths.
    pub fn paired_difference(a: &[f64], b: &[f64]) -> Result<Self, StatisticsError> {
        require_pairs(a, b)?;
        Self::mean(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    /// Mean of `ln numerator − ln reference` over blocks.
    ///
    /// # Errors
    /// As [`Contrast::mean`], unequal lengths, or a value that is not positive.
    pub fn paired_log_ratio(numerator: &[f64], reference: &[f64]) -> Result<Self, StatisticsError> {
        Self::mean(&log_differences(numerator, reference)?)
    }

    /// Difference of the means of two independent samples, `a − b`.
    ///
    /// # Errors
    /// Fewer than two values on a side, one that is not finite, or no scatter on either side.
    pub fn difference(a: &[f64], b: &[f64]) -> Result<Self, StatisticsError> {
        let (a, b) = (Moments::of("a", a)?, Moments::of("b", b)?);
        if a.variance + b.variance > 0.0 {
            Ok(Self {
                design: Design::TwoSamples(a, b),
            })
        } else {
            Err(StatisticsError::NoVariance {
                what: "both samples",
            })
        }
    }

    /// Difference of the mean logarithms of two independent samples.
    ///
    /// # Errors
    /// As [`Contrast::difference`], or a value that is not positive.
    pub fn log_ratio(numerator: &[f64], reference: &[f64]) -> Result<Self, StatisticsError> {
        Self::difference(
            &logarithms("numerator", numerator)?,
            &logarithms("reference", reference)?,
        )
    }

    /// The estimate.
    pub const fn value(&self) -> f64 {
        match &self.design {
            Design::OneSample(moments) => moments.mean,
            Design::TwoSamples(a, b) => a.mean - b.mean,
        }
    }

    /// Its standard error.
    pub fn standard_error(&self) -> f64 {
        match &self.design {
            Design::OneSample(moments) => moments.standard_error(),
            Design::TwoSamples(a, b) => (a.variance_of_mean() + b.variance_of_mean()).sqrt(),
        }
    }

    /// Degrees of freedom of the standard error; Welch's for two samples.
    pub fn degrees(&self) -> f64 {
        match &self.design {
            Design::OneSample(moments) => moments.degrees_of_freedom(),
            Design::TwoSamples(a, b) => welch_degrees_of_freedom(a, b),
        }
    }

    /// `(estimate − margin) / standard error`.
    pub fn statistic(&self, margin: f64) -> f64 {
        (self.value() - margin) / self.standard_error()
    }

    /// One-sided lower and upper limits, each at `level`.
    pub fn one_sided_limits(&self, level: Level) -> (f64, f64) {
        let reach = student_t_quantile(level.value(), self.degrees()) * self.standard_error();
        (self.value() - reach, self.value() + reach)
    }

    /// Standard error and degrees of freedom if each sample had `n` values of the same scatter.
    pub(super) fn at_size(&self, n: f64) -> (f64, f64) {
        match &self.design {
            Design::OneSample(moments) => ((moments.variance / n).sqrt(), n - 1.0),
            Design::TwoSamples(a, b) => {
                let both = a.variance + b.variance;
                let squares = a.variance * a.variance + b.variance * b.variance;
                ((both / n).sqrt(), (n - 1.0) * both * both / squares)
            }
        }
    }
}
