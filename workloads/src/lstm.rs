//! Sentiment of a text by an LSTM: embedding, one recurrent layer, one output of its last state.
//!
//! Two compositions of the same tensors ([`weights`]): [`network`], of fused operations, is what is
//! measured; [`stock`] is candle-nn's, step by step, and can be trained. [`read`] runs either.

#[cfg(test)]
mod agreement;
pub mod config;
#[cfg(test)]
mod cost;
pub mod family;
pub mod inputs;
pub mod network;
#[cfg(test)]
mod parity;
pub mod quality;
pub mod read;
pub mod scratch;
pub mod stock;
pub mod weights;
