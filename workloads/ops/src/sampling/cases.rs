//! Drawing tokens as cases.

use candle_core::{DType, Device, Tensor};

use super::{Sampling, sample};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::{Start, plain};

/// Where the cases are in their text.
const POSITION: usize = 17;

/// Rows, columns and `top_k`: an odd width, then vocabularies of GPT-2 and LLaMA.
const SHAPES: [(usize, usize, usize, Purpose); 6] = [
    (3, 77, 0, Purpose::Check),
    (3, 77, 5, Purpose::Check),
    (2, 50_257, 40, Purpose::Both),
    (1, 32_000, 0, Purpose::Both),
    (1, 32_000, 50, Purpose::Both),
    (32, 32_000, 50, Purpose::Bench),
];

/// Every shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            cases.push(case(shape, dtype));
        }
    }
    cases
}

fn case((rows, columns, top_k, purpose): (usize, usize, usize, Purpose), dtype: DType) -> Case {
    let sampling = Sampling {
        temperature: 0.8,
        top_k,
        seed: 0x1234_5678_9abc_def0,
    };
    Case {
        op: "sample",
        shape: format!("{rows}x{columns} top {top_k}"),
        dtype,
        purpose,
        tolerance: Tolerance {
            relative: 0.0,
            reason: "logarithms differ in the last bit, the best two scores by far more",
        },
        work: Work::traffic((rows * columns * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| {
            Ok(vec![
                draw.normal((rows, columns), 3.0)?,
                Tensor::new(&[17_u32], &Device::Cpu)?,
            ])
        }),
        bind: Box::new(move |operands| {
            let (logits, position) = (operands[0].clone(), operands[1].clone());
            let out = Tensor::zeros(rows, DType::U32, logits.device())?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || sample(&logits, &sampling, Start::Device(&position), &out)),
            })
        }),
        plain: Box::new(move |operands| {
            Ok(vec![plain::choice::sample(
                &operands[0],
                &sampling,
                POSITION,
            )?])
        }),
    }
}
