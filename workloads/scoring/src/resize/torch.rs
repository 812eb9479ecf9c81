//! PyTorch's `interpolate` with `align_corners=False`, and torchvision's `resize` on tensors.

use super::filter::Filter;
use super::pillow::mix_bytes;
use super::require_target;
use super::taps::{
    Taps, along_columns, along_rows, antialiased, antialiased_single, fixed_point, single,
};
use crate::ScoringError;
use crate::picture::{Picture, Size};

/// Bilinear without antialiasing: each pixel of the result is between four neighbours, however much
/// smaller the picture gets.
///
/// # Errors
/// A target without pixels.
pub fn torch_bilinear(picture: &Picture<f32>, target: Size) -> Result<Picture<f32>, ScoringError> {
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

/// The two neighbours of each pixel, with the positions of single precision: those of double
/// precision lie up to 1e-5 of a pixel elsewhere.
fn neighbours(from: usize, to: usize) -> Vec<Taps<f32>> {
    let scale = single(from) / single(to);
    (0..to)
        .map(|index| {
            let position = (scale * (single(index) + 0.5) - 0.5).max(0.0);
            let first = super::taps::truncated(f64::from(position)).min(from - 1);
            let beyond = (position - single(first)).clamp(0.0, 1.0);
            let weights = if first + 1 < from {
                vec![1.0 - beyond, beyond]
            } else {
                vec![1.0]
            };
            Taps { first, weights }
        })
        .collect()
}

fn mix(taps: &Taps<f32>, at: &dyn Fn(usize) -> f32) -> f32 {
    let terms = taps.weights.iter().enumerate();
    terms.map(|(index, weight)| weight * at(index)).sum()
}

/// On numbers with antialiasing: Pillow's filters, all in single precision.
///
/// # Errors
/// A target without pixels.
pub fn torch_antialiased(
    picture: &Picture<f32>,
    target: Size,
    filter: Filter,
) -> Result<Picture<f32>, ScoringError> {
    require_target(target)?;
    let from = picture.size();
    let across = antialiased_single(from.width, target.width, filter);
    let down = antialiased_single(from.height, target.height, filter);
    Ok(along_columns(
        &along_rows(picture, &across, mix),
        &down,
        mix,
    ))
}

/// On bytes with antialiasing, as torchvision's `transforms.v2` resizes uint8 tensors: like Pillow, but with weights of
/// 16 bits, so that a byte in a thousand differs by one.
///
/// # Errors
/// A target without pixels.
pub fn torch_bytes(
    picture: &Picture<u8>,
    target: Size,
    filter: Filter,
) -> Result<Picture<u8>, ScoringError> {
    require_target(target)?;
    let from = picture.size();
    let pass = |from, to| {
        let taps = antialiased(from, to, filter);
        let bits = bits(&taps);
        (fixed_point(&taps, bits), bits)
    };
    let (across, bits_across) = pass(from.width, target.width);
    let (down, bits_down) = pass(from.height, target.height);
    let rows = along_rows(picture, &across, |taps, at| {
        mix_bytes(taps, at, bits_across)
    });
    Ok(along_columns(&rows, &down, |taps, at| {
        mix_bytes(taps, at, bits_down)
    }))
}

/// The most bits behind the point, up to 22, with which the largest weight still fits 16 bits.
fn bits(taps: &[Taps<f64>]) -> u32 {
    let weights = taps.iter().flat_map(|tap| &tap.weights);
    let largest = weights.copied().fold(0.0, f64::max);
    let fits = |bits: &u32| 0.5 + largest * f64::from(1_u32 << (bits + 1)) < 32768.0;
    (0..22).take_while(fits).count().try_into().unwrap_or(22)
}
