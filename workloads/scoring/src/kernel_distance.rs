//! The kernel distance of two sets of images, as in KID: unbiased at any number of images.
//!
//! Squared maximum mean discrepancy with the kernel `(x · y / width + 1)³`; the formula is in
//! [`statistics::kernel_distance`]. Below 10,000 images it is the better of the two distances. The
//! published convention is the mean over 100 random subsets of 1,000 images, and their standard
//! deviation, which is no standard error: subsets share images. The interval here is a jackknife
//! over blocks of images, on the distance of all of them.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level};
use statistics::kernel_distance::{SubsetDistance, over_subsets};
use statistics::sum::number;

use crate::ScoringError;
use crate::jackknife::{self, BLOCKS, bounds, pseudo_value};
use crate::network::{Network, Score};
use crate::rows::{Rows, require_same_width};

/// Subsets of the published convention.
pub const SUBSETS: usize = 100;

/// Images of a subset in the published convention; fewer are taken whole.
pub const SUBSET_IMAGES: usize = 1000;

/// The least number of images: two in each block that is left out.
pub const FEWEST_IMAGES: usize = 2 * BLOCKS;

/// A kernel distance and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelDistance {
    /// What it is called: "KID" with canonical weights only.
    pub title: String,
    /// What made the features.
    pub network: Network,
    /// Images that are judged.
    pub images: usize,
    /// Images of the reference.
    pub reference_images: usize,
    /// The unbiased distance of all images; below zero where nothing differs and chance has it so.
    pub unbiased: f64,
    /// Its interval, with the reference taken as exact.
    pub interval: Interval,
    /// The published convention.
    pub subsets: SubsetDistance,
}

/// The distance of images to reference images. `seed` draws the subsets. The rows of one prompt
/// stand together.
///
/// # Errors
/// Fewer than [`FEWEST_IMAGES`] rows, fewer than two of the reference, or different widths.
pub fn measure(
    rows: &Rows,
    reference: &Rows,
    network: &Network,
    seed: u64,
    level: Level,
) -> Result<KernelDistance, ScoringError> {
    require_same_width(("the images", rows), ("the reference", reference))?;
    for (got, needed) in [(rows.len(), FEWEST_IMAGES), (reference.len(), 2)] {
        if got < needed {
            return Err(ScoringError::TooFew {
                score: "kernel distance with interval",
                units: "images",
                needed,
                got,
                instead: "make more images, or compare them in pairs",
            });
        }
    }
    let sums = BlockSums::of(rows, reference);
    let unbiased = sums.distance(None);
    let pseudo_values: Vec<f64> = (0..BLOCKS)
        .map(|block| {
            let (from, to) = bounds(block, BLOCKS, rows.len());
            pseudo_value(unbiased, sums.distance(Some(block)), rows.len(), to - from)
        })
        .collect();
    let (features, others) = (rows.features()?, reference.features()?);
    Ok(KernelDistance {
        title: network.title(Score::KernelDistance),
        network: network.clone(),
        images: rows.len(),
        reference_images: reference.len(),
        unbiased,
        interval: jackknife::interval(&pseudo_values, rows.len(), level)?,
        subsets: over_subsets(features, others, SUBSETS, SUBSET_IMAGES, seed)?,
    })
}

/// Sums of kernels by block, so that each distance without a block is a few additions.
struct BlockSums {
    /// Between block and block of the images, no image with itself.
    within: Vec<Vec<f64>>,
    /// Between a block and the whole reference.
    between: Vec<f64>,
    /// Mean over different pairs of the reference.
    reference: f64,
    images: usize,
    reference_images: usize,
}

impl BlockSums {
    fn of(rows: &Rows, reference: &Rows) -> Self {
        let block = |index| {
            let (from, to) = bounds(index, BLOCKS, rows.len());
            matrix(rows).subrows(from, to - from)
        };
        let of_blocks = |left: usize, right: usize| {
            let sum = sum_of_kernels(block(left), block(right));
            if left == right {
                sum - diagonal(block(left))
            } else {
                sum
            }
        };
        let half: Vec<Vec<f64>> = (0..BLOCKS)
            .map(|left| (0..=left).map(|right| of_blocks(left, right)).collect())
            .collect();
        let within = (0..BLOCKS)
            .map(|left| {
                let mirrored = |right: usize| half[left.max(right)][left.min(right)];
                (0..BLOCKS).map(mirrored).collect()
            })
            .collect();
        let others = matrix(reference);
        let m = number(reference.len());
        let itself = sum_of_kernels(others, others) - diagonal(others);
        Self {
            within,
            between: (0..BLOCKS)
                .map(|index| sum_of_kernels(block(index), others))
                .collect(),
            reference: itself / (m * (m - 1.0)),
            images: rows.len(),
            reference_images: reference.len(),
        }
    }

