//! Features of regions of interest (He et al., 2017, as torchvision computes it).
//!
//! Floor: one write of the result; features are read again and again from the cache.

use candle_core::{DType, Result, Tensor};

use super::picture;
use crate::contract::{operand, write};
use crate::plain;

/// How regions are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regions {
    /// Pixels of the features for a pixel of the boxes, such as 1/16.
    pub spatial_scale: f32,
    /// Samples in each direction of a cell; 0: as many as a cell has pixels, rounded up.
    pub sampling_ratio: usize,
    /// Whether boxes are moved by half a pixel, so that they fit centres; the older way does not, and
    /// takes every box for at least one pixel wide.
    pub aligned: bool,
}

/// Means of bilinear samples in a grid of cells for each box: features `[b, h, w, c]`, boxes `[n, 5]`
/// in f32 (number of the picture, left, top, right, bottom), `out` `[n, cells h, cells w, c]`. A box
/// whose picture does not exist (such as −1, for a slot that is not used) gives zeros.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn roi_align(
    features: &Tensor,
    boxes: &Tensor,
    spatial_scale: f32,
    sampling_ratio: usize,
    aligned: bool,
    out: &Tensor,
) -> Result<()> {
    let regions = Regions {
        spatial_scale,
        sampling_ratio,
        aligned,
    };
    check(features, boxes, out)?;
    write(
        out,
        &plain::image::roi_align(features, boxes, &regions, cells(out)?)?,
    )
}

/// As [`roi_align`] for one level of a feature pyramid: only boxes whose number in `levels` (`[n]`,
/// u32) is `level` are written; the other rows of `out` stay as they are.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn roi_align_level(
    features: &Tensor,
    boxes: &Tensor,
    (levels, level): (&Tensor, u32),
    regions: &Regions,
    out: &Tensor,
) -> Result<()> {
    check(features, boxes, out)?;
    operand("roi_align", "levels", levels).is(boxes.dim(0)?, DType::U32)?;
    let computed = plain::image::roi_align(features, boxes, regions, cells(out)?)?;
    let rows = levels
        .eq(level)?
        .reshape((boxes.dim(0)?, 1, 1, 1))?
        .broadcast_as(out.shape())?;
    write(out, &rows.where_cond(&computed, &out.copy()?)?)
}

fn cells(out: &Tensor) -> Result<(usize, usize)> {
    let (_, height, width, _) = out.dims4()?;
    Ok((height, width))
}

fn check(features: &Tensor, boxes: &Tensor, out: &Tensor) -> Result<()> {
    const OP: &str = "roi_align";
    let (.., channels) = picture(OP, "features", features)?;
    let (_, height, width, _) = picture(OP, "out", out)?;
    let count = boxes.dim(0)?;
    operand(OP, "boxes", boxes).is((count, 5), DType::F32)?;
    operand(OP, "out", out).is((count, height, width, channels), features.dtype())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn only_boxes_of_the_level_are_written() {
        let features = Tensor::ones((1, 4, 4, 1), DType::F32, &Device::Cpu).unwrap();
        let boxes = Tensor::new(
            &[[0f32, 0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.0, 2.0, 2.0]],
            &Device::Cpu,
        )
        .unwrap();
        let levels = Tensor::new(&[3_u32, 4], &Device::Cpu).unwrap();
        let out = Tensor::full(9f32, (2, 1, 1, 1), &Device::Cpu).unwrap();
        let out = out.contiguous().unwrap();
        let regions = Regions {
            spatial_scale: 1.0,
            sampling_ratio: 2,
            aligned: true,
        };
        roi_align_level(&features, &boxes, (&levels, 4), &regions, &out).unwrap();
        let found = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [9.0, 1.0]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let features = Tensor::ones((1, 4, 4, 1), DType::F32, &Device::Cpu).unwrap();
        let boxes = Tensor::zeros((2, 4), DType::F32, &Device::Cpu).unwrap();
        let out = Tensor::zeros((2, 7, 7, 1), DType::F32, &Device::Cpu).unwrap();
        let message = roi_align(&features, &boxes, 1.0, 2, true, &out)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("boxes is F32 [2, 4], expected F32 [2, 5]"),
            "{message}"
        );
    }
}
