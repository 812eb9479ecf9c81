//! The norms as cases.

use candle_core::{DType, Result, Tensor};

use crate::case::{Bound, Case, Draw, Purpose, Tolerance, Work};
use crate::{norm, plain};

const EPSILON: f32 = 1e-5;

/// Rows and columns: a small one with odd width, then LLaMA-7B at decode and prefill, BERT-large.
const SHAPES: [(usize, usize, Purpose); 5] = [
    (3, 77, Purpose::Check),
    (2, 16_384, Purpose::Check),
    (1, 4096, Purpose::Both),
    (2048, 4096, Purpose::Bench),
    (12_288, 1024, Purpose::Bench),
];

/// Which norm.
#[derive(Clone, Copy)]
enum Which {
    Rms,
    AddRms,
    Layer,
    AddLayer,
    AddLayerPost,
}

impl Which {
    const ALL: [Self; 5] = [
        Self::Rms,
        Self::AddRms,
        Self::Layer,
        Self::AddLayer,
        Self::AddLayerPost,
    ];

    const fn op(self) -> &'static str {
        match self {
            Self::Rms => "rms_norm",
            Self::AddRms => "add_rms_norm",
            Self::Layer => "layer_norm",
            Self::AddLayer => "add_layer_norm",
            Self::AddLayerPost => "add_layer_norm_post",
        }
    }

    /// Passes over the rows: reads and writes.
    const fn passes(self) -> usize {
        match self {
            Self::Rms | Self::Layer => 2,
            Self::AddLayerPost => 3,
            Self::AddRms | Self::AddLayer => 4,
        }
    }

    /// Operands: x, delta, weight, bias.
    fn inputs(draw: &mut Draw, rows: usize, columns: usize) -> Result<Vec<Tensor>> {
        Ok(vec![
            draw.normal((rows, columns), 2.0)?,
            draw.normal((rows, columns), 1.0)?,
            draw.normal(columns, 1.0)?,
            draw.normal(columns, 1.0)?,
        ])
    }

    fn call(self, operands: &[Tensor], out: &Tensor) -> Result<()> {
        let [x, delta, weight, bias] = operands else {
            candle_core::bail!("four operands");
        };
        match self {
            Self::Rms => norm::rms_norm(x, weight, EPSILON, out),
            Self::AddRms => norm::add_rms_norm(x, delta, weight, EPSILON, out),
            Self::Layer => norm::layer_norm(x, weight, bias, EPSILON, out),
            Self::AddLayer => norm::add_layer_norm(x, delta, weight, bias, EPSILON, out),
            Self::AddLayerPost => norm::add_layer_norm_post(x, delta, weight, bias, EPSILON, out),
        }
    }

    /// What `out`, and x where it is kept, should be.
    fn plain(self, operands: &[Tensor]) -> Result<Vec<Tensor>> {
        let [x, delta, weight, bias] = operands else {
            candle_core::bail!("four operands");
        };
        let sum = (x + delta)?;
        Ok(match self {
            Self::Rms => vec![plain::norm::rms_norm(x, weight, EPSILON)?],
            Self::AddRms => vec![plain::norm::rms_norm(&sum, weight, EPSILON)?, sum],
            Self::Layer => vec![plain::norm::layer_norm(x, weight, bias, EPSILON)?],
            Self::AddLayer => vec![plain::norm::layer_norm(&sum, weight, bias, EPSILON)?, sum],
            Self::AddLayerPost => vec![plain::norm::layer_norm(&sum, weight, bias, EPSILON)?],
        })
    }

    fn case(self, (rows, columns, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
        let kept = matches!(self, Self::AddRms | Self::AddLayer);
        let bytes = self.passes() * rows * columns * dtype.size_in_bytes();
        Case {
            op: self.op(),
            shape: format!("{rows}x{columns}"),
            dtype,
            purpose,
            tolerance: if kept {
                Tolerance {
                    relative: 2.0 * Tolerance::rounded_once(dtype).relative,
                    reason: "the sum is rounded, then its norm",
                }
            } else {
                Tolerance::rounded_once(dtype)
            },
            work: Work::traffic(bytes as u64),
            inputs: Box::new(move |draw| Self::inputs(draw, rows, columns)),
            bind: Box::new(move |operands| {
                let operands = operands.to_vec();
                let out = operands[0].zeros_like()?;
                let mut outputs = vec![out.clone()];
                if kept {
                    outputs.push(operands[0].clone());
                }
                Ok(Bound {
                    outputs,
                    call: Box::new(move || self.call(&operands, &out)),
                })
            }),
            plain: Box::new(move |operands| self.plain(operands)),
        }
    }
}

/// Every norm, shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for which in Which::ALL {
        for shape in SHAPES {
            for dtype in [DType::F32, DType::F16, DType::BF16] {
                cases.push(which.case(shape, dtype));
            }
        }
    }
    cases
}
