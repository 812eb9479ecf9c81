//! The Fréchet distance of two sets of features, as in FID, with what it takes to read it.
//!
//! `d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)` with covariances of divisor N − 1. The plug-in value
//! is too high by about c / N, also where nothing differs: print [`floor`] beside it, take intervals
//! from [`jackknife`], and remove the trend with [`extrapolate`]. A percentile bootstrap adds the bias
//! once more and covers almost never; there is none here.

mod extrapolate;
mod features;
mod jackknife;

use faer::{Mat, MatRef};

pub use extrapolate::{Extrapolation, extrapolate};
pub use features::Features;
pub use jackknife::{Against, DELETED_BLOCKS, JackknifeEstimate, jackknife, jackknife_difference};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::linear::{
    LinearError, gram, nuclear_norm, product, symmetric_eigen, symmetric_eigenvalues,
    triangular_factor,
};
use crate::sum::number;

/// Mean and covariance of features.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: Vec<f64>,
    covariance: Mat<f64>,
    n: usize,
}

impl Gaussian {
    /// Mean and covariance of a set of features.
    ///
    /// # Errors
    /// Fewer than two rows.
    pub fn of(features: Features<'_>) -> Result<Self, StatisticsError> {
        require_count("rows of the features", 2, features.rows())?;
        let (mean, centred) = features.centred();
        let mut covariance = gram(centred.as_ref());
        scale(&mut covariance, 1.0 / number(features.rows() - 1));
        Ok(Self {
            mean,
            covariance,
            n: features.rows(),
        })
    }

    /// From a mean and a symmetric covariance matrix, row by row, of `n` rows of features.
    ///
    /// # Errors
    /// A matrix whose size does not fit the mean, values that are not finite, or `n` below 2.
    pub fn from_parts(
        mean: Vec<f64>,
        covariance: &[f64],
        n: usize,
    ) -> Result<Self, StatisticsError> {
        let dimension = mean.len();
        require_count("dimension of the features", 1, dimension)?;
        require_count("rows of the features", 2, n)?;
        if covariance.len() != dimension * dimension {
            return Err(StatisticsError::UnequalLengths {
                left: dimension * dimension,
                right: covariance.len(),
            });
        }
        require_finite("mean of the features", &mean)?;
        require_finite("covariance of the features", covariance)?;
        let covariance = MatRef::from_row_major_slice(covariance, dimension, dimension).to_owned();
        Ok(Self {
            mean,
            covariance,
            n,
        })
    }

    /// Number of features of each row.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Rows behind it.
    pub const fn n(&self) -> usize {
        self.n
    }

    fn trace(&self) -> f64 {
        (0..self.dimension())
            .map(|index| self.covariance[(index, index)])
            .sum()
    }

    /// Number of eigenvalues of the covariance that can differ from zero.
    fn rank(&self) -> usize {
        self.dimension().min(self.n - 1)
    }
}

/// One side of many distances: its square root is computed once.
#[derive(Clone, Debug)]
pub struct Reference {
    gaussian: Gaussian,
    root: Mat<f64>,
}

impl Reference {
    /// Prepares one side.
    ///
    /// # Errors
    /// [`LinearError::NoConvergence`].
    pub fn new(gaussian: Gaussian) -> Result<Self, LinearError> {
        let (values, vectors) =
            symmetric_eigen("covariance of the reference", gaussian.covariance.as_ref())?;
        let rank = gaussian.rank();
        let dimension = gaussian.dimension();
        // Σ^½ = V √λ Vᵀ; eigenvalues beyond the rank are rounding.
        let scaled = Mat::from_fn(dimension, rank, |row, column| {
            let index = dimension - rank + column;
            vectors[(row, index)] * values[index].max(0.0).sqrt().sqrt()
        });
        let root = product(scaled.as_ref(), scaled.transpose());
        Ok(Self { gaussian, root })
    }

    /// Mean and covariance of this side.
    pub const fn gaussian(&self) -> &Gaussian {
        &self.gaussian
    }

