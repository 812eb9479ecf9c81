//! Regions of interest as cases.

use candle_core::{DType, Result, Tensor, bail};

use super::super::{Regions, roi_align, roi_align_level};
use crate::case::{Bound, Case, Draw, Purpose, Tolerance, Work};
use crate::plain;

/// Pictures and boxes; cells in each direction; how they are read.
#[derive(Clone, Copy)]
struct Shape {
    features: [usize; 4],
    boxes: usize,
    cells: (usize, usize),
    regions: Regions,
    /// Only boxes of level 1, of 0 to 2.
    of_level: bool,
    purpose: Purpose,
}

/// Boxes in quarters of a pixel, as whole numbers, because floating operands are rounded to the
/// case's format: number of the picture (one too many, for slots without a box), corners.
fn draw_boxes(draw: &mut Draw, shape: &Shape) -> Result<Tensor> {
    let [batch, height, width, _] = shape.features;
    // A little more than the features, so that some boxes hang over.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "sizes are small"
    )]
    let limit = |size: usize| (1.1 * 4.0 * size as f32 / shape.regions.spatial_scale) as u32;
    let pictures = draw.ids((shape.boxes, 1), u32::try_from(batch + 1)?)?;
    let left = draw.ids((shape.boxes, 1), limit(width))?;
    let top = draw.ids((shape.boxes, 1), limit(height))?;
    let right = (&left + draw.ids((shape.boxes, 1), limit(width) / 2)?)?;
    let bottom = (&top + draw.ids((shape.boxes, 1), limit(height) / 2)?)?;
    Tensor::cat(&[&pictures, &left, &top, &right, &bottom], 1)
}

fn as_boxes(numbers: &Tensor) -> Result<Tensor> {
    let scale = Tensor::new(&[1_f32, 0.25, 0.25, 0.25, 0.25], numbers.device())?;
    numbers
        .to_dtype(DType::F32)?
        .broadcast_mul(&scale)?
        .contiguous()
}

fn case(shape: Shape, dtype: DType) -> Case {
    let [batch, height, width, channels] = shape.features;
    let Regions {
        sampling_ratio,
        aligned,
        ..
    } = shape.regions;
    let (rows, columns) = shape.cells;
    let results = shape.boxes * rows * columns * channels;
    let values = results + batch * height * width * channels;
    Case {
        op: "roi_align",
        shape: format!(
            "{batch}x{height}x{width}x{channels} {}x{rows}x{columns} sampling {sampling_ratio}{}{}",
            shape.boxes,
            if aligned { " aligned" } else { "" },
            if shape.of_level { " level" } else { "" },
        ),
        dtype,
        purpose: shape.purpose,
        tolerance: Tolerance::rounded_once(dtype),
        work: Work::traffic((values * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| {
            Ok(vec![
                draw.normal(shape.features.to_vec(), 1.0)?,
                draw_boxes(draw, &shape)?,
                draw.ids(shape.boxes, 3)?,
            ])
        }),
        bind: Box::new(move |operands| bind(operands, shape)),
        plain: Box::new(move |operands| {
            let [features, numbers, levels] = operands else {
                bail!("three operands");
            };
            let boxes = as_boxes(numbers)?;
            let found = plain::image::roi_align(features, &boxes, &shape.regions, shape.cells)?;
            if !shape.of_level {
                return Ok(vec![found]);
            }
            let rows = levels.eq(1_u32)?.to_dtype(DType::F32)?;
            let rows = rows.reshape((shape.boxes, 1, 1, 1))?;
            Ok(vec![found.broadcast_mul(&rows)?])
        }),
    }
}

fn bind(operands: &[Tensor], shape: Shape) -> Result<Bound> {
    let [features, numbers, levels] = operands else {
        bail!("three operands");
    };
    let boxes = as_boxes(numbers)?;
    let dims = (shape.boxes, shape.cells.0, shape.cells.1, shape.features[3]);
    let out = Tensor::zeros(dims, features.dtype(), features.device())?;
    let (features, levels) = (features.clone(), levels.clone());
    let Regions {
        spatial_scale,
        sampling_ratio,
        aligned,
    } = shape.regions;
    Ok(Bound {
        outputs: vec![out.clone()],
        call: Box::new(move || {
            if shape.of_level {
                roi_align_level(&features, &boxes, (&levels, 1), &shape.regions, &out)
            } else {
                roi_align(
                    &features,
                    &boxes,
                    spatial_scale,
                    sampling_ratio,
                    aligned,
                    &out,
                )
            }
        }),
    })
}

/// Both conventions, a given number of samples and one by size; then Faster R-CNN's 1,000 boxes.
pub(super) fn cases() -> Vec<Case> {
    let small = Shape {
        features: [2, 9, 11, 16],
        boxes: 7,
        cells: (3, 2),
        regions: Regions {
            spatial_scale: 0.25,
            sampling_ratio: 2,
            aligned: false,
        },
        of_level: false,
        purpose: Purpose::Check,
    };
    let by_size = Shape {
        regions: Regions {
            sampling_ratio: 0,
            aligned: true,
            ..small.regions
        },
        ..small
    };
    let narrow = Shape {
        features: [1, 6, 5, 3],
        ..by_size
    };
    let of_level = Shape {
        of_level: true,
        ..small
    };
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for shape in [small, by_size, narrow, of_level] {
            cases.push(case(shape, dtype));
        }
    }
    let faster = Shape {
        features: [1, 200, 272, 256],
        boxes: 1000,
        cells: (7, 7),
        purpose: Purpose::Bench,
        ..small
    };
    cases.push(case(faster, DType::BF16));
    cases
}
