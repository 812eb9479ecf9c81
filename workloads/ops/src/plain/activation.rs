//! Activations.

use candle_core::{D, Result, Tensor};

use super::wide;
use crate::Gelu;

/// Gaussian error linear unit (Hendrycks and Gimpel, 2016), exactly or by the tanh formula.
///
/// # Errors
/// The device failed.
pub fn gelu(x: &Tensor, kind: Gelu) -> Result<Tensor> {
    let values = wide(x)?;
    match kind {
        Gelu::Erf => values.gelu_erf()?,
        Gelu::Tanh => values.gelu()?,
    }
    .to_dtype(x.dtype())
}

/// `silu(gate) · up` of rows that hold gate and up side by side (Shazeer, 2020).
///
/// # Errors
/// The last dimension is odd.
pub fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let inner = gate_up.dim(D::Minus1)? / 2;
    let values = wide(gate_up)?;
    let gate = values.narrow(D::Minus1, 0, inner)?;
    let up = values.narrow(D::Minus1, inner, inner)?;
    (gate.silu()? * up)?.to_dtype(gate_up.dtype())
}
