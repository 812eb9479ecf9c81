//! Rows of features, as a network gives them.

use faer::{Mat, MatRef};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::number;

/// A set of features: one row per image, row after row.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    values: &'a [f64],
    dimension: usize,
}

impl<'a> Features<'a> {
    /// Features from their rows.
    ///
    /// # Errors
    /// No features in a row, a last row that is not complete, or a value that is not finite.
    pub fn new(values: &'a [f64], dimension: usize) -> Result<Self, StatisticsError> {
        require_count("dimension of the features", 1, dimension)?;
        if !values.len().is_multiple_of(dimension) {
            return Err(StatisticsError::UnequalLengths {
                left: dimension,
                right: values.len() % dimension,
            });
        }
        require_finite("features", values)?;
        Ok(Self { values, dimension })
    }

    /// Number of rows.
    pub const fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Number of features of each row.
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// One row.
    pub fn row(&self, index: usize) -> &'a [f64] {
        &self.values[index * self.dimension..(index + 1) * self.dimension]
    }

    pub(crate) fn matrix(&self) -> MatRef<'a, f64> {
        MatRef::from_row_major_slice(self.values, self.rows(), self.dimension)
    }

    /// The chosen rows in the order of `indices`.
    pub(crate) fn gather(&self, indices: &[usize]) -> Vec<f64> {
        indices
            .iter()
            .flat_map(|&index| self.row(index))
            .copied()
            .collect()
    }

    pub(crate) fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dimension];
        for row in self.values.chunks_exact(self.dimension) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let n = number(self.rows());
        for sum in &mut mean {
            *sum /= n;
        }
        mean
    }

    /// The mean, and the rows less the mean.
    pub(crate) fn centred(&self) -> (Vec<f64>, Mat<f64>) {
        let mean = self.mean();
        let centred = Mat::from_fn(self.rows(), self.dimension, |row, column| {
            self.values[row * self.dimension + column] - mean[column]
        });
        (mean, centred)
    }
}
