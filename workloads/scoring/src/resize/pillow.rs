//! Pillow's `Image.resize`, along rows first, then along columns (`src/libImaging/Resample.c`).

use super::filter::Filter;
use super::require_target;
use super::taps::{Taps, along_columns, along_rows, antialiased, fixed_point};
use crate::ScoringError;
use crate::picture::{Picture, Size};

/// Bits behind the point of Pillow's weights: 32 less 8 of a byte, and two to spare.
const BITS: u32 = 32 - 8 - 2;

/// On bytes: weights are integers, and the picture between the two passes is bytes too.
///
/// # Errors
/// A target without pixels.
pub fn pillow_bytes(
    picture: &Picture<u8>,
    target: Size,
    filter: Filter,
) -> Result<Picture<u8>, ScoringError> {
    require_target(target)?;
    let from = picture.size();
    let across = fixed_point(&antialiased(from.width, target.width, filter), BITS);
    let down = fixed_point(&antialiased(from.height, target.height, filter), BITS);
    let rows = along_rows(picture, &across, |taps, at| mix_bytes(taps, at, BITS));
    Ok(along_columns(&rows, &down, |taps, at| {
        mix_bytes(taps, at, BITS)
    }))
}

/// A byte from bytes, rounded at a half and held in its range.
pub(super) fn mix_bytes(taps: &Taps<i32>, at: &dyn Fn(usize) -> u8, bits: u32) -> u8 {
    let mut sum = 1_i32 << (bits - 1);
    for (index, weight) in taps.weights.iter().enumerate() {
        sum += weight * i32::from(at(index));
    }
    let byte = (sum >> bits).clamp(0, 255);
    u8::try_from(byte).unwrap_or(u8::MAX)
}

/// On each channel as numbers (mode `F`): sums in double precision, the pictures between and after
/// the passes in single precision, held in `range` at the end. clean-fid takes the bicubic filter
/// and the range 0 to 255.
///
/// # Errors
/// A target without pixels.
pub fn pillow_float(
    picture: &Picture<f32>,
    target: Size,
    filter: Filter,
    range: (f32, f32),
) -> Result<Picture<f32>, ScoringError> {
    require_target(target)?;
    let from = picture.size();
    let mix = |taps: &Taps<f64>, at: &dyn Fn(usize) -> f32| -> f32 {
        let terms = taps.weights.iter().enumerate();
        let sum: f64 = terms
            .map(|(index, weight)| weight * f64::from(at(index)))
            .sum();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "mode F is single precision"
        )]
        let sum = sum as f32;
        sum
    };
    let across = antialiased(from.width, target.width, filter);
    let down = antialiased(from.height, target.height, filter);
    let resized = along_columns(&along_rows(picture, &across, mix), &down, mix);
    Ok(resized.map(|value| value.clamp(range.0, range.1)))
}
