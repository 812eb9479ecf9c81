//! Activations between linear layers.
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
    let count = x.elem_count();
    floating("gelu", x.dtype())?;
    operand("gelu", "x", x).contiguous()?;
    operand("gelu", "out", out).holds(count, x.dtype())?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[x, out], count);
        let vectors = count / lanes(x.dtype(), wide);
        let name = kernel_name(kind.op(), x.dtype(), wide)?;
        let kernel = Kernel::one_thread_each("activation", &name, vectors);
        return gpu.launch(&kernel, &[Read(x), Write(out), Count(vectors)]);
    }
    write(out, &plain::activation::gelu(x, kind)?)
}

/// `out = silu(gate) · up`, where a row of `gate_up` holds both, side by side.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn silu_mul(gate_up: &Tensor, out: &Tensor) -> Result<()> {
    const OP: &str = "silu_mul";
    let dtype = gate_up.dtype();
    floating(OP, dtype)?;
    operand(OP, "gate_up", gate_up).contiguous()?;
    let (rows, columns) = rows_and_columns(OP, gate_up)?;
    if columns % 2 == 1 {
        bail!("{OP}: gate_up has {columns} columns, expected an even number");
    }
    let inner = columns / 2;
    operand(OP, "out", out).holds(rows * inner, dtype)?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[gate_up, out], inner);
        let row_vectors = inner / lanes(dtype, wide);
        let vectors = rows * row_vectors;
        let name = kernel_name(OP, dtype, wide)?;
        let kernel = Kernel::one_thread_each("activation", &name, vectors);
        let operands = [
            Read(gate_up),
            Write(out),
            Count(vectors),
            Count(row_vectors),
        ];
        return gpu.launch(&kernel, &operands);
    }
    write(out, &plain::activation::silu_mul(gate_up)?)
}
