//! Activations between linear layers.

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand, rows_and_columns, write};
use crate::plain;

/// Which formula of GELU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gelu {
    /// `x · Φ(x)`: BERT, Whisper.
    Erf,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`: GPT-2, StarCoder.
    Tanh,
}

/// `out = gelu(x)`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn gelu(x: &Tensor, kind: Gelu, out: &Tensor) -> Result<()> {
    floating("gelu", x.dtype())?;
    operand("gelu", "x", x).contiguous()?;
    operand("gelu", "out", out).holds(x.elem_count(), x.dtype())?;
    write(out, &plain::activation::gelu(x, kind)?)
}

/// `out = silu(gate) · up`, where a row of `gate_up` holds both, side by side.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn silu_mul(gate_up: &Tensor, out: &Tensor) -> Result<()> {
    floating("silu_mul", gate_up.dtype())?;
    operand("silu_mul", "gate_up", gate_up).contiguous()?;
    let (rows, columns) = rows_and_columns("silu_mul", gate_up)?;
    if columns % 2 == 1 {
        bail!("silu_mul: gate_up has {columns} columns, expected an even number");
    }
    operand("silu_mul", "out", out).holds(rows * columns / 2, gate_up.dtype())?;
    write(out, &plain::activation::silu_mul(gate_up)?)
}
