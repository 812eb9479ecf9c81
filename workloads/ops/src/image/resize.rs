//! Pictures in another size, as PyTorch's `interpolate` does it (without smoothing).
//!
//! Floor: one read of the picture and one write of the result.

use candle_core::{Result, Tensor, bail};

use super::picture;
use crate::contract::{operand, write};
use crate::plain;

/// Where a pixel of a resized picture comes from, along one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// Weight of `after`; the rest is that of `before`.
    pub(crate) share: f32,
}

/// The place that a pixel of a nearest resize comes from; in f32, as PyTorch computes it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are small; the product is not negative, and is rounded down on purpose"
)]
pub(crate) fn nearest_place(place: usize, from: usize, to: usize) -> usize {
    let scale = from as f32 / to as f32;
    ((place as f32 * scale) as usize).min(from - 1)
}

/// Steps of the source for a step of the result, and whether places count from centres.
#[expect(clippy::cast_precision_loss, reason = "sizes are small")]
pub(super) fn step(from: usize, to: usize, align_corners: bool) -> f32 {
    match (align_corners, to) {
        (true, 0 | 1) => 0.0,
        (true, _) => (from - 1) as f32 / (to - 1) as f32,
        (false, _) => from as f32 / to as f32,
    }
}

/// For each pixel of a bilinear resize along one direction. With `align_corners` the centres of the
/// outermost pixels stay where they are, without it the edges of the picture.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are small; the place is not negative, and is rounded down on purpose"
)]
pub(crate) fn samples(from: usize, to: usize, align_corners: bool) -> Vec<Sample> {
    let step = step(from, to, align_corners);
    (0..to)
        .map(|place| {
            let at = if align_corners {
                place as f32 * step
            } else {
                ((place as f32 + 0.5) * step - 0.5).max(0.0)
            };
            let before = (at as usize).min(from - 1);
            Sample {
                before,
                after: (before + 1).min(from - 1),
                share: at - before as f32,
            }
        })
        .collect()
}

/// Each pixel `factor × factor` times: `out` `[b, h·factor, w·factor, c]`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn upsample_nearest(x: &Tensor, factor: usize, out: &Tensor) -> Result<()> {
    const OP: &str = "upsample_nearest";
    let (batch, height, width, channels) = picture(OP, "x", x)?;
    let shape = (batch, height * factor, width * factor, channels);
    operand(OP, "out", out).is(shape, x.dtype())?;
    resize_nearest(x, out)
}

/// The nearest pixel for each of `out` `[b, h', w', c]`: `⌊place · h / h'⌋`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn resize_nearest(x: &Tensor, out: &Tensor) -> Result<()> {
    let size = size("resize_nearest", x, out)?;
    write(out, &plain::image::resize_nearest(x, size)?)
}

/// Each pixel of `out` `[b, h', w', c]` from the four around its place, by distance. With
/// `align_corners` the centres of the corner pixels stay where they are, without it the edges of the
/// picture.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn resize_bilinear(x: &Tensor, align_corners: bool, out: &Tensor) -> Result<()> {
    let size = size("resize_bilinear", x, out)?;
    write(out, &plain::image::resize_bilinear(x, size, align_corners)?)
}

/// Checks a resize and gives height and width of the result.
fn size(op: &'static str, x: &Tensor, out: &Tensor) -> Result<(usize, usize)> {
    let (batch, height, width, channels) = picture(op, "x", x)?;
    let (_, out_height, out_width, _) = picture(op, "out", out)?;
    operand(op, "out", out).is((batch, out_height, out_width, channels), x.dtype())?;
    if height * width == 0 {
        bail!("{op}: x {:?} has no pixel", x.dims());
    }
    Ok((out_height, out_width))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn pixels_are_repeated() {
        let x = Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let x = x.reshape((1, 1, 2, 1)).unwrap();
        let out = Tensor::zeros((1, 2, 4, 1), DType::F32, &Device::Cpu).unwrap();
        upsample_nearest(&x, 2, &out).unwrap();
        let found = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::zeros((1, 4, 4, 2), DType::F32, &Device::Cpu).unwrap();
        let out = Tensor::zeros((1, 6, 6, 2), DType::F32, &Device::Cpu).unwrap();
        let message = upsample_nearest(&x, 2, &out).unwrap_err().to_string();
        assert!(
            message
                .contains("upsample_nearest: out is F32 [1, 6, 6, 2], expected F32 [1, 8, 8, 2]"),
            "{message}"
        );
        let other = Tensor::zeros((1, 6, 6, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(resize_bilinear(&x, false, &other).is_err());
    }
}
