//! Whisper: 30 seconds of sound are encoded, then written down token by token.
//!
//! [`sound`] makes a seeded waveform and [`mel`] its features, once, before anything is measured.
//! Three compositions of the same tensors ([`weights`]): [`network`], of fused operations, is what
//! is measured; [`plain`], of candle's operations, can be trained; [`stock`] is
//! candle-transformers'. [`generate`] runs the first or the last in the phases encode and decode.

#[cfg(test)]
mod agreement;
pub mod config;
#[cfg(test)]
mod cost;
pub mod decoder;
pub mod encoder;
pub mod family;
pub mod generate;
mod hugging_face;
pub mod inputs;
pub mod mel;
pub mod network;
#[cfg(test)]
mod parity;
pub mod plain;
pub mod scratch;
pub mod sound;
pub mod stock;
pub mod weights;
