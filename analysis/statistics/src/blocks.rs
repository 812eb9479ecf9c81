//! Values by block and configuration, complete: every configuration once in every block.

use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::number;

/// A table of values, one row per block and one column per configuration; smaller is better. For
/// energies and times these are logarithms, so that differences are log-ratios.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    values: &'a [f64],
    configurations: usize,
}

impl<'a> Blocks<'a> {
    /// A table from its rows, one after the other.
    ///
    /// # Errors
    /// Fewer than two blocks, no configuration, a last row that is not complete, or a value that is
    /// not finite.
    pub fn new(values: &'a [f64], configurations: usize) -> Result<Self, StatisticsError> {
        require_count("configurations", 1, configurations)?;
        require_count("blocks", 2, values.len() / configurations)?;
        if !values.len().is_multiple_of(configurations) {
            return Err(StatisticsError::UnequalLengths {
                left: configurations,
                right: values.len() % configurations,
            });
        }
        require_finite("values of the blocks", values)?;
        Ok(Self {
            values,
            configurations,
        })
    }

    /// Number of configurations, at least 1.
    pub const fn configurations(&self) -> usize {
        self.configurations
    }

    /// Number of blocks, at least 2.
    pub const fn count(&self) -> usize {
        self.values.len() / self.configurations
    }

    /// The values of one block.
    pub fn row(&self, block: usize) -> &'a [f64] {
        &self.values[block * self.configurations..(block + 1) * self.configurations]
    }

    /// The blocks in order.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        self.values.chunks_exact(self.configurations)
    }

    /// Mean of each configuration over the blocks.
    pub fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.configurations];
        for row in self.rows() {
            for (sum, value) in means.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let n = number(self.count());
        for sum in &mut means {
            *sum /= n;
        }
        means
    }

    /// Mean square of the interaction, with (blocks − 1)(configurations − 1) degrees of freedom: what
    /// is left when each block and each configuration has its own mean. Zero for one configuration.
    pub fn interaction_mean_square(&self) -> f64 {
        let k = number(self.configurations);
        let means = self.means();
        let grand = means.iter().sum::<f64>() / k;
        let squares: f64 = self
            .rows()
            .map(|row| {
                let of_block = row.iter().sum::<f64>() / k - grand;
                row.iter()
                    .zip(&means)
                    .map(|(value, mean)| (value - mean) - of_block)
                    .map(|residual| residual * residual)
                    .sum::<f64>()
            })
            .sum();
        let degrees = (self.count() - 1) * (self.configurations - 1);
        squares / number(degrees.max(1))
    }

    /// Mean of `x_left − x_right` over the blocks and its standard error.
    pub fn difference(&self, left: usize, right: usize) -> Difference {
        let n = number(self.count());
        let differences = || self.rows().map(|row| row[left] - row[right]);
        let mean = differences().sum::<f64>() / n;
        let squares: f64 = differences()
            .map(|value| (value - mean) * (value - mean))
            .sum();
        Difference {
            mean,
            standard_error: (squares / (n - 1.0) / n).sqrt(),
        }
    }
}

/// A mean difference within blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean over the blocks.
    pub mean: f64,
    /// Standard error of that mean.
    pub standard_error: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_differences_by_hand() {
        let blocks = Blocks::new(&[1.0, 4.0, 2.0, 5.0, 3.0, 9.0], 2).unwrap();
        assert_eq!((blocks.count(), blocks.configurations()), (3, 2));
        assert_eq!(blocks.means(), [2.0, 6.0]);
        // Differences 3, 3, 6: mean 4, s = √3, standard error 1.
        let difference = blocks.difference(1, 0);
        assert!((difference.mean - 4.0).abs() < 1e-15);
        assert!((difference.standard_error - 1.0).abs() < 1e-15);
        // Of two configurations, the difference has twice the interaction's variance.
        assert!((blocks.interaction_mean_square() - 1.5).abs() < 1e-15);
    }

    #[test]
    fn tables_with_holes_are_refused() {
        assert!(Blocks::new(&[1.0, 2.0, 3.0, 4.0, 5.0], 2).is_err());
        assert!(Blocks::new(&[1.0, 2.0], 2).is_err());
        assert!(Blocks::new(&[1.0, f64::NAN, 3.0, 4.0], 2).is_err());
        assert!(Blocks::new(&[], 0).is_err());
    }
}
