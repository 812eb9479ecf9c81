//! The kernel distance of two sets of features (KID): unbiased at any number of rows.
//!
//! Squared maximum mean discrepancy with the kernel `(x · y / d + 1)³` (Bińkowski and others, ICLR
//! 2018). Prefer it to a Fréchet distance below 10,000 rows.

use faer::MatRef;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::{StatisticsError, require_count};
use crate::frechet::Features;
use crate::linear::product;
use crate::sum::number;

/// The unbiased estimate; below zero where nothing differs and chance has it so.
///
/// # Errors
/// Fewer than two rows in a set, or sets of different dimension.
pub fn kernel_distance(a: Features<'_>, b: Features<'_>) -> Result<f64, StatisticsError> {
    if a.dimension() != b.dimension() {
        return Err(StatisticsError::UnequalLengths {
            left: a.dimension(),
            right: b.dimension(),
        });
    }
    require_count("rows of the features", 2, a.rows().min(b.rows()))?;
    let (n, m) = (number(a.rows()), number(b.rows()));
    let within_a = sum_of_kernels(a.matrix(), a.matrix(), Pairs::Different) / (n * (n - 1.0));
    let within_b = sum_of_kernels(b.matrix(), b.matrix(), Pairs::Different) / (m * (m - 1.0));
    let between = sum_of_kernels(a.matrix(), b.matrix(), Pairs::All) / (n * m);
    Ok(within_a + within_b - 2.0 * between)
}

/// Which pairs of rows enter a sum.
#[derive(Clone, Copy, PartialEq)]
enum Pairs {
    All,
    /// Of one set: no row with itself.
    Different,
}

fn sum_of_kernels(a: MatRef<'_, f64>, b: MatRef<'_, f64>, pairs: Pairs) -> f64 {
    let products = product(a, b.transpose());
    let dimension = number(a.ncols());
    let mut total = 0.0;
    for (column, values) in products.col_iter().enumerate() {
        for (row, value) in values.iter().enumerate() {
            if pairs == Pairs::All || row != column {
                let base = value / dimension + 1.0;
                total += base * base * base;
            }
        }
    }
    total
}

/// Mean and scatter of the distance over random subsets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubsetDistance {
    /// Mean over the subsets.
    pub mean: f64,
    /// Standard deviation over the subsets, as it is usually printed; subsets share rows, so it is no
    /// standard error.
    pub standard_deviation: f64,
    /// Number of subsets.
    pub subsets: usize,
    /// Rows of each side in a subset.
    pub rows: usize,
}

/// The mean over `subsets` random subsets of `rows` rows of each side, drawn without replacement
/// within a subset; clean-fid takes 100 of 1,000. Fewer rows than that are taken whole.
///
/// # Errors
/// As [`kernel_distance`]; fewer than two subsets.
pub fn over_subsets(
    a: Features<'_>,
    b: Features<'_>,
    subsets: usize,
    rows: usize,
    seed: u64,
) -> Result<SubsetDistance, StatisticsError> {
    require_count("subsets", 2, subsets)?;
    let rows = rows.min(a.rows()).min(b.rows());
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut orders: [Vec<usize>; 2] = [(0..a.rows()).collect(), (0..b.rows()).collect()];
    let mut distances = Vec::with_capacity(subsets);
    for _ in 0..subsets {
        let [left, right] = [(a, 0), (b, 1)].map(|(features, side): (Features<'_>, usize)| {
            features.gather(draw(&mut generator, &mut orders[side], rows))
        });
        let left = Features::new(&left, a.dimension())?;
        distances.push(kernel_distance(
            left,
            Features::new(&right, b.dimension())?,
        )?);
    }
    let n = number(subsets);
    let mean = distances.iter().sum::<f64>() / n;
    let squares: f64 = distances
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let standard_deviation = (squares / (n - 1.0)).sqrt();
    Ok(SubsetDistance {
        mean,
        standard_deviation,
        subsets,
        rows,
    })
}

/// A uniform choice of `count` indices, at the front of `order`.
fn draw<'a>(generator: &mut ChaCha8Rng, order: &'a mut [usize], count: usize) -> &'a [usize] {
    for position in 0..count {
        let rest = (order.len() - position) as u128;
        let product = u128::from(generator.next_u64()) * rest;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the high word is below `rest`"
        )]
        order.swap(position, position + (product >> 64) as usize);
    }
    &order[..count]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::NormalDraws;

    fn rows(seed: u64, n: usize, dimension: usize, shift: f64) -> Vec<f64> {
        let mut draws = NormalDraws::new(seed, 0);
        (0..n * dimension).map(|_| draws.draw() + shift).collect()
    }

    #[test]
    fn by_hand_in_one_dimension() {
        // Kernels: within (0, 1): 1; within (1, 2): 27; between: 1, 1, 8, 27.
        let (a, b) = ([0.0, 1.0], [1.0, 2.0]);
        let (a, b) = (Features::new(&a, 1).unwrap(), Features::new(&b, 1).unwrap());
        let expected = 1.0 + 27.0 - 2.0 * (1.0 + 1.0 + 8.0 + 27.0) / 4.0;
        assert!((kernel_distance(a, b).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn unbiased_for_equal_sources_and_not_blind() {
        let (mut equal, mut shifted) = (0.0, 0.0);
        for seed in 0..200 {
            let (a, b) = (rows(seed, 50, 8, 0.0), rows(seed + 1000, 50, 8, 0.0));
            let c = rows(seed + 2000, 50, 8, 0.5);
            let [a, b, c] = [&a, &b, &c].map(|values| Features::new(values, 8).unwrap());
            equal += kernel_distance(a, b).unwrap() / 200.0;
            shifted += kernel_distance(a, c).unwrap() / 200.0;
        }
        // The standard error of the mean is near 0.004.
        assert!(equal.abs() < 0.02, "{equal}");
        assert!(shifted > 0.3, "{shifted}");
    }

    #[test]
    fn subsets_agree_with_the_whole() {
        let (a, b) = (rows(1, 400, 6, 0.0), rows(2, 300, 6, 0.4));
        let (a, b) = (Features::new(&a, 6).unwrap(), Features::new(&b, 6).unwrap());
        let whole = kernel_distance(a, b).unwrap();
        let subsets = over_subsets(a, b, 100, 100, 5).unwrap();
        assert!((subsets.mean - whole).abs() < 4.0 * subsets.standard_deviation / 10.0);
        assert_eq!(subsets, over_subsets(a, b, 100, 100, 5).unwrap());
        // Subsets of all rows are all alike.
        let all = over_subsets(a, a, 2, 1000, 5).unwrap();
        assert!(all.standard_deviation < 1e-12 && all.rows == 400);
    }
}
