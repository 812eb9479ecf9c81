//! Intervals for Fréchet distances: the delete-a-block jackknife with pseudo-values.
//!
//! With n rows in blocks, the distance without one block is too high by a little more than the
//! distance with all: the pseudo-value `h d − (h − 1) d₋ᵦ`, h = n / rows of the block, is free of the
//! c / N term. The mean of the pseudo-values is the estimate, their scatter gives a t interval.

use faer::Mat;
use serde::{Deserialize, Serialize};

use super::{Features, Gaussian, Reference, require_same_dimension, scale};
use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count};
use crate::interval::{Interval, Level, Method};
use crate::linear::{LinearError, gram};
use crate::sum::number;

/// The protocol's number of blocks.
pub const DELETED_BLOCKS: usize = 20;

/// What a set of features is compared with.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// Statistics that are taken as exact.
    Fixed(&'a Reference),
    /// A sample of as many rows, row by row from the same prompts and seeds: a block is deleted from
    /// both at once.
    Sample(Features<'a>),
}

/// A Fréchet distance with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JackknifeEstimate {
    /// The distance as it is usually printed, with its bias of about c / N.
    pub plug_in: f64,
    /// Bias-corrected estimate and interval; `n` is the number of rows. Below zero where nothing
    /// differs and chance has it so.
    pub interval: Interval,
}

/// The distance of `features` to what it is compared with. Blocks are successive rows: keep the rows
/// of one prompt together, and shuffle prompts beforehand.
///
/// # Errors
/// Fewer than two blocks, fewer than two rows outside a block, sets of different shape, or
/// [`LinearError::NoConvergence`].
pub fn jackknife(
    features: Features<'_>,
    against: Against<'_>,
    blocks: usize,
    level: Level,
) -> Result<JackknifeEstimate, LinearError> {
    let distances = Deletions::of(features, against, blocks)?;
    let pseudo_values: Vec<f64> = (0..blocks)
        .map(|block| distances.pseudo_value(block))
        .collect();
    Ok(JackknifeEstimate {
        plug_in: distances.all,
        interval: t_interval(&pseudo_values, features.rows(), level),
    })
}

/// The distance of `left` less that of `right`, both to the same reference. The rows belong to each
/// other: same prompts, same seeds; a block is deleted from both at once, and what the prompts have in
/// common cancels.
///
/// # Errors
/// As [`jackknife`]; sets of unequal length.
pub fn jackknife_difference(
    left: Features<'_>,
    right: Features<'_>,
    against: Against<'_>,
    blocks: usize,
    level: Level,
) -> Result<JackknifeEstimate, LinearError> {
    if left.rows() != right.rows() {
        let (left, right) = (left.rows(), right.rows());
        return Err(StatisticsError::UnequalLengths { left, right }.into());
    }
    let of_left = Deletions::of(left, against, blocks)?;
    let of_right = Deletions::of(right, against, blocks)?;
    let pseudo_values: Vec<f64> = (0..blocks)
        .map(|block| of_left.pseudo_value(block) - of_right.pseudo_value(block))
        .collect();
    Ok(JackknifeEstimate {
        plug_in: of_left.all - of_right.all,
        interval: t_interval(&pseudo_values, left.rows(), level),
    })
}

fn t_interval(pseudo_values: &[f64], rows: usize, level: Level) -> Interval {
    let n = number(pseudo_values.len());
    let mean = pseudo_values.iter().sum::<f64>() / n;
    let squares: f64 = pseudo_values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let half_width =
        student_t_quantile(level.upper_point(), n - 1.0) * (squares / (n - 1.0) / n).sqrt();
    Interval::symmetric(mean, half_width, level, rows, Method::JackknifeT)
}

/// The distance with all rows, and without each block.
struct Deletions {
    all: f64,
    without: Vec<f64>,
    rows: usize,
}

impl Deletions {
    fn of(
        features: Features<'_>,
        against: Against<'_>,
        blocks: usize,
    ) -> Result<Self, LinearError> {
        require_count("blocks of the jackknife", 2, blocks)?;
        require_count("rows of the features", 2 * blocks, features.rows())?;
        let whole = Whole::of(features)?;
        let mut without = Vec::with_capacity(blocks);
        let all = match against {
            Against::Fixed(reference) => {
                for block in 0..blocks {
                    without.push(reference.distance(&whole.without(block, blocks))?);
                }
                reference.distance(&whole.gaussian)?
            }
            Against::Sample(sample) => {
                require_same_dimension(features.dimension(), sample.dimension())?;
                if features.rows() != sample.rows() {
                    let (left, right) = (features.rows(), sample.rows());
                    return Err(StatisticsError::UnequalLengths { left, right }.into());
                }
                let other = Whole::of(sample)?;
                for block in 0..blocks {
                    let reference = Reference::new(other.without(block, blocks))?;
                    without.push(reference.distance(&whole.without(block, blocks))?);
                }
                Reference::new(other.gaussian)?.distance(&whole.gaussian)?
            }
        };
        Ok(Self {
            all,
            without,
            rows: features.rows(),
        })
    }

    fn pseudo_value(&self, block: usize) -> f64 {
        let bounds = bounds(block, self.without.len(), self.rows);
        let ratio = number(self.rows) / number(bounds.len());
        ratio * self.all - (ratio - 1.0) * self.without[block]
    }
}

fn bounds(block: usize, blocks: usize, rows: usize) -> std::ops::Range<usize> {
    block * rows / blocks..(block + 1) * rows / blocks
}

/// A set of features from which blocks can be taken out without summing the rest anew.
struct Whole {
    gaussian: Gaussian,
    centred: Mat<f64>,
}

impl Whole {
    fn of(features: Features<'_>) -> Result<Self, LinearError> {
        let (mean, centred) = features.centred();
        let n = features.rows();
        require_count("rows of the features", 2, n)?;
        let mut covariance = gram(centred.as_ref());
        scale(&mut covariance, 1.0 / number(n - 1));
        Ok(Self {
            gaussian: Gaussian {
                mean,
                covariance,
                n,
            },
            centred,
        })
    }

    /// With `u` the sum of the block's centred rows and S the sum of their products, the rest has
    /// mean `μ − u / n'` and sum of products `(n − 1) Σ − S − u uᵀ / n'` around it.
    fn without(&self, block: usize, blocks: usize) -> Gaussian {
        let bounds = bounds(block, blocks, self.gaussian.n);
        let rows = self.centred.as_ref().subrows(bounds.start, bounds.len());
        let rest = self.gaussian.n - bounds.len();
        let inside = gram(rows);
        let sums: Vec<f64> = rows.col_iter().map(|column| column.iter().sum()).collect();
        let (whole, n) = (number(self.gaussian.n - 1), number(rest));
        let covariance = Mat::from_fn(sums.len(), sums.len(), |row, column| {
            let total = whole * self.gaussian.covariance[(row, column)] - inside[(row, column)];
            (total - sums[row] * sums[column] / n) / (n - 1.0)
        });
        let mean = self
            .gaussian
            .mean
            .iter()
            .zip(&sums)
            .map(|(mean, sum)| mean - sum / n)
            .collect();
        Gaussian {
            mean,
            covariance,
            n: rest,
        }
    }
}
