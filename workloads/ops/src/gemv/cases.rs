//! Products of few rows as cases: odd shapes that are checked, and the matrices of models that are
//! timed.

mod models;

use candle_core::{DType, Result, Tensor};

pub(crate) use models::{MATRICES, Matrix, Part};

use super::{Job, Plan, Problem, RmsNorm, dense, suits};
use crate::Gelu;
use crate::case::{Bound, Case, Draw, Pipe, Purpose, Tolerance, Work};
use crate::cuda::Gpu;
use crate::{contract, plain};

const EPSILON: f32 = 1e-5;

/// Shapes with something odd about them: rows, outputs, inputs.
const ODD: [(usize, usize, usize); 13] = [
    // Fewer rows of the weight than a tile, and less depth than a warp.
    (1, 6, 8),
    // Tiles and depth that end in the middle of everything.
    (1, 42, 72),
    (2, 34, 584),
    (3, 50, 1608),
    // All eight columns, the last warp without work.
    (8, 66, 1000),
    // More depth than one step of all warps, several steps ahead.
    (5, 98, 4168),
    // Rows of x that shared memory has no room for.
    (8, 20, 11_016),
    // The same in f32.
    (1, 10, 40_008),
    (2, 10, 20_008),
    (4, 10, 11_016),
    // The same for two groups of columns.
    (16, 40, 8008),
    // Two groups of columns.
    (9, 40, 520),
    (16, 64, 1048),
];

/// More tiles than an H200 has multiprocessors, so that blocks take one after the other, for tiles of
/// 16 rows and of 4.
const MANY_TILES: [(usize, usize, usize, DType); 2] =
    [(2, 2146, 72, DType::BF16), (2, 550, 72, DType::F32)];

/// The same with rows of x that shared memory has no room for.
const MANY_TILES_IN_PARTS: (usize, usize, usize, DType) = (7, 2146, 10_296, DType::BF16);

/// What is done besides the product.
#[derive(Clone, Copy)]
enum Kind {
    Bias,
    Gelu(Gelu),
    Residual,
    Normed,
    Gated,
    GatedNormed,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Bias,
        Self::Gelu(Gelu::Erf),
        Self::Gelu(Gelu::Tanh),
        Self::Residual,
        Self::Normed,
        Self::Gated,
        Self::GatedNormed,
    ];

    const fn of(part: Part) -> Self {
        match part {
            Part::Normed => Self::Normed,
            Part::Residual => Self::Residual,
            Part::Gated => Self::GatedNormed,
            Part::Bias => Self::Bias,
            Part::Gelu => Self::Gelu(Gelu::Tanh),
        }
    }

    const fn op(self) -> &'static str {
        match self {
            Self::Bias => "linear_few",
            Self::Gelu(Gelu::Erf) => "linear_few_gelu_erf",
            Self::Gelu(Gelu::Tanh) => "linear_few_gelu_tanh",
            Self::Residual => "linear_few_residual",
            Self::Normed => "linear_few_normed",
            Self::Gated => "linear_few_gated",
            Self::GatedNormed => "linear_few_gated_normed",
        }
    }

    const fn gated(self) -> bool {
        matches!(self, Self::Gated | Self::GatedNormed)
    }

    const fn normed(self) -> bool {
        matches!(self, Self::Normed | Self::GatedNormed)
    }

    const fn width(self, outputs: usize) -> usize {
        if self.gated() { outputs / 2 } else { outputs }
    }
}

/// One product.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    outputs: usize,
    inputs: usize,
}

impl Shape {
    /// Operands: x, weight (or a strip of it, where only timed), norm weight, bias, residual.
    fn inputs(self, kind: Kind, strip: usize, draw: &mut Draw) -> Result<Vec<Tensor>> {
        #[expect(clippy::cast_precision_loss, reason = "a width of a layer")]
        let deviation = 1.0 / (self.inputs as f32).sqrt();
        Ok(vec![
            draw.normal((self.rows, self.inputs), 1.0)?,
            draw.normal((strip, self.inputs), deviation)?,
            draw.normal(self.inputs, 1.0)?,
            draw.normal(self.outputs, 0.5)?,
            draw.normal((self.rows, kind.width(self.outputs)), 1.0)?,
        ])
    }

