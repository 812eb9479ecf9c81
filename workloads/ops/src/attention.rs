//! Attention: over a prompt, for one new token, and within the sequences of an encoder.

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::contract::write;
use crate::{Start, plain};

/// How attention is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A product, a softmax and a product, with all scores in memory.
    Naive,
    /// One kernel; scores never leave the chip.
    #[default]
    Fused,
}

/// Working memory of [`decode`].
#[derive(Clone, Debug)]
pub struct DecodeScratch {
    /// Partial results of the parts that a sequence is split into.
    pub partial: Tensor,
}

impl DecodeScratch {
    /// Enough for this many sequences and query heads of width `d`, up to `capacity` places.
    ///
    /// # Errors
    /// The memory is short.
    pub fn new(
        batch: usize,
        heads: usize,
        d: usize,
        capacity: usize,
        device: &Device,
    ) -> Result<Self> {
        let _ = capacity;
        Ok(Self {
            partial: Tensor::zeros((batch, heads, d), DType::F32, device)?,
        })
    }
}

/// Attends from `query` (`[batch, heads, length, d]`, first position `start`) to the first
/// `start + length` places of `keys` and `values` (`[batch, kv_heads, capacity, d]`); where
/// `causal`, each query only up to its own place. `out` is `[batch · length, heads · d]`.
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
    let computed = plain::attention::prefill(query, keys, values, start, causal, scale)?;
    write(out, &computed)
}

/// Attends from one query per head (`[batch, heads, 1, d]`) at `position` to the places up to and
/// with `position`. `out` is `[batch, heads · d]`.
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
    let _ = scratch;
    let position = position.resolve()?;
    let computed = plain::attention::prefill(query, keys, values, position, true, scale)?;
    write(out, &computed)
}

/// Attends within each sequence of `qkv`: `[batch, length, 3 · heads · d]`, or
/// `[batch · length, 3 · heads · d]` where `lengths` (u32 `[batch]`: places that count) tells the
/// batch. `out` is `[batch · length, heads · d]`.
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
    let qkv = match (qkv.dims(), lengths) {
        ([_, _, _], _) => qkv.clone(),
        ([rows, columns], Some(lengths)) => {
            let batch = lengths.dim(0)?;
            qkv.reshape((batch, rows / batch, *columns))?
        }
        (dims, _) => bail!("encoder: qkv is {dims:?}, expected [batch, length, 3·heads·d]"),
    };
    write(
        out,
        &plain::attention::encoder(&qkv, lengths, heads, scale)?,
    )
}
