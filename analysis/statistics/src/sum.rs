//! Sums that do not depend on luck.

/// A running sum with Neumaier's correction: the error stays at one rounding of the result, also
/// where large terms cancel. The order of the terms is the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    total: f64,
    correction: f64,
}

impl Sum {
    /// Adds a term.
    pub fn add(&mut self, term: f64) {
        let total = self.total + term;
        self.correction += if self.total.abs() >= term.abs() {
            (self.total - total) + term
        } else {
            (term - total) + self.total
        };
        self.total = total;
    }

    /// The sum so far.
    pub fn value(self) -> f64 {
        self.total + self.correction
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        for term in terms {
            sum.add(term);
        }
        sum
    }
}

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "a slice of f64 cannot hold 2^53 values, up to which integers are exact"
)]
pub const fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_cancel_leave_the_small_ones() {
        let sum: Sum = [1.0, 1e100, 1.0, -1e100].into_iter().collect();
        assert!((sum.value() - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_million_tenths_are_a_hundred_thousand() {
        let sum: Sum = std::iter::repeat_n(0.1, 1_000_000).collect();
        assert!((sum.value() - 1e5).abs() < 1e-10);
    }
}
