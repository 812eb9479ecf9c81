//! The choice among boxes as cases.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::super::{BoxScratch, Candidates, NO_BOX, Suppression, nms, top_k};
use crate::case::{Bound, Case, Draw, Purpose, Tolerance, Work};
use crate::plain;

/// Pictures, boxes of each, how many are ranked, how many are kept at most.
#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    boxes: usize,
    ranked: usize,
    most: usize,
    purpose: Purpose,
}

const SUPPRESSION: Suppression = Suppression {
    iou_threshold: 0.4,
    least_score: -1.0,
};

fn ranked(scores: &Tensor, count: usize) -> Result<Vec<Vec<u32>>> {
    let scores: Vec<Vec<f32>> = scores.to_dtype(DType::F32)?.to_vec2()?;
    Ok(scores
        .iter()
        .map(|scores| plain::image::ranked(scores, count))
        .collect())
}

fn filled(rows: &[Vec<u32>], count: usize) -> Result<Tensor> {
    let mut all = Vec::new();
    for row in rows {
        let mut row = row.clone();
        row.resize(count, NO_BOX);
        all.append(&mut row);
    }
    Tensor::from_vec(all, (rows.len(), count), &Device::Cpu)
}

fn rank_case(shape: Shape, dtype: DType) -> Case {
    let Shape {
        batch,
        boxes,
        ranked: count,
        ..
    } = shape;
    Case {
        op: "top_k",
        shape: format!("{batch}x{boxes} best {count}"),
        dtype,
        purpose: shape.purpose,
        tolerance: Tolerance::EXACT,
        work: Work::traffic((batch * (boxes * dtype.size_in_bytes() + 4 * count)) as u64),
        inputs: Box::new(move |draw| Ok(vec![draw.normal((batch, boxes), 1.0)?])),
        bind: Box::new(move |operands| {
            let [scores] = operands else {
                bail!("one operand");
            };
            let scores = scores.clone();
            let scratch = BoxScratch::new(batch, boxes, count, scores.device())?;
            let order = Tensor::zeros((batch, count), DType::U32, scores.device())?;
            Ok(Bound {
                outputs: vec![order.clone()],
                call: Box::new(move || top_k(&scores, &scratch, &order)),
            })
        }),
        plain: Box::new(move |operands| Ok(vec![filled(&ranked(&operands[0], count)?, count)?])),
    }
}

/// Corners of boxes in quarters of a pixel, which are whole numbers until they are used.
fn draw_corners(draw: &mut Draw, shape: &Shape) -> Result<Tensor> {
    let dims = (shape.batch, shape.boxes, 1);
    let (left, top) = (draw.ids(dims, 300)?, draw.ids(dims, 300)?);
    let right = (&left + draw.ids(dims, 200)?)?;
    let bottom = (&top + draw.ids(dims, 200)?)?;
    Tensor::cat(&[&left, &top, &right, &bottom], 2)
}

fn as_corners(numbers: &Tensor) -> Result<Tensor> {
    (numbers.to_dtype(DType::F32)? * 0.25)?.contiguous()
}

fn nms_case(shape: Shape, grouped: bool, dtype: DType) -> Case {
    let Shape {
        batch,
        boxes,
        ranked: count,
        most,
        purpose,
    } = shape;
    Case {
        op: "nms",
        shape: format!(
            "{batch}x{boxes} best {count} keeps {most}{}",
            if grouped { " grouped" } else { "" }
        ),
        dtype,
        purpose,
        tolerance: Tolerance::EXACT,
        work: Work::traffic((batch * (16 * count + boxes * dtype.size_in_bytes())) as u64),
        inputs: Box::new(move |draw| {
            Ok(vec![
                draw.normal((batch, boxes), 1.0)?,
                draw_corners(draw, &shape)?,
                draw.ids((batch, boxes), 3)?,
            ])
        }),
        bind: Box::new(move |operands| bind(operands, shape, grouped)),
        plain: Box::new(move |operands| expected(operands, shape, grouped)),
    }
}

fn bind(operands: &[Tensor], shape: Shape, grouped: bool) -> Result<Bound> {
    let [scores, numbers, groups] = operands else {
        bail!("three operands");
    };
    let device = scores.device().clone();
    let boxes = as_corners(numbers)?;
    let order = filled(&ranked(scores, shape.ranked)?, shape.ranked)?.to_device(&device)?;
    let scratch = BoxScratch::new(shape.batch, shape.boxes, shape.ranked, &device)?;
    let kept = Tensor::zeros((shape.batch, shape.most), DType::U32, &device)?;
    let counts = Tensor::zeros(shape.batch, DType::U32, &device)?;
    let (scores, groups) = (scores.clone(), grouped.then(|| groups.clone()));
    Ok(Bound {
        outputs: vec![kept.clone(), counts.clone()],
        call: Box::new(move || {
            let candidates = Candidates {
                boxes: &boxes,
                scores: &scores,
                groups: groups.as_ref(),
                order: &order,
            };
            nms(&candidates, &SUPPRESSION, &scratch, &kept, &counts)
        }),
    })
}

fn expected(operands: &[Tensor], shape: Shape, grouped: bool) -> Result<Vec<Tensor>> {
    let [scores, numbers, groups] = operands else {
        bail!("three operands");
    };
    let corners = as_corners(numbers)?;
    let orders = ranked(scores, shape.ranked)?;
    let mut rows = Vec::new();
    for (picture, order) in orders.iter().enumerate() {
        let corners: Vec<f32> = corners.get(picture)?.flatten_all()?.to_vec1()?;
        let (corners, _) = corners.as_chunks::<4>();
        let scores: Vec<f32> = scores.get(picture)?.to_vec1()?;
        let groups: Vec<u32> = groups.get(picture)?.to_vec1()?;
        rows.push(plain::image::suppressed(
            corners,
            &scores,
            grouped.then_some(groups.as_slice()),
            order.iter().copied(),
            &SUPPRESSION,
            shape.most,
        ));
    }
    let counts = rows
        .iter()
        .map(|row| Ok(u32::try_from(row.len())?))
        .collect::<Result<Vec<_>>>()?;
    Ok(vec![
        filled(&rows, shape.most)?,
        Tensor::from_vec(counts, shape.batch, &Device::Cpu)?,
    ])
}

/// Fewer boxes than are ranked, several blocks and rounds, words that are not full; then the sizes of
/// a one-stage detector and of a region proposal network.
pub(super) fn cases() -> Vec<Case> {
    let shape = |[batch, boxes, ranked, most]: [usize; 4], purpose| Shape {
        batch,
        boxes,
        ranked,
        most,
        purpose,
    };
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for sizes in [
            [2, 5, 8, 1],
            [3, 300, 100, 1],
            [1, 20_000, 1000, 1],
            [1, 9000, 4096, 1],
        ] {
            cases.push(rank_case(shape(sizes, Purpose::Check), dtype));
        }
        for (sizes, grouped) in [
            ([2, 5, 8, 3], false),
            ([2, 150, 150, 150], false),
            ([1, 400, 200, 10], true),
            ([3, 200, 130, 200], true),
        ] {
            cases.push(nms_case(shape(sizes, Purpose::Check), grouped, dtype));
        }
    }
    for sizes in [[1, 8400, 4096, 300], [1, 217_413, 2000, 1000]] {
        cases.push(rank_case(shape(sizes, Purpose::Bench), DType::F32));
        cases.push(nms_case(shape(sizes, Purpose::Bench), true, DType::F32));
    }
    cases
}
