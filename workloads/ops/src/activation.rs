//! Activations between linear layers and convolutions.
//!
//! Floor: one read and one write of each value.

mod cases;

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand, rows_and_columns, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::plain;

pub(crate) use cases::cases;

/// Which formula of GELU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gelu {
    /// `x · Φ(x)`: BERT, Whisper.
    Erf,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`: GPT-2 and its relatives.
    Tanh,
}

impl Gelu {
    /// The root of the kernel's name.
    const fn op(self) -> &'static str {
        match self {
            Self::Erf => "gelu_erf",
            Self::Tanh => "gelu_tanh",
        }
    }
}

/// `out = gelu(x)`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn gelu(x: &Tensor, kind: Gelu, out: &Tensor) -> Result<()> {
    each(kind.op(), x, out, |x| plain::activation::gelu(x, kind))
}

/// `out = x · σ(x)`: U-Nets, YOLO, `EfficientNet`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn silu(x: &Tensor, out: &Tensor) -> Result<()> {
    each("silu", x, out, plain::activation::silu)
}

/// `out = max(x, 0)`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn relu(x: &Tensor, out: &Tensor) -> Result<()> {
    each("relu", x, out, plain::activation::relu)
}

/// `out = x · σ(1.702 x)`: CLIP of `OpenAI`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn quick_gelu(x: &Tensor, out: &Tensor) -> Result<()> {
    each("quick_gelu", x, out, plain::activation::quick_gelu)
}

/// An activation of each value for itself.
fn each(
    op: &'static str,
    x: &Tensor,
    out: &Tensor,
    plain: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let count = x.elem_count();
    floating(op, x.dtype())?;
    operand(op, "x", x).contiguous()?;
    operand(op, "out", out).holds(count, x.dtype())?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[x, out], count);
        let vectors = count / lanes(x.dtype(), wide);
        let name = kernel_name(op, x.dtype(), wide)?;
        let kernel = Kernel::one_thread_each("activation", &name, vectors);
        return gpu.launch(&kernel, &[Read(x), Write(out), Count(vectors)]);
    }
    write(out, &plain(x)?)
}

/// `out = silu(gate) · up`, where a row of `gate_up` holds both, side by side.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn silu_mul(gate_up: &Tensor, out: &Tensor) -> Result<()> {
    gated("silu_mul", gate_up, out, plain::activation::silu_mul)
}

/// `out = value · gelu(gate)`, where a row of `value_gate` holds both, side by side, and the GELU is
/// the exact one: the feed-forward layers of diffusion models. The gate is the second half here and
/// the first in [`silu_mul`], as the weights of the models have it.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn geglu(value_gate: &Tensor, out: &Tensor) -> Result<()> {
    gated("geglu", value_gate, out, plain::activation::geglu)
}

/// A product of the two halves of each row of `both`, one of them activated.
fn gated(
    op: &'static str,
    both: &Tensor,
    out: &Tensor,
    plain: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let dtype = both.dtype();
    floating(op, dtype)?;
    operand(op, "x", both).contiguous()?;
    let (rows, columns) = rows_and_columns(op, both)?;
    if columns % 2 == 1 {
        bail!("{op}: rows have {columns} columns, expected an even number");
    }
    let inner = columns / 2;
    operand(op, "out", out).holds(rows * inner, dtype)?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[both, out], inner);
        let row_vectors = inner / lanes(dtype, wide);
        let vectors = rows * row_vectors;
        let name = kernel_name(op, dtype, wide)?;
        let kernel = Kernel::one_thread_each("activation", &name, vectors);
        let operands = [Read(both), Write(out), Count(vectors), Count(row_vectors)];
        return gpu.launch(&kernel, &operands);
    }
    write(out, &plain(both)?)
}
