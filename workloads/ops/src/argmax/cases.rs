//! Choosing the largest as cases.

use candle_core::{DType, Tensor};

use super::argmax;
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::plain;

/// Odd widths, then vocabularies of GPT-2, LLaMA and LLaMA 3. Formats of 16 bits give many equal
/// largest values, so ties are part of every case.
const SHAPES: [(usize, usize, Purpose); 6] = [
    (3, 77, Purpose::Check),
    (1500, 40, Purpose::Check),
    (1, 50_257, Purpose::Both),
    (1, 32_000, Purpose::Both),
    (32, 32_000, Purpose::Bench),
    (1, 128_256, Purpose::Both),
];

/// Every shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, columns, purpose) in SHAPES {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            cases.push(Case {
                op: "argmax",
                shape: format!("{rows}x{columns}"),
                dtype,
                purpose,
                tolerance: Tolerance::EXACT,
                work: Work::traffic((rows * columns * dtype.size_in_bytes()) as u64),
                inputs: Box::new(move |draw| Ok(vec![draw.normal((rows, columns), 1.0)?])),
                bind: Box::new(move |operands| {
                    let logits = operands[0].clone();
                    let out = Tensor::zeros(rows, DType::U32, logits.device())?;
                    Ok(Bound {
                        outputs: vec![out.clone()],
                        call: Box::new(move || argmax(&logits, &out)),
                    })
                }),
                plain: Box::new(|operands| Ok(vec![plain::choice::argmax(&operands[0])?])),
            });
        }
    }
    cases
}
