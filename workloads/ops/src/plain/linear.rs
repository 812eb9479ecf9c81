//! Products with a weight.

use candle_core::{Result, Tensor};

use super::{activation, wide};
use crate::Gelu;

/// `activation(x · weightᵀ + bias)` for rows `x` and a weight `[out, in]`.
///
/// # Errors
/// The shapes do not fit.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Option<Gelu>,
) -> Result<Tensor> {
    let mut product = wide(x)?.matmul(&wide(weight)?.t()?)?;
    if let Some(bias) = bias {
        product = product.broadcast_add(&wide(bias)?)?;
    }
    match activation {
        Some(kind) => activation::gelu(&product, kind)?,
        None => product,
    }
    .to_dtype(x.dtype())
}
