//! The launch that dense and quantised weights share.

use candle_core::{Result, Tensor, bail};

use super::{Plan, Problem, RmsNorm};
use crate::Gelu;
use crate::contract::operand;
use crate::cuda::Argument::{Count, Maybe, Number, Read, Write};
use crate::cuda::{Gpu, Kernel, wide};

/// Bits of the kernels' `flags`: those of `gemv_common.cuh`.
const GATED: usize = 1;
const GELU_ERF: usize = 2;
const GELU_TANH: usize = 4;
const FRESH: usize = 8;
/// Where the number of steps begins.
const STEPS_SHIFT: usize = 8;

/// Everything but the weight.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) x: &'a Tensor,
    /// Normalises x first.
    pub(crate) norm: Option<RmsNorm<'a>>,
    pub(crate) bias: Option<&'a Tensor>,
    pub(crate) activation: Option<Gelu>,
    /// Added last; may be `out`.
    pub(crate) residual: Option<&'a Tensor>,
    /// The weight is gate over up.
    pub(crate) gated: bool,
    /// The weight was made by the kernel before this one.
    pub(crate) fresh: bool,
    pub(crate) out: &'a Tensor,
}

impl<'a> Job<'a> {
    /// `out = weight · x` and nothing else.
    pub(crate) const fn new(x: &'a Tensor, out: &'a Tensor) -> Self {
        Self {
            x,
            norm: None,
            bias: None,
            activation: None,
            residual: None,
            gated: false,
            fresh: false,
            out,
        }
    }

    const fn flags(&self) -> usize {
        let activation = match self.activation {
            None => 0,
            Some(Gelu::Erf) => GELU_ERF,
            Some(Gelu::Tanh) => GELU_TANH,
        };
        let gated = if self.gated { GATED } else { 0 };
        let fresh = if self.fresh { FRESH } else { 0 };
        activation | gated | fresh
    }
}

/// Checks the operands and puts the kernel on the stream.
pub(crate) fn launch(
    op: &'static str,
    gpu: Gpu<'_>,
    plan: &Plan,
    problem: &Problem,
    weight: &Tensor,
    job: &Job<'_>,
) -> Result<()> {
    let Problem {
        rows,
        outputs,
        inputs,
        dtype,
        ..
    } = *problem;
    let results = rows * problem.width();
    operand(op, "weight", weight).contiguous()?;
    operand(op, "x", job.x).holds(rows * inputs, dtype)?;
    operand(op, "out", job.out).holds(results, dtype)?;
    if let Some(residual) = job.residual {
        operand(op, "residual", residual).holds(results, dtype)?;
    }
    if let Some(bias) = job.bias {
        operand(op, "bias", bias).is(outputs, dtype)?;
    }
    let mut vectors = vec![job.x];
    if weight.dtype() == dtype {
        vectors.push(weight);
    }
    if let Some(norm) = job.norm {
        operand(op, "norm weight", norm.weight).is(inputs, dtype)?;
        vectors.push(norm.weight);
    }
    if !wide(&vectors, inputs) {
        bail!("{op}: x, weight or norm begins at no multiple of 16 bytes; copy it first");
    }
    let kernel = Kernel::new(plan.file, &plan.name)
        .grid([plan.blocks, 1, 1])
        .threads(Plan::THREADS)
        .shared(plan.shared_bytes);
    let arguments = [
        Read(weight),
        Read(job.x),
        Maybe(job.norm.map(|norm| norm.weight)),
        Maybe(job.bias),
        Maybe(job.residual),
        Write(job.out),
        Count(outputs),
        Count(inputs),
        Count(rows),
        Count(job.flags() | plan.steps << STEPS_SHIFT),
        Number(job.norm.map_or(0.0, |norm| norm.epsilon)),
    ];
    gpu.launch(&kernel, &arguments)
}
