//! Student's and Welch's t tests.

use serde::{Deserialize, Serialize};

use crate::distribution::student_t_two_sided;
use crate::error::{StatisticsError, require_finite, require_pairs};
use crate::interval::{Interval, Level, Method};
use crate::location::t_interval;
use crate::moments::{Moments, welch_degrees_of_freedom};
use crate::ratio::welch_interval;

/// A t test against "no difference", with the interval of the difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// Difference over its standard error.
    pub statistic: f64,
    /// Degrees of freedom, whole numbers only where the samples are paired.
    pub degrees: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// The difference, in the values' unit.
    pub difference: Interval,
}

/// Welch's test of two independent samples, `a − b`; the variances may differ.
///
/// # Errors
/// Fewer than two values on a side, one that is not finite, or no scatter on either side.
pub fn welch_t(a: &[f64], b: &[f64], level: Level) -> Result<TTest, StatisticsError> {
    let (a, b) = (Moments::of("a", a)?, Moments::of("b", b)?);
    let difference = welch_interval(&a, &b, level)?;
    let standard_error = (a.variance_of_mean() + b.variance_of_mean()).sqrt();
    let statistic = difference.value / standard_error;
    let degrees = welch_degrees_of_freedom(&a, &b);
    Ok(TTest {
        statistic,
        degrees,
        p: student_t_two_sided(statistic, degrees),
        difference,
    })
}

/// The t test of the differences `a_i − b_i` of pairs.
///
/// # Errors
/// Unequal lengths, fewer than two pairs, a value that is not finite, or equal differences.
pub fn paired_t(a: &[f64], b: &[f64], level: Level) -> Result<TTest, StatisticsError> {
    require_pairs(a, b)?;
    require_finite("a", a)?;
    require_finite("b", b)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let moments = Moments::of("pairs", &differences)?;
    if moments.variance <= 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "differences",
        });
    }
    let statistic = moments.mean / moments.standard_error();
    let degrees = moments.degrees_of_freedom();
    Ok(TTest {
        statistic,
        degrees,
        p: student_t_two_sided(statistic, degrees),
        difference: t_interval(&moments, level, Method::PairedDifferenceT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 8] = [30.02, 29.99, 30.11, 29.97, 30.01, 29.99, 30.08, 30.05];
    const B: [f64; 7] = [29.89, 29.93, 29.72, 29.98, 30.02, 29.98, 29.91];

    fn close(got: f64, expected: f64, relative: f64) {
        assert!(
            (got - expected).abs() <= relative * expected.abs(),
            "got {got}, expected {expected}"
        );
    }

    /// `scipy.stats.ttest_ind(a, b, equal_var=False)` with its confidence interval.
    #[test]
    fn welch_against_scipy() {
        let test = welch_t(&A, &B, Level::P95).unwrap();
        close(test.statistic, 2.654_985_973_420_141_3, 1e-10);
        close(test.degrees, 8.497_309_856_376_642, 1e-10);
        close(test.p, 0.027_561_384_312_914_737, 1e-10);
        close(test.difference.low, 0.015_273_204_519_840_933, 1e-10);
        close(test.difference.high, 0.202_583_938_337_307_8, 1e-10);
        assert_eq!(test.difference.n, 15);
    }

    /// `scipy.stats.ttest_rel(a[:7], b)` with its confidence interval.
    #[test]
    fn paired_against_scipy() {
        let test = paired_t(&A[..7], &B, Level::P95).unwrap();
        close(test.statistic, 1.948_943_688_999_276_2, 1e-10);
        close(test.degrees, 6.0, 0.0);
        close(test.p, 0.099_204_138_473_472_18, 1e-10);
        close(test.difference.low, -0.027_010_707_834_621_145, 1e-10);
        close(test.difference.high, 0.238_439_279_263_191_1, 1e-10);
    }

    #[test]
    fn equal_differences_say_nothing_about_scatter() {
        let refused = paired_t(&[1.0, 2.0, 4.0], &[0.0, 1.0, 3.0], Level::P95);
        assert_eq!(
            refused,
            Err(StatisticsError::NoVariance {
                what: "differences"
            })
        );
        assert!(welch_t(&[1.0, 1.0], &[2.0, 2.0], Level::P95).is_err());
    }
}
