//! Decoders with learned positions: GPT-2 and `StarCoder`.
//!
//! Three compositions of the same tensors ([`weights`]): [`network`], of fused operations, is what
//! is measured; [`plain`], of candle's operations, can be trained; [`stock`] is
//! candle-transformers'. [`generate`] runs any of them in the phases prefill and decode.

#[cfg(test)]
mod agreement;
pub mod config;
pub mod cost;
pub mod family;
pub mod generate;
mod hugging_face;
pub mod network;
#[cfg(test)]
mod parity;
pub mod plain;
pub mod scratch;
pub mod stock;
pub mod weights;
