//! TensorFlow 1's `resize_bilinear` with `align_corners=False`, as torch-fidelity repeats it.

use super::require_target;
use super::taps::{Taps, along_columns, along_rows, single, truncated};
use crate::ScoringError;
use crate::picture::{Picture, Size};

/// Bilinear without antialiasing, and with the corner of a pixel where others have its centre: the
/// result lies half a pixel off, and published FIDs are made with it.
///
/// # Errors
/// A target without pixels.
pub fn tensorflow1_bilinear(
    picture: &Picture<f32>,
    target: Size,
) -> Result<Picture<f32>, ScoringError> {
    require_target(target)?;
    let from = picture.size();
    let across = neighbours(from.width, target.width);
    let down = neighbours(from.height, target.height);
    Ok(along_columns(
        &along_rows(picture, &across, mix),
        &down,
        mix,
    ))
}

/// The two neighbours of each pixel; the weight is that of the second.
fn neighbours(from: usize, to: usize) -> Vec<Taps<f32>> {
    let scale = single(from) / single(to);
    (0..to)
        .map(|index| {
            let position = single(index) * scale;
            let first = truncated(f64::from(position)).min(from - 1);
            let weights = if first + 1 < from {
                vec![position - single(first)]
            } else {
                vec![]
            };
            Taps { first, weights }
        })
        .collect()
}

fn mix(taps: &Taps<f32>, at: &dyn Fn(usize) -> f32) -> f32 {
    let first = at(0);
    match taps.weights.first() {
        Some(beyond) => first + (at(1) - first) * beyond,
        None => first,
    }
}