    /// The distance of all images, or of all but one block.
    fn distance(&self, without: Option<usize>) -> f64 {
        let kept = |block: &usize| Some(*block) != without;
        let missing = without.map_or(0, |block| {
            let (from, to) = bounds(block, BLOCKS, self.images);
            to - from
        });
        let (n, m) = (number(self.images - missing), number(self.reference_images));
        let blocks = || (0..BLOCKS).filter(kept);
        let within: f64 = blocks()
            .map(|left| blocks().map(|right| self.within[left][right]).sum::<f64>())
            .sum();
        let between: f64 = blocks().map(|block| self.between[block]).sum();
        within / (n * (n - 1.0)) + self.reference - 2.0 * between / (n * m)
    }
}

fn matrix(rows: &Rows) -> MatRef<'_, f64> {
    MatRef::from_row_major_slice(rows.values(), rows.len(), rows.width())
}

fn kernel(product: f64, width: usize) -> f64 {
    let base = product / number(width) + 1.0;
    base * base * base
}

fn sum_of_kernels(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    let mut products = Mat::zeros(a.nrows(), b.nrows());
    let transposed = b.transpose();
    matmul(
        products.as_mut(),
        Accum::Replace,
        a,
        transposed,
        1.0,
        Par::Seq,
    );
    let column = |column: faer::ColRef<'_, f64>| -> f64 {
        column.iter().map(|value| kernel(*value, a.ncols())).sum()
    };
    products.col_iter().map(column).sum()
}

/// Kernels of each row with itself.
fn diagonal(rows: MatRef<'_, f64>) -> f64 {
    rows.row_iter()
        .map(|row| kernel(row.iter().map(|value| value * value).sum(), rows.ncols()))
        .sum()
}

#[cfg(test)]
mod tests {
    use statistics::kernel_distance::kernel_distance;

    use super::*;
    use crate::fixture::{self, close, count, number as value};

    fn network() -> Network {
        Network::other("shapes-net", "sha256:00")
    }

    #[test]
    fn distances_are_those_of_torch_fidelity_and_torchmetrics() {
        for case in fixture::expected("kernel").as_array().unwrap() {
            let (seed, width) = (1_000_000 * count(case, "seed") as u64, count(case, "width"));
            let n = count(case, "n");
            let a = fixture::features(seed, n, width, 0.0);
            let b = fixture::features(seed + 500_000, n, width, value(case, "shift"));
            let plain = kernel_distance(a.features().unwrap(), b.features().unwrap()).unwrap();
            for program in ["torch_fidelity", "torchmetrics"] {
                // The distance is a difference of means near one: 1e-12 of those.
                let apart = (plain - value(case, program)).abs();
                assert!(apart < 1e-12, "{plain}: {case}");
            }
            if n >= FEWEST_IMAGES {
                let found = measure(&a, &b, &network(), 1, Level::P95).unwrap();
                assert!((found.unbiased - plain).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn leaving_out_a_block_is_leaving_out_its_images() {
        let (a, b) = (
            fixture::features(1, 50, 5, 0.1),
            fixture::features(9_000, 33, 5, 0.0),
        );
        let sums = BlockSums::of(&a, &b);
        for block in [0, 7, 19] {
            let (from, to) = bounds(block, BLOCKS, 50);
            let kept: Vec<f64> = a
                .iter()
                .enumerate()
                .filter(|(index, _)| !(from..to).contains(index))
                .flat_map(|(_, row)| row.to_vec())
                .collect();
            let kept = Rows::new(kept, 5).unwrap();
            let expected = kernel_distance(kept.features().unwrap(), b.features().unwrap());
            assert!(close(sums.distance(Some(block)), expected.unwrap(), 1e-9));
        }
    }

    #[test]
    fn a_distance_comes_with_what_it_takes_to_read_it() {
        let (a, b) = (
            fixture::features(1, 90, 6, 0.3),
            fixture::features(70_000, 60, 6, 0.0),
        );
        let found = measure(&a, &b, &network(), 5, Level::P95).unwrap();
        insta::assert_json_snapshot!(found, {
            ".unbiased" => insta::rounded_redaction(6),
            ".interval.value" => insta::rounded_redaction(6),
            ".interval.low" => insta::rounded_redaction(6),
            ".interval.high" => insta::rounded_redaction(6),
            ".subsets.mean" => insta::rounded_redaction(6),
            ".subsets.standard_deviation" => insta::rounded_redaction(6),
        });
    }

    #[test]
    fn few_images_are_refused() {
        let (few, some) = (
            fixture::features(1, 39, 4, 0.0),
            fixture::features(1, 50, 4, 0.0),
        );
        let refusal = measure(&few, &some, &network(), 1, Level::P95).unwrap_err();
        assert!(
            refusal
                .to_string()
                .contains("at least 40 images needed, got 39")
        );
        let wide = fixture::features(1, 50, 5, 0.0);
        assert!(measure(&some, &wide, &network(), 1, Level::P95).is_err());
    }
}