    /// Fréchet distance to the other side, never negative.
    ///
    /// The trace of `(Σ₁ Σ₂)^½` is the sum of the roots of the eigenvalues of the symmetric
    /// `Σ₁^½ Σ₂ Σ₁^½`. Where a side has no more rows than features, only as many eigenvalues count as
    /// can differ from zero; the roots of the rounding errors that stand for the others would add up.
    ///
    /// # Errors
    /// Sides of different dimension, or [`LinearError::NoConvergence`].
    pub fn distance(&self, other: &Gaussian) -> Result<f64, LinearError> {
        require_same_dimension(self.gaussian.dimension(), other.dimension())?;
        let half = product(self.root.as_ref(), other.covariance.as_ref());
        let mut inner = product(half.as_ref(), self.root.as_ref());
        symmetrise(&mut inner);
        let values = symmetric_eigenvalues("product of the covariances", inner.as_ref())?;
        let rank = self.gaussian.rank().min(other.rank());
        let cross: f64 = values
            .iter()
            .rev()
            .take(rank)
            .map(|value| value.max(0.0).sqrt())
            .sum();
        Ok(assemble(&self.gaussian, other, cross))
    }
}

/// Fréchet distance of two Gaussians; see [`Reference::distance`].
///
/// # Errors
/// Sides of different dimension, or [`LinearError::NoConvergence`].
pub fn distance(a: &Gaussian, b: &Gaussian) -> Result<f64, LinearError> {
    Reference::new(a.clone())?.distance(b)
}

/// Fréchet distance of two sets of features.
///
/// Where a set has no more rows than features, its covariance is singular. There no covariance is
/// formed for the trace, which is the nuclear norm of `A Bᵀ`, with A and B the centred rows over
/// `√(N − 1)`; a set with more rows than features enters by the triangular factor of its QR
/// decomposition.
///
/// # Errors
/// Fewer than two rows, sets of different dimension, or [`LinearError::NoConvergence`].
pub fn distance_of_features(a: Features<'_>, b: Features<'_>) -> Result<f64, LinearError> {
    require_same_dimension(a.dimension(), b.dimension())?;
    let (left, right) = (Gaussian::of(a)?, Gaussian::of(b)?);
    if a.rows().min(b.rows()) > a.dimension() {
        return distance(&left, &right);
    }
    let cross = product(root_factor(a).as_ref(), root_factor(b).transpose());
    let cross = nuclear_norm("product of the features", cross.as_ref())?;
    Ok(assemble(&left, &right, cross))
}

/// A matrix F with few rows and `FᵀF = Σ`.
fn root_factor(features: Features<'_>) -> Mat<f64> {
    let (_, mut centred) = features.centred();
    scale(&mut centred, 1.0 / number(features.rows() - 1).sqrt());
    if features.rows() > features.dimension() {
        triangular_factor(centred)
    } else {
        centred
    }
}

fn assemble(a: &Gaussian, b: &Gaussian, cross: f64) -> f64 {
    let shift: f64 = a
        .mean
        .iter()
        .zip(&b.mean)
        .map(|(x, y)| (x - y) * (x - y))
        .sum();
    (shift + (a.trace() + b.trace() - 2.0 * cross)).max(0.0)
}

/// What the distance of two sets of `n` rows each comes to if both are drawn from this Gaussian:
/// `(1/N) [2 tr Σ + Σᵢⱼ λᵢ λⱼ (1 + δᵢⱼ) / (λᵢ + λⱼ)]`, to first order in 1 / N.
///
/// # Errors
/// No rows, or [`LinearError::NoConvergence`].
pub fn floor(gaussian: &Gaussian, n: usize) -> Result<f64, LinearError> {
    require_count("rows of the features", 1, n)?;
    let values = symmetric_eigenvalues("covariance of the features", gaussian.covariance.as_ref())?;
    Ok(floor_of_eigenvalues(&values, n))
}

fn floor_of_eigenvalues(values: &[f64], n: usize) -> f64 {
    let positive: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| *value > 0.0)
        .collect();
    let pairs: f64 = positive
        .iter()
        .map(|x| positive.iter().map(|y| x * y / (x + y)).sum::<f64>() + x / 2.0)
        .sum();
    (2.0 * positive.iter().sum::<f64>() + pairs) / number(n)
}

fn require_same_dimension(left: usize, right: usize) -> Result<(), StatisticsError> {
    if left == right {
        Ok(())
    } else {
        Err(StatisticsError::UnequalLengths { left, right })
    }
}

fn scale(matrix: &mut Mat<f64>, factor: f64) {
    for column in matrix.col_iter_mut() {
        column.iter_mut().for_each(|value| *value *= factor);
    }
}

/// Removes the rounding by which a product that is symmetric in theory is not.
fn symmetrise(matrix: &mut Mat<f64>) {
    for column in 1..matrix.ncols() {
        for row in 0..column {
            let mean = f64::midpoint(matrix[(row, column)], matrix[(column, row)]);
            matrix[(row, column)] = mean;
            matrix[(column, row)] = mean;
        }
    }
}

#[cfg(test)]
mod tests;
