//! Products of few rows with a large weight: the memory-bound kernels of decoding.
//!
//! Floor: one read of the weight. [`route`] says which kernel takes which product; what the kernels
//! do besides (a norm before, an activation, a residual or a gated pair after) costs no traffic of
//! its own. [`Projection`] is how models use them: the same calls for every number of rows, every
//! device, and for quantised weights ([`crate::quantised`]).
//!
//! Weights are read before the kernel waits for the one before it. So a weight must have been
//! written by something that the host has waited for, or be marked as fresh.

mod cases;
mod launch;
mod plan;
mod projection;

use candle_core::{DType, Result, Tensor};

use crate::Gelu;
use crate::cuda::Gpu;

pub(crate) use cases::{MATRICES, Part, cases};
pub(crate) use launch::{Job, launch};
pub(crate) use plan::{Plan, Problem};
pub use projection::{Projection, RmsNorm, Scratch};

/// Who computes a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `gemv_dense.cu`: tensor cores, sums in f32, up to so many rows.
    Tensor {
        /// 8 or 16.
        rows: usize,
    },
    /// `gemv_single.cu`: f32 throughout, up to so many rows.
    Single {
        /// 1, 2, 4 or 8.
        rows: usize,
    },
    /// cublasLt: many rows, or rows that do not begin at multiples of 16 bytes.
    Library,
}

/// Who computes the product of `rows` rows with a weight `[outputs, inputs]`: a function of the
/// shape alone, never of a measurement, so that a shape has the same bits in every process.
///
/// With more than 16 rows x itself, which every multiprocessor reads whole, is no longer small
/// beside its share of the weight, and the tiles of a library pay.
pub const fn route(rows: usize, outputs: usize, inputs: usize, dtype: DType) -> Route {
    if rows == 0 || outputs == 0 || inputs == 0 {
        return Route::Library;
    }
    match dtype {
        DType::F16 | DType::BF16 if inputs.is_multiple_of(8) => match rows {
            1..=8 => Route::Tensor { rows: 8 },
            9..=16 => Route::Tensor { rows: 16 },
            _ => Route::Library,
        },
        DType::F32 if inputs.is_multiple_of(4) => match rows {
            1 => Route::Single { rows: 1 },
            2 => Route::Single { rows: 2 },
            3 | 4 => Route::Single { rows: 4 },
            5..=8 => Route::Single { rows: 8 },
            _ => Route::Library,
        },
        _ => Route::Library,
    }
}

/// Whether these kernels take a product of so many rows with a weight `[outputs, inputs]`.
pub(crate) const fn suits(rows: usize, outputs: usize, inputs: usize, dtype: DType) -> bool {
    !matches!(route(rows, outputs, inputs, dtype), Route::Library)
}

/// `out = activation(x · weightᵀ + bias)` on a GPU.
pub(crate) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Option<Gelu>,
    out: &Tensor,
) -> Result<()> {
    let job = Job {
        bias,
        activation,
        ..Job::new(x, out)
    };
    dense("linear", weight, &job)
}

/// `residual += x · weightᵀ + bias` on a GPU.
pub(crate) fn linear_residual(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    residual: &Tensor,
) -> Result<()> {
    let job = Job {
        bias,
        residual: Some(residual),
        ..Job::new(x, residual)
    };
    dense("linear_residual", weight, &job)
}

/// Launches the kernel for a weight `[outputs, inputs]`.
fn dense(op: &'static str, weight: &Tensor, job: &Job<'_>) -> Result<()> {
    let (outputs, inputs) = weight.dims2()?;
    let problem = Problem {
        rows: job.x.elem_count() / inputs.max(1),
        outputs,
        inputs,
        dtype: weight.dtype(),
        gated: job.gated,
    };
    let Some(gpu) = Gpu::of(job.out) else {
        candle_core::bail!("{op}: the kernel needs a GPU");
    };
    let plan = Plan::dense(&problem, job.norm.is_some(), gpu.multiprocessors()?)?;
    let plan = match job.residual {
        Some(_) => plan.alone(),
        None => plan,
    };
    launch(op, gpu, &plan, &problem, weight, job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_aligned_rows_take_the_kernels_and_everything_else_the_library() {
        assert_eq!(route(1, 4096, 4096, DType::BF16), Route::Tensor { rows: 8 });
        assert_eq!(route(16, 10, 8, DType::F16), Route::Tensor { rows: 16 });
        assert_eq!(route(3, 4096, 4, DType::F32), Route::Single { rows: 4 });
        for (rows, inputs, dtype) in [
            (17, 4096, DType::BF16),
            (9, 4096, DType::F32),
            (1, 4095, DType::BF16),
            (1, 4095, DType::F32),
            (0, 4096, DType::BF16),
            (1, 4096, DType::F64),
        ] {
            let route = route(rows, 4096, inputs, dtype);
            assert_eq!(route, Route::Library, "{rows} {inputs} {dtype:?}");
            assert!(!suits(rows, 4096, inputs, dtype));
        }
    }
}