    /// Whether the kernel has room for the norm.
    fn allows(self, kind: Kind, dtype: DType) -> bool {
        let problem = Problem {
            rows: self.rows,
            outputs: self.outputs,
            inputs: self.inputs,
            dtype,
            gated: kind.gated(),
        };
        Plan::dense(&problem, kind.normed(), 1).is_ok()
    }

    /// Weight, x and result once each.
    fn work(self, kind: Kind, weight_bytes: usize, dtype: DType) -> Work {
        let width = kind.width(self.outputs);
        let values = self.rows * (self.inputs + width);
        Work {
            bytes: (weight_bytes + values * dtype.size_in_bytes()) as u64,
            flops: (2 * self.rows * self.outputs * self.inputs) as u64,
            pipe: if dtype == DType::F32 {
                Pipe::F32
            } else {
                Pipe::Tensor16
            },
        }
    }
}

/// Calls the kernel, or without a GPU the plain operations.
fn call(kind: Kind, weight: &Tensor, operands: &[Tensor], out: &Tensor) -> Result<()> {
    let [x, _, norm, bias, _] = operands else {
        candle_core::bail!("five operands");
    };
    if Gpu::of(out).is_none() {
        let residual = out.copy()?;
        let computed = expected(kind, x, weight, norm, bias, &residual)?;
        return contract::write(out, &computed);
    }
    let mut job = Job::new(x, out);
    if kind.normed() {
        job.norm = Some(RmsNorm {
            weight: norm,
            epsilon: EPSILON,
        });
    }
    job.gated = kind.gated();
    match kind {
        Kind::Bias => job.bias = Some(bias),
        Kind::Gelu(gelu) => (job.bias, job.activation) = (Some(bias), Some(gelu)),
        Kind::Residual => (job.bias, job.residual) = (Some(bias), Some(out)),
        Kind::Normed | Kind::Gated | Kind::GatedNormed => {}
    }
    dense(kind.op(), weight, &job)
}

/// The result in f32.
fn expected(
    kind: Kind,
    x: &Tensor,
    weight: &Tensor,
    norm: &Tensor,
    bias: &Tensor,
    residual: &Tensor,
) -> Result<Tensor> {
    let normed;
    let x = if kind.normed() {
        normed = plain::norm::rms_norm(x, norm, EPSILON)?;
        &normed
    } else {
        x
    };
    let product = |bias, gelu| plain::linear::linear(x, weight, bias, gelu);
    match kind {
        Kind::Bias => product(Some(bias), None),
        Kind::Gelu(gelu) => product(Some(bias), Some(gelu)),
        Kind::Residual => product(Some(bias), None)? + residual,
        Kind::Normed => product(None, None),
        Kind::Gated | Kind::GatedNormed => plain::activation::silu_mul(&product(None, None)?),
    }
}

/// Where x is normalised it is rounded once more than the result.
fn tolerance(kind: Kind, dtype: DType) -> Tolerance {
    let once = Tolerance::rounded_once(dtype);
    if kind.normed() || kind.gated() {
        Tolerance {
            relative: 2.0 * once.relative,
            reason: "the norm of x is rounded, then the result; a gated pair is a product of two",
        }
    } else {
        once
    }
}

/// A case that is checked.
fn checked(kind: Kind, shape: Shape, dtype: DType) -> Case {
    let Shape {
        rows,
        outputs,
        inputs,
    } = shape;
    let weight_bytes = outputs * inputs * dtype.size_in_bytes();
    Case {
        op: kind.op(),
        shape: format!("{rows}x{inputs} to {outputs}"),
        dtype,
        purpose: Purpose::Check,
        tolerance: tolerance(kind, dtype),
        work: shape.work(kind, weight_bytes, dtype),
        inputs: Box::new(move |draw| shape.inputs(kind, outputs, draw)),
        bind: Box::new(move |operands| {
            let operands = operands.to_vec();
            let out = operands[4].clone();
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || call(kind, &operands[1], &operands, &out)),
            })
        }),
        plain: Box::new(move |operands| {
            let [x, weight, norm, bias, residual] = operands else {
                candle_core::bail!("five operands");
            };
            Ok(vec![expected(kind, x, weight, norm, bias, residual)?])
        }),
    }
}

