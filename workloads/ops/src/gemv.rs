//! Products of few rows with a weight: the memory-bound kernels of decoding.

use candle_core::{DType, Result, Tensor, bail};

use crate::Gelu;

/// Whether these kernels take a product of so many rows with a weight `[outputs, inputs]`.
pub(crate) const fn suits(_rows: usize, _outputs: usize, _inputs: usize, _dtype: DType) -> bool {
    false
}

/// `out = activation(x · weightᵀ + bias)` on a GPU.
pub(crate) fn linear(
    _x: &Tensor,
    _weight: &Tensor,
    _bias: Option<&Tensor>,
    _activation: Option<Gelu>,
    _out: &Tensor,
) -> Result<()> {
    bail!("gemv: no kernel yet")
}

/// `residual += x · weightᵀ + bias` on a GPU.
pub(crate) fn linear_residual(
    _x: &Tensor,
    _weight: &Tensor,
    _bias: Option<&Tensor>,
    _residual: &Tensor,
) -> Result<()> {
    bail!("gemv: no kernel yet")
}
