//! Rotary positions (Su and others, 2021), in the order of LLaMA: element `i` turns with `i + d/2`.

use candle_core::{D, Result, Tensor};

use super::wide;

/// Rotates `x` (`[batch, heads, length, d]`) by the angles whose cosines and sines are given
/// (`[length, d/2]`).
///
/// # Errors
/// The shapes do not fit.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let values = wide(x)?;
    let (first, second) = (
        values.narrow(D::Minus1, 0, half)?,
        values.narrow(D::Minus1, half, half)?,
    );
    let (cos, sin) = (wide(cos)?, wide(sin)?);
    let turned_first = (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?;
    let turned_second = (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?;
    Tensor::cat(&[turned_first, turned_second], D::Minus1)?.to_dtype(x.dtype())
}

/// Query, key and value heads of fused rows `[batch · length, (heads + 2 · kv_heads) · d]`, each as
/// `[batch, heads, length, d]`.
///
/// # Errors
/// The shapes do not fit.
pub fn split(
    qkv: &Tensor,
    batch: usize,
    heads: usize,
    kv_heads: usize,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (rows, columns) = qkv.dims2()?;
    let d = columns / (heads + 2 * kv_heads);
    let rows = qkv.reshape((batch, rows / batch, heads + 2 * kv_heads, d))?;
    let part = |first, count| rows.narrow(2, first, count)?.transpose(1, 2)?.contiguous();
    Ok((
        part(0, heads)?,
        part(heads, kv_heads)?,
        part(heads + kv_heads, kv_heads)?,
    ))
}