/// A case that is timed. Only a strip of its weight is drawn; the rest is copied on the device.
fn timed(matrix: Matrix, rows: usize, dtype: DType) -> Case {
    let kind = Kind::of(matrix.part);
    let shape = Shape {
        rows,
        outputs: matrix.outputs,
        inputs: matrix.inputs,
    };
    Case {
        shape: format!(
            "{} {rows}x{} to {}",
            matrix.name, matrix.inputs, matrix.outputs
        ),
        purpose: Purpose::Bench,
        inputs: Box::new(move |draw| shape.inputs(kind, strip(matrix), draw)),
        bind: Box::new(move |operands| {
            let operands = operands.to_vec();
            let out = operands[4].clone();
            let weight = tile(&operands[1], matrix.outputs)?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || call(kind, &weight, &operands, &out)),
            })
        }),
        ..checked(kind, shape, dtype)
    }
}

/// Rows of a matrix that are drawn: a million values.
pub(crate) fn strip(matrix: Matrix) -> usize {
    matrix.outputs.min((1 << 20) / matrix.inputs + 1)
}

/// A matrix of `outputs` rows from copies of a strip.
fn tile(strip: &Tensor, outputs: usize) -> Result<Tensor> {
    let mut tiled = strip.copy()?;
    while tiled.dim(0)? < outputs {
        let more = tiled.dim(0)?.min(outputs - tiled.dim(0)?);
        tiled = Tensor::cat(&[&tiled, &tiled.narrow(0, 0, more)?], 0)?;
    }
    tiled.contiguous()
}

/// Every kind at every odd shape that it suits; the matrices of models with 1 and 8 rows in bf16,
/// those of LLaMA-7B with one row in the other formats too.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for kind in Kind::ALL {
            for (rows, outputs, inputs) in ODD {
                let shape = Shape {
                    rows,
                    outputs,
                    inputs,
                };
                if suits(rows, outputs, inputs, dtype) && shape.allows(kind, dtype) {
                    cases.push(checked(kind, shape, dtype));
                }
            }
        }
    }
    for (rows, outputs, inputs, dtype) in MANY_TILES {
        let shape = Shape {
            rows,
            outputs,
            inputs,
        };
        cases.push(checked(Kind::Residual, shape, dtype));
        cases.push(checked(Kind::GatedNormed, shape, dtype));
    }
    let (rows, outputs, inputs, dtype) = MANY_TILES_IN_PARTS;
    let shape = Shape {
        rows,
        outputs,
        inputs,
    };
    cases.push(checked(Kind::Residual, shape, dtype));
    cases.push(checked(Kind::Gated, shape, dtype));
    for matrix in MATRICES {
        cases.push(timed(matrix, 1, DType::BF16));
        cases.push(timed(matrix, 8, DType::BF16));
        if matrix.is_7b() {
            cases.push(timed(matrix, 16, DType::BF16));
            cases.push(timed(matrix, 1, DType::F16));
            cases.push(timed(matrix, 1, DType::F32));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn strips_are_laid_out_to_the_whole_matrix() {
        let strip = Tensor::arange(0_f32, 6.0, &Device::Cpu)
            .and_then(|t| t.reshape((3, 2)))
            .unwrap();
        let tiled = tile(&strip, 8).unwrap();
        assert_eq!(tiled.dims(), [8, 2]);
        let rows = tiled.to_vec2::<f32>().unwrap();
        assert_eq!((&rows[0], &rows[7]), (&rows[3], &rows[1]));
    }

    #[test]
    fn a_decoding_step_of_llama_7b_reads_what_the_model_has() {
        let step: usize = MATRICES
            .iter()
            .filter(|matrix| matrix.is_7b())
            .map(|matrix| matrix.outputs * matrix.inputs * matrix.per_model)
            .sum();
        // 6,607 million of its 6,738 million parameters; the embedding is looked up.
        assert_eq!(step, 6_607_077_376);
    }
}
