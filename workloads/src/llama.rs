//! `LLaMA` decoder: prefill and greedy decoding with a key-value cache written in place.
//!
//! Our own composition of candle's operations rather than candle-transformers': that one casts
//! attention to f32, which costs more time and, at batch 32 and 2,048 tokens, more memory than a
//! GPU has.

pub mod attention;
pub mod block;
pub mod cache;
pub mod config;
pub mod cost;
pub mod family;
pub mod generate;
mod hugging_face;
pub mod network;
