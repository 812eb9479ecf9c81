//! Attention: over a prompt, for one new token, within the sequences of an encoder, and from one
//! sequence to another ([`cross`]).
//!
//! The kernels (`kernels/attention_*.cu`) keep scores on the chip; [`naive`] says the same with two
//! products and a softmax, as the other end of the axis `attention`. Keys and values lie in a cache
//! `[batch, kv_heads, capacity, d]`; query heads share key heads in order (GQA, MQA): of 32 query
//! and 8 key heads, query heads 0 to 3 use key head 0.
//!
//! Floor of [`prefill`] and [`encoder`]: 4 · d operations per query and visible key. Floor of
//! [`decode`]: one read of the visible keys and values.

mod cases;
mod cross;
mod launch;
pub mod naive;
mod operands;
mod plan;
mod scratch;
mod step;

use candle_core::{Result, Tensor};

use crate::contract::write;
use crate::cuda::Gpu;
use crate::{Start, plain};

pub(crate) use cases::cases;
pub use cross::cross;
pub use scratch::DecodeScratch;
pub use step::Step;

use operands::{DecodeOperands, EncoderOperands, PrefillOperands};

/// How attention is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A product, a softmax and a product, with all scores in memory.
    Naive,
    /// One kernel; scores never leave the chip.
    #[default]
    Fused,
}

/// [`prefill`] or [`naive::prefill`].
pub type Prefill = fn(&Tensor, &Tensor, &Tensor, usize, bool, f32, &Tensor) -> Result<()>;

/// [`decode`] or [`naive::decode`].
pub type Decode =
    for<'a> fn(&Tensor, &Tensor, &Tensor, Start<'a>, f32, &DecodeScratch, &Tensor) -> Result<()>;

/// [`encoder`] or [`naive::encoder`].
pub type Encoder = fn(&Tensor, Option<&Tensor>, usize, f32, &Tensor) -> Result<()>;

/// [`encoder_causal`] or [`naive::encoder_causal`].
pub type EncoderCausal = fn(&Tensor, usize, f32, &Tensor) -> Result<()>;

/// [`cross`] or [`naive::cross`].
pub type Cross = fn(&Tensor, &Tensor, usize, usize, f32, &Tensor) -> Result<()>;

impl Kind {
    /// The function for prompts: `(kind.prefill())(&query, …)`.
    pub const fn prefill(self) -> Prefill {
        match self {
            Self::Naive => naive::prefill,
            Self::Fused => prefill,
        }
    }

    /// The function for one new token.
    pub const fn decode(self) -> Decode {
        match self {
            Self::Naive => naive::decode,
            Self::Fused => decode,
        }
    }

    /// The function for encoders.
    pub const fn encoder(self) -> Encoder {
        match self {
            Self::Naive => naive::encoder,
            Self::Fused => encoder,
        }
    }

    /// The function for encoders that do not look ahead.
    pub const fn encoder_causal(self) -> EncoderCausal {
        match self {
            Self::Naive => naive::encoder_causal,
            Self::Fused => encoder_causal,
        }
    }

    /// The function from one sequence to another.
    pub const fn cross(self) -> Cross {
        match self {
            Self::Naive => naive::cross,
            Self::Fused => cross,
        }
    }
}

/// Attends from `query` (`[batch, heads, length, d]`) to `keys` and `values`
/// (`[batch, kv_heads, places, d]`).
///
/// Where `causal`, the first query is at place `start`, and each sees its own place and those
/// before; places behind the last query are never read. Where not (cross-attention), all places are
/// seen and `start` means nothing: give `keys.narrow(2, 0, length)` of a cache that is not full.
/// `query`, `keys` and `values` may have gaps between rows. `out` is `[batch · length, heads · d]`.
///
/// # Errors
/// Shapes or formats differ, a head has no kernel, or the device failed.
pub fn prefill(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    start: usize,
    causal: bool,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let operands = PrefillOperands::new(query, keys, values, start, causal, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch::prefill(gpu, &operands, scale);
    }
    let computed = plain::attention::prefill(query, keys, values, start, causal, scale)?;
    write(out, &computed)
}

/// Attends from one query per head (`[batch, heads, 1, d]`) at `position` to the places up to and
/// with `position` of `keys` and `values` (`[batch, kv_heads, capacity, d]`). `out` is
/// `[batch, heads · d]`.
///
/// A step of cross-attention is this, too, with `Start::At(places - 1)`.
///
/// On a GPU the kernel begins to read places before `position`, and the position itself, while the
/// operations before it still run, to hide the way to memory. They may write the query and the
/// place `position`. The position and earlier places must have been written by an earlier step, and
/// an [`crate::embedding::lookup`] (which begins only when all before it is done) must lie between:
/// that is what a decoder does.
///
/// # Errors
/// Shapes or formats differ, the position is not in the cache, the scratch was made for less, a
/// head has no kernel, or the device failed.
pub fn decode(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    position: Start<'_>,
    scale: f32,
    scratch: &DecodeScratch,
    out: &Tensor,
) -> Result<()> {
    let operands = DecodeOperands::new(query, keys, values, position, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch::decode(gpu, &operands, None, scale, scratch);
    }
    let position = operands.position_on_host()?;
    let computed = plain::attention::prefill(query, keys, values, position, true, scale)?;
    write(out, &computed)
}

/// Attends within each sequence of `qkv`: `[batch, length, 3 · heads · d]`, or
/// `[batch · length, 3 · heads · d]` where `lengths` (u32 `[batch]`) tells the batch. A row holds
/// the heads of the query, then those of the key, then those of the value, as one fused projection
/// leaves them; nothing is rearranged.
///
/// Of sequence `i` the first `lengths[i]` places (at least 1) are seen, by all of its queries; what
/// the queries behind give is finite and means nothing. `out` is `[batch · length, heads · d]`.
///
/// # Errors
/// Shapes or formats differ, a head has no kernel, or the device failed.
pub fn encoder(
    qkv: &Tensor,
    lengths: Option<&Tensor>,
    heads: usize,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let operands = EncoderOperands::new(qkv, lengths, heads, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch::encoder(gpu, &operands, scale);
    }
    let computed = plain::attention::encoder(&operands.qkv, lengths, heads, scale)?;
    write(out, &computed)
}

/// [`encoder`] in which each place sees only itself and those before it: the text encoders of CLIP,
/// whose rows are padded at the end. `qkv` is `[batch, length, 3 · heads · d]`.
///
/// # Errors
/// As [`encoder`].
pub fn encoder_causal(qkv: &Tensor, heads: usize, scale: f32, out: &Tensor) -> Result<()> {
    let operands = EncoderOperands::new(qkv, None, heads, out)?.causal();
    if let Some(gpu) = Gpu::of(out) {
        return launch::encoder(gpu, &operands, scale);
    }
    let computed = plain::attention::encoder_causal(&operands.qkv, heads, scale)?;
    write(out, &computed)
}

#[cfg(test)]
mod tests;
