//! `LLaMA` decoder: prefill and decoding with a key-value cache written in place.
//!
//! Our own composition of fused operations. The stock module of candle-transformers stays beside it
//! as the variant `reference`: it casts attention to f32, copies its cache with each token and
//! launches some nine hundred kernels for one.

pub mod block;
pub mod config;
pub mod cost;
pub mod family;
pub mod generate;
mod gguf;
mod hugging_face;
pub mod network;
pub mod positions;
pub mod quantised;
pub mod reference;
pub mod scratch;
mod wanted;
