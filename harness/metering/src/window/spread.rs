//! A variance that was itself estimated.

/// A variance that was estimated, with what its degrees of freedom make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    /// Variance in J².
    pub(crate) variance_j2: f64,
    /// Sum of squared variances over their degrees of freedom.
    squares_by_freedom: f64,
}

impl Spread {
    pub(crate) fn new(variance_j2: f64, degrees_of_freedom: f64) -> Self {
        Self {
            variance_j2,
            squares_by_freedom: variance_j2 * variance_j2 / degrees_of_freedom,
        }
    }

    /// Of a sum of independent parts.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            variance_j2: self.variance_j2 + other.variance_j2,
            squares_by_freedom: self.squares_by_freedom + other.squares_by_freedom,
        }
    }

    /// Standard uncertainty in joules.
    pub(crate) fn uncertainty_j(self) -> f64 {
        self.variance_j2.sqrt()
    }

    /// Degrees of freedom by Welch and Satterthwaite (GUM, G.4.1); none where nothing is uncertain.
    pub(crate) fn degrees_of_freedom(self) -> Option<f64> {
        (self.squares_by_freedom > 0.0)
            .then(|| self.variance_j2 * self.variance_j2 / self.squares_by_freedom)
    }
}
