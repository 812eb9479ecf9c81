//! Attention by the textbook: all scores, a mask, softmax, one sum (Vaswani and others, 2017).

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::softmax;

use super::{rope, wide};

/// Attends from `query` (`[batch, heads, length, d]`) to `keys` and `values`
/// (`[batch, kv_heads, places, d]`). Where `causal`, the first query is at place `start`, and each
/// sees its own place and those before; otherwise all places are seen and `start` means nothing.
/// Gives `[batch · length, heads · d]`.
///
/// # Errors
/// The shapes do not fit.
pub fn prefill(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    start: usize,
    causal: bool,
    scale: f32,
) -> Result<Tensor> {
    if !causal {
        return attend(query, keys, values, None, scale);
    }
    let (_, _, length, _) = query.dims4()?;
    let places = start + length;
    let hidden: Vec<f32> = (0..length * places)
        .map(|i| {
            if i % places <= start + i / places {
                0.0
            } else {
                f32::NEG_INFINITY
            }
        })
        .collect();
    let mask = Tensor::from_vec(hidden, (length, places), query.device())?;
    let keys = keys.narrow(2, 0, places)?;
    let values = values.narrow(2, 0, places)?;
    attend(query, &keys, &values, Some(&mask), scale)
}

/// Attends within each sequence of fused rows `[batch, length, 3 · heads · d]`; of sequence `i` only
/// the first `lengths[i]` places are seen. Gives `[batch · length, heads · d]`.
///
/// # Errors
/// The shapes do not fit.
pub fn encoder(qkv: &Tensor, lengths: Option<&Tensor>, heads: usize, scale: f32) -> Result<Tensor> {
    let (batch, length, columns) = qkv.dims3()?;
    let (query, keys, values) = rope::split(
        &qkv.reshape((batch * length, columns))?,
        batch,
        heads,
        heads,
    )?;
    let mask = match lengths {
        None => None,
        Some(lengths) => {
            let lengths = lengths.to_vec1::<u32>()?;
            let hidden: Vec<f32> = lengths
                .iter()
                .flat_map(|seen| {
                    (0..length).map(move |place| {
                        if place < *seen as usize {
                            0.0
                        } else {
                            f32::NEG_INFINITY
                        }
                    })
                })
                .collect();
            Some(Tensor::from_vec(
                hidden,
                (batch, 1, 1, length),
                qkv.device(),
            )?)
        }
    };
    attend(&query, &keys, &values, mask.as_ref(), scale)
}

/// [`encoder`] in which each place sees only itself and those before it.
///
/// # Errors
/// The shapes do not fit.
pub fn encoder_causal(qkv: &Tensor, heads: usize, scale: f32) -> Result<Tensor> {
    let (batch, length, columns) = qkv.dims3()?;
    let flat = qkv.reshape((batch * length, columns))?;
    let (query, keys, values) = rope::split(&flat, batch, heads, heads)?;
    prefill(&query, &keys, &values, 0, true, scale)
}

/// Attends from rows `query` `[batch · length, heads · d]` to rows `keys_values`
/// `[batch · places, 2 · heads · d]` that hold the heads of the keys, then those of the values.
/// Gives `[batch · length, heads · d]`.
///
/// # Errors
/// The shapes do not fit.
pub fn cross(
    query: &Tensor,
    keys_values: &Tensor,
    batch: usize,
    heads: usize,
    scale: f32,
) -> Result<Tensor> {
    let d = query.dim(D::Minus1)? / heads.max(1);
    let query = query.reshape((batch, (), heads, d))?.transpose(1, 2)?;
    let both = keys_values.reshape((batch, (), 2 * heads, d))?;
    let part = |first: usize| both.narrow(2, first, heads)?.transpose(1, 2);
    attend(&query, &part(0)?, &part(heads)?, None, scale)
}

fn attend(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
    scale: f32,
) -> Result<Tensor> {
    let (batch, heads, length, d) = query.dims4()?;
    let (_, kv_heads, places, _) = keys.dims4()?;
    let repeat = |x: &Tensor| {
        wide(x)?
            .unsqueeze(2)?
            .broadcast_as((batch, kv_heads, heads / kv_heads, places, d))?
            .reshape((batch, heads, places, d))
    };
    let query_wide = wide(query)?.contiguous()?;
    let scores = (query_wide.matmul(&repeat(keys)?.t()?.contiguous()?)? * f64::from(scale))?;
    let scores = match mask {
        Some(mask) => scores.broadcast_add(&mask.to_dtype(DType::F32)?)?,
        None => scores,
    };
    softmax(&scores, D::Minus1)?
        .matmul(&repeat(values)?.contiguous()?)?
        .transpose(1, 2)?
        .reshape((batch * length, heads * d))?
        .to_dtype(query.dtype())
}
