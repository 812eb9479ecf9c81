//! An interval for a score that is no mean of images: the delete-a-block jackknife.
//!
//! Average precision and mean intersection over union are functions of all images at once. Leaving out one block of
//! images after another gives pseudo-values `h s − (h − 1) s₋ᵦ`, h = n / images of the block, whose
//! scatter is that of the score; their mean is the score free of its bias of order 1 / n.

use statistics::distribution::student_t_quantile;
use statistics::interval::{Interval, Level, Method};
use statistics::moments::Moments;
use statistics::sum::number;

use crate::ScoringError;

/// Blocks of images, where there are so many.
pub const BLOCKS: usize = 20;

/// The least number of images: fewer pseudo-values say little about their scatter.
pub const FEWEST_IMAGES: usize = 10;

/// The interval of a score of `images` images. `score` computes it from the images that it is given,
/// as ascending positions. The interval's `value` is bias-corrected; print the plain score beside it.
///
/// Blocks are successive images: keep images of one prompt or scene together.
///
/// # Errors
/// Fewer than [`FEWEST_IMAGES`] images, or an error of `score`.
pub fn over_images(
    name: &'static str,
    images: usize,
    level: Level,
    mut score: impl FnMut(&[usize]) -> Result<f64, ScoringError>,
) -> Result<Interval, ScoringError> {
    if images < FEWEST_IMAGES {
        return Err(ScoringError::TooFew {
            score: name,
            units: "images",
            needed: FEWEST_IMAGES,
            got: images,
            instead: "judge more images, or print the value without an interval",
        });
    }
    let everything: Vec<usize> = (0..images).collect();
    let all = score(&everything)?;
    let blocks = BLOCKS.min(images);
    let mut pseudo_values = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let (from, to) = bounds(block, blocks, images);
        let kept: Vec<usize> = (0..from).chain(to..images).collect();
        pseudo_values.push(pseudo_value(all, score(&kept)?, images, to - from));
    }
    interval(&pseudo_values, images, level)
}

/// First position of a block, and the one after its last.
pub(crate) const fn bounds(block: usize, blocks: usize, units: usize) -> (usize, usize) {
    (block * units / blocks, (block + 1) * units / blocks)
}

/// The pseudo-value of a block of `inside` of `units`.
pub(crate) fn pseudo_value(all: f64, without: f64, units: usize, inside: usize) -> f64 {
    let ratio = number(units) / number(inside);
    ratio * all - (ratio - 1.0) * without
}

/// The t interval over pseudo-values.
pub(crate) fn interval(
    pseudo_values: &[f64],
    units: usize,
    level: Level,
) -> Result<Interval, ScoringError> {
    let moments = Moments::of("pseudo-values", pseudo_values)?;
    let t = student_t_quantile(level.upper_point(), moments.degrees_of_freedom());
    let half_width = t * moments.standard_error();
    Ok(Interval::symmetric(
        moments.mean,
        half_width,
        level,
        units,
        Method::JackknifeT,
    ))
}

#[cfg(test)]
mod tests {
    use statistics::location::mean_t;

    use super::*;
    use crate::fixture;

    fn mean_of(values: &[f64]) -> impl FnMut(&[usize]) -> Result<f64, ScoringError> {
        |kept| Ok(kept.iter().map(|index| values[*index]).sum::<f64>() / kept.len() as f64)
    }

    #[test]
    fn of_a_mean_it_is_the_t_interval() {
        let values: Vec<f64> = fixture::uniform(5).take(20).collect();
        let found = over_images("mean", 20, Level::P95, mean_of(&values)).unwrap();
        let expected = mean_t(&values, Level::P95).unwrap();
        assert!((found.low - expected.low).abs() < 1e-12);
        assert!((found.high - expected.high).abs() < 1e-12);
    }

    #[test]
    fn it_covers_a_ratio_of_sums() {
        // Σy / Σx with y = x²: the truth is E x² / E x = 2/3.
        let mut covered = 0;
        for seed in 0..400 {
            let x: Vec<f64> = fixture::uniform(seed * 10_000).take(60).collect();
            let ratio = |kept: &[usize]| {
                let sum = |power: i32| kept.iter().map(|i| x[*i].powi(power)).sum::<f64>();
                Ok(sum(2) / sum(1))
            };
            let found = over_images("ratio", 60, Level::P95, ratio).unwrap();
            covered += usize::from(found.contains(2.0 / 3.0));
        }
        // 95 % of 400 within three standard errors.
        assert!((367..=393).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn few_images_are_refused_with_the_number_needed() {
        let refusal = over_images("mean IoU", 9, Level::P95, mean_of(&[0.0; 9])).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "mean IoU: at least 10 images needed, got 9; judge more images, or print the value \
             without an interval"
        );
    }
}
