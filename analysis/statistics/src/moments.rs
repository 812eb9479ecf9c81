//! Count, mean, scatter and skewness of a sample: what most formulas start from.

use serde::{Deserialize, Serialize};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::{Sum, number};

/// A sample in four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Number of values, at least 2.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Variance with divisor n − 1, in the square of the values' unit.
    pub variance: f64,
    /// Skewness g1 = m₃ / m₂^1.5, with divisor n in both moments; zero where nothing varies.
    pub skewness: f64,
}

impl Moments {
    /// The moments of two or more values. The values are sorted before they are summed, so that
    /// their order does not matter.
    ///
    /// # Errors
    /// Fewer than two values, or one that is not finite.
    pub fn of(what: &'static str, values: &[f64]) -> Result<Self, StatisticsError> {
        require_count(what, 2, values.len())?;
        require_finite(what, values)?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ok(Self::of_sorted(&sorted))
    }

    fn of_sorted(sorted: &[f64]) -> Self {
        let n = number(sorted.len());
        // Against the middle value, so that a large common offset costs no digits.
        let centre = sorted[sorted.len() / 2];
        let offset = sum(sorted.iter().map(|value| value - centre)) / n;
        let mean = centre + offset;
        let deviations = || sorted.iter().map(|value| (value - centre) - offset);
        let squares = sum(deviations().map(|deviation| deviation * deviation));
        let cubes = sum(deviations().map(|deviation| deviation * deviation * deviation));
        let second = squares / n;
        Self {
            n: sorted.len(),
            mean,
            variance: squares / (n - 1.0),
            skewness: if squares > 0.0 {
                cubes / n / (second * second.sqrt())
            } else {
                0.0
            },
        }
    }

    /// Standard deviation, in the values' unit.
    pub fn standard_deviation(&self) -> f64 {
        self.variance.sqrt()
    }

    /// Variance of the mean, `s² / n`.
    pub fn variance_of_mean(&self) -> f64 {
        self.variance / number(self.n)
    }

    /// Standard error of the mean, `s / √n`.
    pub fn standard_error(&self) -> f64 {
        self.variance_of_mean().sqrt()
    }

    /// Degrees of freedom of the scatter, n − 1.
    pub const fn degrees_of_freedom(&self) -> f64 {
        number(self.n - 1)
    }
}

fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    terms.collect::<Sum>().value()
}

/// Degrees of freedom of the difference of two independent means (Welch and Satterthwaite):
/// `(va + vb)² / (va² / (na − 1) + vb² / (nb − 1))`, with `v = s² / n`.
pub fn welch_degrees_of_freedom(a: &Moments, b: &Moments) -> f64 {
    let (va, vb) = (a.variance_of_mean(), b.variance_of_mean());
    (va + vb) * (va + vb) / (va * va / a.degrees_of_freedom() + vb * vb / b.degrees_of_freedom())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST StRD `NumAcc3`: 1000000.2, then 1000000.1 and 1000000.3 in turn, 1001 values.
    #[test]
    fn a_large_offset_costs_no_digits() {
        let mut values = vec![1_000_000.2];
        for _ in 0..500 {
            values.extend([1_000_000.1, 1_000_000.3]);
        }
        let moments = Moments::of("values", &values).unwrap();
        assert!((moments.mean - 1_000_000.2).abs() < 1e-9);
        // The certified 0.1 is reached up to the rounding of the inputs themselves.
        assert!((moments.standard_deviation() - 0.1).abs() < 1e-10);
    }

    #[test]
    fn skewness_of_one_far_value() {
        // m2 = 6.75/... by hand: values 0, 0, 0, 4 have mean 1, m2 = 3, m3 = 6.
        let moments = Moments::of("values", &[0.0, 4.0, 0.0, 0.0]).unwrap();
        assert!((moments.skewness - 6.0 / (3.0 * 3f64.sqrt())).abs() < 1e-15);
        assert!((moments.variance - 4.0).abs() < 1e-15);
    }

    #[test]
    fn one_value_has_no_scatter() {
        assert_eq!(
            Moments::of("runs", &[1.0]),
            Err(StatisticsError::TooFew {
                what: "runs",
                needed: 2,
                got: 1
            })
        );
    }
}
