//! The activations as cases.

use candle_core::{DType, Tensor};

use super::{Gelu, gelu, silu_mul};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::plain;

/// Rows and columns of the result: an odd width, LLaMA-7B at decode and prefill, BERT-large.
const SHAPES: [(usize, usize, Purpose); 4] = [
    (3, 77, Purpose::Check),
    (1, 11_008, Purpose::Both),
    (2048, 11_008, Purpose::Bench),
    (12_288, 4096, Purpose::Bench),
];

/// Every activation, shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            cases.push(gelu_case(Gelu::Erf, shape, dtype));
            cases.push(gelu_case(Gelu::Tanh, shape, dtype));
            cases.push(silu_mul_case(shape, dtype));
        }
    }
    cases
}

fn gelu_case(kind: Gelu, (rows, columns, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
    Case {
        op: kind.op(),
        shape: format!("{rows}x{columns}"),
        dtype,
        purpose,
        tolerance: Tolerance::rounded_once(dtype),
        work: Work::traffic((2 * rows * columns * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| Ok(vec![draw.normal((rows, columns), 2.0)?])),
        bind: Box::new(move |operands| {
            let x = operands[0].clone();
            let out = x.zeros_like()?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || gelu(&x, kind, &out)),
            })
        }),
        plain: Box::new(move |operands| Ok(vec![plain::activation::gelu(&operands[0], kind)?])),
    }
}

fn silu_mul_case((rows, inner, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
    Case {
        op: "silu_mul",
        shape: format!("{rows}x{inner}"),
        dtype,
        purpose,
        tolerance: Tolerance::rounded_once(dtype),
        work: Work::traffic((3 * rows * inner * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| Ok(vec![draw.normal((rows, 2 * inner), 2.0)?])),
        bind: Box::new(move |operands| {
            let x = operands[0].clone();
            let out = Tensor::zeros((rows, inner), x.dtype(), x.device())?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || silu_mul(&x, &out)),
            })
        }),
        plain: Box::new(move |operands| Ok(vec![plain::activation::silu_mul(&operands[0])?])),
    }
}
