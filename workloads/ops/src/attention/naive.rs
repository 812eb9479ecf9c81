//! Attention as a product, a softmax and a product: candle's own operations in the tensors' own
//! format, all scores in memory. It is what [`super::Kind::Naive`] measures, and it allocates.
//!
//! Hidden scores become −30,000 instead of −∞: no score of a model is near it, f16 can hold it, and
//! it needs no upload, so that a recorded step can be replayed.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::DecodeScratch;
use super::cross::operands as cross_operands;
use super::operands::{DecodeOperands, EncoderOperands, PrefillOperands, Shape};
use crate::Start;
use crate::contract::write;

const HIDDEN: f64 = -3e4;

/// [`super::prefill`], naively.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn prefill(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    start: usize,
    causal: bool,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let shape = PrefillOperands::new(query, keys, values, start, causal, out)?.shape;
    if !causal {
        let all = Seen::first(shape.places);
        return write(out, &attend(&shape, query, keys, values, &all, scale)?);
    }
    let places = start + shape.length;
    let queries = Tensor::arange(number(start)?, number(places)?, query.device())?.unsqueeze(1)?;
    let columns = Tensor::arange(0, number(places)?, query.device())?.unsqueeze(0)?;
    let seen = Seen {
        places,
        mask: Some(hidden(&columns.broadcast_gt(&queries)?, shape.dtype)?),
    };
    write(out, &attend(&shape, query, keys, values, &seen, scale)?)
}

/// [`super::decode`], naively. With the position on the device all places are multiplied, and those
/// behind it hidden; they have to hold numbers.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn decode(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    position: Start<'_>,
    scale: f32,
    scratch: &DecodeScratch,
    out: &Tensor,
) -> Result<()> {
    let shape = DecodeOperands::new(query, keys, values, position, out)?.shape;
    let seen = match position {
        Start::At(position) => Seen::first(position + 1),
        Start::Device(position) => {
            let places = scratch.places.narrow(0, 0, shape.places)?.unsqueeze(0)?;
            let behind = places.broadcast_gt(&position.reshape((1, 1))?)?;
            Seen {
                places: shape.places,
                mask: Some(hidden(&behind, shape.dtype)?),
            }
        }
    };
    write(out, &attend(&shape, query, keys, values, &seen, scale)?)
}

/// [`super::encoder`], naively.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn encoder(
    qkv: &Tensor,
    lengths: Option<&Tensor>,
    heads: usize,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let operands = EncoderOperands::new(qkv, lengths, heads, out)?;
    let length = number(operands.prefill.shape.length)?;
    let mask = match lengths {
        None => None,
        Some(lengths) => {
            let places = Tensor::arange(0, length, qkv.device())?.reshape((1, 1, 1, ()))?;
            let behind = places.broadcast_ge(&lengths.reshape(((), 1, 1, 1))?)?;
            Some(hidden(&behind, qkv.dtype())?)
        }
    };
    within(&operands, heads, mask, scale, out)
}

/// [`super::encoder_causal`], naively.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn encoder_causal(qkv: &Tensor, heads: usize, scale: f32, out: &Tensor) -> Result<()> {
    let operands = EncoderOperands::new(qkv, None, heads, out)?;
    let length = number(operands.prefill.shape.length)?;
    let places = Tensor::arange(0, length, qkv.device())?;
    let behind = places.unsqueeze(0)?.broadcast_gt(&places.unsqueeze(1)?)?;
    let mask = Some(hidden(&behind, qkv.dtype())?);
    within(&operands, heads, mask, scale, out)
}

/// Attends within the sequences of an encoder.
fn within(
    operands: &EncoderOperands<'_>,
    heads: usize,
    mask: Option<Tensor>,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let EncoderOperands { qkv, prefill } = operands;
    let shape = &prefill.shape;
    let seen = Seen {
        places: shape.length,
        mask,
    };
    let part = |index: usize| heads_of(qkv, index * heads, heads, shape.d);
    let attended = attend(shape, &part(0)?, &part(1)?, &part(2)?, &seen, scale)?;
    write(out, &attended)
}

/// [`super::cross`], naively.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn cross(
    query: &Tensor,
    keys_values: &Tensor,
    batch: usize,
    heads: usize,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let shape = cross_operands(query, keys_values, batch, heads, out)?.shape;
    let rows = |tensor: &Tensor, times: usize| tensor.reshape((batch, (), times * heads * shape.d));
    let query = heads_of(&rows(query, 1)?, 0, heads, shape.d)?;
    let both = rows(keys_values, 2)?;
    let part = |index: usize| heads_of(&both, index * heads, heads, shape.d);
    let all = Seen::first(shape.places);
    let attended = attend(&shape, &query, &part(0)?, &part(1)?, &all, scale)?;
    write(out, &attended)
}

/// Some of the heads in fused rows `[batch, length, …]`, as `[batch, heads, length, d]`.
fn heads_of(rows: &Tensor, first: usize, heads: usize, d: usize) -> Result<Tensor> {
    let (batch, length, columns) = rows.dims3()?;
    rows.reshape((batch, length, columns / d, d))?
        .narrow(2, first, heads)?
        .transpose(1, 2)?
        .contiguous()
}

fn number(value: usize) -> Result<u32> {
    u32::try_from(value)
        .map_err(|_| candle_core::Error::Msg(format!("place {value} exceeds 32 bits")))
}

/// What is added to scores: 0, or [`HIDDEN`] where a condition holds.
fn hidden(condition: &Tensor, dtype: DType) -> Result<Tensor> {
    condition.to_dtype(dtype)?.affine(HIDDEN, 0.0)
}

/// What queries see: the first places of the cache, less those that a mask hides. The mask is
/// broadcast over `[batch, heads, length, places]`.
struct Seen {
    places: usize,
    mask: Option<Tensor>,
}

impl Seen {
    const fn first(places: usize) -> Self {
        Self { places, mask: None }
    }
}

/// Scores, softmax, sum. Query heads that share a key head are rows of one product, so that keys
/// are not repeated. Gives `[batch · length, heads · d]`.
fn attend(
    shape: &Shape,
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    seen: &Seen,
    scale: f32,
) -> Result<Tensor> {
    let Shape {
        batch,
        heads,
        kv_heads,
        length,
        d,
        ..
    } = *shape;
    let groups = batch * kv_heads;
    let rows = heads / kv_heads * length;
    // Scaling the queries is cheaper than scaling the scores.
    let query = query
        .affine(f64::from(scale), 0.0)?
        .reshape((groups, rows, d))?;
    let keys = keys.flatten(0, 1)?.narrow(1, 0, seen.places)?;
    let values = values.flatten(0, 1)?.narrow(1, 0, seen.places)?;
    let scores = query.matmul(&keys.t()?)?;
    let scores = match &seen.mask {
        Some(mask) => scores
            .reshape((batch, heads, length, seen.places))?
            .broadcast_add(mask)?
            .reshape((groups, rows, seen.places))?,
        None => scores,
    };
    softmax_last_dim(&scores)?
        .matmul(&values)?
        .reshape((batch, heads, length, d))?
        .transpose(1, 2)?
        .reshape((batch * length, heads * d))
}
