//! The embeddings as cases.

use candle_core::{DType, Result, Tensor};

use super::{lookup, lookup_with_positions};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::{Start, plain};

/// Where a step of the cases begins.
const POSITION: usize = 5;

/// A shape: vocabulary, columns, batch, length.
#[derive(Clone, Copy)]
struct Shape {
    vocabulary: usize,
    columns: usize,
    batch: usize,
    length: usize,
    purpose: Purpose,
}

const SHAPES: [Shape; 4] = [
    Shape {
        vocabulary: 11,
        columns: 19,
        batch: 3,
        length: 4,
        purpose: Purpose::Check,
    },
    Shape {
        vocabulary: 1000,
        columns: 768,
        batch: 2,
        length: 9,
        purpose: Purpose::Check,
    },
    Shape {
        vocabulary: 32_000,
        columns: 4096,
        batch: 1,
        length: 2048,
        purpose: Purpose::Bench,
    },
    Shape {
        vocabulary: 30_522,
        columns: 1024,
        batch: 32,
        length: 384,
        purpose: Purpose::Bench,
    },
];

impl Shape {
    fn case(self, placed: bool, dtype: DType) -> Case {
        let Self {
            vocabulary,
            columns,
            batch,
            length,
            purpose,
        } = self;
        let row_bytes = columns * dtype.size_in_bytes();
        let rows = 2 * batch * length + if placed { length } else { 0 };
        Case {
            op: if placed {
                "lookup_with_positions"
            } else {
                "lookup"
            },
            shape: format!("{batch}x{length}x{columns}"),
            dtype,
            purpose,
            tolerance: if placed {
                Tolerance::rounded_once(dtype)
            } else {
                Tolerance::EXACT
            },
            work: Work::traffic((rows * row_bytes) as u64),
            inputs: Box::new(move |draw| {
                let limit = u32::try_from(vocabulary).map_err(candle_core::Error::wrap)?;
                Ok(vec![
                    draw.normal((vocabulary, columns), 1.0)?,
                    draw.normal((length + POSITION, columns), 1.0)?,
                    draw.ids((batch, length), limit)?,
                    Tensor::new(&[5_u32], &candle_core::Device::Cpu)?,
                ])
            }),
            bind: Box::new(move |operands| {
                let operands = operands.to_vec();
                let (table, rows) = (&operands[0], batch * length);
                let out = Tensor::zeros((rows, columns), table.dtype(), table.device())?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || call(&operands, placed, &out)),
                })
            }),
            plain: Box::new(move |operands| {
                let (table, positions, ids) = (&operands[0], &operands[1], &operands[2]);
                Ok(vec![if placed {
                    plain::embedding::lookup_with_positions(table, positions, ids, POSITION)?
                } else {
                    plain::embedding::lookup(table, ids)?
                }])
            }),
        }
    }
}

fn call(operands: &[Tensor], placed: bool, out: &Tensor) -> Result<()> {
    let (table, ids) = (&operands[0], &operands[2]);
    if placed {
        lookup_with_positions(table, &operands[1], ids, Start::Device(&operands[3]), out)
    } else {
        lookup(table, ids, out)
    }
}

/// Both look-ups at every shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        for placed in [false, true] {
            for dtype in [DType::F32, DType::F16, DType::BF16] {
                cases.push(shape.case(placed, dtype));
            }
        }
    }
    cases
}
