//! Encoders of text: BERT and `RoBERTa`, with a head that classifies or one that fills masks.
//!
//! Three compositions of the same tensors ([`weights`]): [`network`], of fused operations, is what
//! is measured; [`plain`], of candle's operations, can be trained; [`stock`] is
//! candle-transformers'. [`inputs`] are what any of them reads.

#[cfg(test)]
mod agreement;
pub mod config;
#[cfg(test)]
mod cost;
pub mod encode;
pub mod family;
mod hugging_face;
pub mod inputs;
pub mod network;
#[cfg(test)]
mod parity;
pub mod plain;
pub mod quality;
pub mod scratch;
pub mod stock;
pub mod weights;
