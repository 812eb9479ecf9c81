//! The recurrence as cases.

use candle_core::{DType, Tensor, bail};

use super::score_last;
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::plain;

const CELLS: usize = 10;

/// Sequences and steps: fewer steps than are asked for ahead, warps that are not full, then the
/// sentiment model.
const SHAPES: [(usize, usize, Purpose); 7] = [
    (1, 1, Purpose::Check),
    (2, 3, Purpose::Check),
    (3, 4, Purpose::Check),
    (7, 33, Purpose::Check),
    (1, 300, Purpose::Both),
    (32, 300, Purpose::Both),
    (1024, 300, Purpose::Bench),
];

fn tolerance(dtype: DType) -> Tolerance {
    match dtype {
        DType::F32 => Tolerance {
            relative: 5e-5,
            reason: "fast exponentials err by 1e-6, and a state keeps some ten steps of it",
        },
        _ => Tolerance::rounded_once(dtype),
    }
}

fn case((batch, length, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
    let values = batch * length * 4 * CELLS + batch;
    Case {
        op: "lstm",
        shape: format!("{batch}x{length}"),
        dtype,
        purpose,
        tolerance: tolerance(dtype),
        work: Work {
            flops: (2 * batch * length * 4 * CELLS * CELLS) as u64,
            ..Work::traffic((values * dtype.size_in_bytes()) as u64)
        },
        inputs: Box::new(move |draw| {
            Ok(vec![
                draw.normal((batch, length, 4 * CELLS), 1.0)?,
                draw.normal((4 * CELLS, CELLS), 0.3)?,
                draw.normal(CELLS, 1.0)?,
                draw.normal(1, 1.0)?,
            ])
        }),
        bind: Box::new(move |operands| {
            let [inputs, recurrent, weight, bias] = operands else {
                bail!("four operands");
            };
            let out = Tensor::zeros(batch, dtype, inputs.device())?;
            let operands = [inputs, recurrent, weight, bias].map(Tensor::clone);
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || {
                    let [inputs, recurrent, weight, bias] = &operands;
                    score_last(inputs, recurrent, weight, bias, &out)
                }),
            })
        }),
        plain: Box::new(|operands| {
            let [inputs, recurrent, weight, bias] = operands else {
                bail!("four operands");
            };
            Ok(vec![plain::lstm::score_last(
                inputs, recurrent, weight, bias,
            )?])
        }),
    }
}

/// Every shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let formats = [DType::F32, DType::F16, DType::BF16];
    SHAPES
        .into_iter()
        .flat_map(|shape| formats.map(|dtype| case(shape, dtype)))
        .collect()
}
