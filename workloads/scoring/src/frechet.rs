//! The Fréchet distance of two sets of images, as in FID, with all that it takes to read it.
//!
//! The formulas and their proofs are in [`statistics::frechet`]; here a distance becomes a result
//! that cannot be printed without its number of images, its noise floor, its interval and the name of
//! its network.
//!
//! - The plain value (`plug_in`) is what programs print. It is too high by about c / N, so that two
//!   sets of the same source have a distance: the `floor`.
//! - `interval` is a 20-block delete jackknife with bias-corrected pseudo-values. Bootstrap
//!   percentiles would add the bias a second time and cover almost never.
//! - `limit` is the value at 1 / N = 0 on a line through subsets (FID∞).

use serde::{Deserialize, Serialize};
use statistics::frechet::{
    Against, DELETED_BLOCKS, Gaussian, Reference, distance_of_features, extrapolate, floor,
    jackknife, jackknife_difference,
};
use statistics::interval::{Interval, Level};
use statistics::sum::number;

use crate::ScoringError;
use crate::network::{Network, Score};
use crate::rows::{Rows, require_same_width};

/// Points of the line whose end is FID∞ (Chong and Forsyth, CVPR 2020).
const POINTS: usize = 15;

/// The least number of images of a set: the smallest subset of the line has a quarter of them, and
/// it takes at least two.
pub const FEWEST_IMAGES: usize = 8 * POINTS;

/// Below this many images a covariance of width 2,048 is singular, and published FIDs of 50,000
/// images are no measure for the value.
pub const COMPARABLE_FROM: usize = 2048;

/// Whether the value may stand beside published ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparability {
    /// Enough images, if they are the same number of the same data.
    SameNumberAndData,
    /// Fewer than [`COMPARABLE_FROM`] images on a side.
    #[serde(rename = "not-comparable-to-fid-50k")]
    NotToFid50k,
}

/// A distance and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrechetDistance {
    /// What it is called: "FID" with canonical weights only.
    pub title: String,
    /// What made the features.
    pub network: Network,
    /// Values of a row of features.
    pub width: usize,
    /// Images that are judged.
    pub images: usize,
    /// Images of the reference.
    pub reference_images: usize,
    /// The distance as it is usually printed.
    pub plug_in: f64,
    /// What it would be if both sets came from the reference's source, to first order:
    /// `(1/N + 1/M) / 2 · [2 tr Σ + Σᵢⱼ λᵢ λⱼ (1 + δᵢⱼ) / (λᵢ + λⱼ)]`.
    pub floor: f64,
    /// Bias-corrected estimate and interval, with the reference taken as exact.
    pub interval: Interval,
    /// FID∞, with the reference taken as exact. It carries no interval.
    pub limit: f64,
    /// Whether it may stand beside published values.
    pub comparability: Comparability,
}

/// Features of reference images, prepared once for many comparisons.
#[derive(Clone, Debug)]
pub struct ReferenceSet {
    rows: Rows,
    reference: Reference,
    floor_coefficient: f64,
}

impl ReferenceSet {
    /// Prepares a reference.
    ///
    /// # Errors
    /// Fewer than [`FEWEST_IMAGES`] rows, or a decomposition that does not converge.
    pub fn new(rows: Rows) -> Result<Self, ScoringError> {
        require_images(rows.len())?;
        let gaussian = Gaussian::of(rows.features()?)?;
        let floor_coefficient = floor(&gaussian, 1)?;
        Ok(Self {
            reference: Reference::new(gaussian)?,
            rows,
            floor_coefficient,
        })
    }

    /// Number of images.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a reference has images.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The noise floor of a set of `images` images against this one.
    pub fn floor(&self, images: usize) -> f64 {
        self.floor_coefficient * f64::midpoint(1.0 / number(images), 1.0 / number(self.len()))
    }
}

/// The plain distance of two sets of features, by the symmetric eigen route, or by the nuclear norm
/// where a set has no more rows than a row has values.
///
/// # Errors
/// Fewer than two rows, different widths, or a decomposition that does not converge.
pub fn plug_in(rows: &Rows, reference: &Rows) -> Result<f64, ScoringError> {
    require_same_width(("the images", rows), ("the reference", reference))?;
    Ok(distance_of_features(
        rows.features()?,
        reference.features()?,
    )?)
}

/// The distance of images to a reference, with everything beside it. The rows of one prompt stand
/// together, prompts are shuffled. `seed` draws the subsets of the line.
///
/// At a width of 2,048 this takes 37 decompositions, minutes of one processor.
///
/// # Errors
/// Fewer than [`FEWEST_IMAGES`] rows, different widths, or a decomposition that does not converge.
pub fn measure(
    rows: &Rows,
    reference: &ReferenceSet,
    network: &Network,
    seed: u64,
    level: Level,
) -> Result<FrechetDistance, ScoringError> {
    require_images(rows.len())?;
    let plug_in = plug_in(rows, &reference.rows)?;
    let (features, against) = (rows.features()?, Against::Fixed(&reference.reference));
    let estimate = jackknife(features, against, DELETED_BLOCKS, level)?;
    let line = extrapolate(features, against, POINTS, seed)?;
    let fewer = rows.len().min(reference.len());
    Ok(FrechetDistance {
        title: network.title(Score::FrechetDistance),
        network: network.clone(),
        width: rows.width(),
        images: rows.len(),
        reference_images: reference.len(),
        plug_in,
        floor: reference.floor(rows.len()),
        interval: estimate.interval,
        limit: line.limit,
        comparability: if fewer < COMPARABLE_FROM {
            Comparability::NotToFid50k
        } else {
            Comparability::SameNumberAndData
        },
    })
}

/// By how much one system's distance exceeds another's, both against one reference. Row i of both is
/// the same prompt and seed: a block is left out of both at once, so that what they have in common
/// cancels. The plain difference is the `plug_in`, the interval that of the paired-block jackknife.
///
/// # Errors
/// As [`measure`]; sets of unequal length.
pub fn difference(
    left: &Rows,
    right: &Rows,
    reference: &ReferenceSet,
    level: Level,
) -> Result<FrechetDifference, ScoringError> {
    require_images(left.len().min(right.len()))?;
    require_same_width(("the first system", left), ("the second system", right))?;
    require_same_width(("the images", left), ("the reference", &reference.rows))?;
    let against = Against::Fixed(&reference.reference);
    let (a, b) = (left.features()?, right.features()?);
    let estimate = jackknife_difference(a, b, against, DELETED_BLOCKS, level)?;
    Ok(FrechetDifference {
        plug_in: estimate.plug_in,
        interval: estimate.interval,
    })
}

/// The distance of one system less that of another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrechetDifference {
    /// Difference of the plain values.
    pub plug_in: f64,
    /// Bias-corrected difference and interval; `n` is the number of pairs.
    pub interval: Interval,
}

fn require_images(got: usize) -> Result<(), ScoringError> {
    if got >= FEWEST_IMAGES {
        return Ok(());
    }
    Err(ScoringError::TooFew {
        score: "Fréchet distance with interval and limit",
        units: "images",
        needed: FEWEST_IMAGES,
        got,
        instead: "make more images, or take the kernel distance, which is unbiased at any number",
    })
}

#[cfg(test)]
mod tests;
