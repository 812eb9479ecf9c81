//! Norms over the last dimension.

use candle_core::{D, Result, Tensor};

use super::wide;

/// `x / √(mean(x²) + ε) · weight` (Zhang and Sennrich, 2019).
///
/// # Errors
/// The shapes do not fit.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    let values = wide(x)?;
    let scale = (values.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    values
        .broadcast_div(&scale)?
        .broadcast_mul(&wide(weight)?)?
        .to_dtype(x.dtype())
}

/// `(x − mean(x)) / √(var(x) + ε) · weight + bias` (Ba, Kiros and Hinton, 2016).
///
/// # Errors
/// The shapes do not fit.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    let values = wide(x)?;
    let centred = values.broadcast_sub(&values.mean_keepdim(D::Minus1)?)?;
    let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    centred
        .broadcast_div(&scale)?
        .broadcast_mul(&wide(weight)?)?
        .broadcast_add(&wide(bias)?)?
        .to_dtype(x.dtype())
}

/// `x + delta`, rounded once.
///
/// # Errors
/// The shapes differ.
pub fn sum(x: &Tensor, delta: &Tensor) -> Result<Tensor> {
    (wide(x)? + wide(delta)?)?.to_dtype(x.dtype())
}

/// The norm of `x + delta`, where the sum is not rounded in between.
///
/// # Errors
/// The shapes do not fit.
pub fn layer_norm_of_sum(
    x: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
) -> Result<Tensor> {
    layer_norm(&(wide(x)? + wide(delta)?)?, weight, bias, epsilon)?.to_dtype(x.dtype())
}
