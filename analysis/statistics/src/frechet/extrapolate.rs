//! The Fréchet distance of infinitely many rows: a straight line in 1 / N.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Against, Features, Gaussian, Reference, require_same_dimension};
use crate::error::{StatisticsError, require_count};
use crate::linear::LinearError;
use crate::sum::number;

/// Smallest subset, as a share of all rows. Smaller ones leave the straight line.
const SMALLEST_SHARE: f64 = 0.25;

/// A line through distances of subsets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extrapolation {
    /// The distance at 1 / N = 0.
    pub limit: f64,
    /// How the distance rises with 1 / N, the c of c / N.
    pub slope: f64,
    /// Rows and distance of each subset, from the largest on.
    pub points: Vec<(usize, f64)>,
}

/// FID∞ after Chong and Forsyth (CVPR 2020): distances of random subsets, whose 1 / N are evenly
/// spaced from all rows to a quarter of them, and the intercept of the line through them. A sample to
/// compare with is thinned alike. It carries no interval: the subsets overlap, so that the scatter
/// about the line says nothing; take [`super::jackknife`].
///
/// # Errors
/// Fewer than two points, too few rows for two in the smallest subset, sets of different shape, or
/// [`LinearError::NoConvergence`].
pub fn extrapolate(
    features: Features<'_>,
    against: Against<'_>,
    points: usize,
    seed: u64,
) -> Result<Extrapolation, LinearError> {
    require_count("points of the line", 2, points)?;
    require_count("rows of the features", 8 * points, features.rows())?;
    if let Against::Sample(sample) = against {
        require_same_dimension(features.dimension(), sample.dimension())?;
        if features.rows() != sample.rows() {
            let (left, right) = (features.rows(), sample.rows());
            return Err(StatisticsError::UnequalLengths { left, right }.into());
        }
    }
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..features.rows()).collect();
    let mut found = Vec::with_capacity(points);
    for point in 0..points {
        let rows = subset_size(features.rows(), point, points);
        shuffle(&mut generator, &mut order);
        let subset = |of: Features<'_>| of.gather(&order[..rows]);
        let left = subset(features);
        let left = Gaussian::of(Features::new(&left, features.dimension())?)?;
        let distance = match against {
            Against::Fixed(reference) => reference.distance(&left)?,
            Against::Sample(sample) => {
                let right = subset(sample);
                let right = Gaussian::of(Features::new(&right, sample.dimension())?)?;
                Reference::new(right)?.distance(&left)?
            }
        };
        found.push((rows, distance));
    }
    let (limit, slope) = line(&found);
    Ok(Extrapolation {
        limit,
        slope,
        points: found,
    })
}

fn subset_size(rows: usize, point: usize, points: usize) -> usize {
    let inverse = 1.0 + (1.0 / SMALLEST_SHARE - 1.0) * number(point) / number(points - 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows over a number of at least one"
    )]
    let size = (number(rows) / inverse).round() as usize;
    size
}

/// Fisher and Yates.
fn shuffle(generator: &mut ChaCha8Rng, order: &mut [usize]) {
    for last in (1..order.len()).rev() {
        let product = u128::from(generator.next_u64()) * (last as u128 + 1);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the high word is at most `last`"
        )]
        order.swap(last, (product >> 64) as usize);
    }
}

fn line(points: &[(usize, f64)]) -> (f64, f64) {
    let n = number(points.len());
    let mean_x = points
        .iter()
        .map(|(rows, _)| 1.0 / number(*rows))
        .sum::<f64>()
        / n;
    let mean_y = points.iter().map(|(_, distance)| distance).sum::<f64>() / n;
    let (mut products, mut squares) = (0.0, 0.0);
    for (rows, distance) in points {
        let x = 1.0 / number(*rows) - mean_x;
        products += x * (distance - mean_y);
        squares += x * x;
    }
    let slope = products / squares;
    (mean_y - slope * mean_x, slope)
}
