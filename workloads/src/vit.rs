//! Vision transformers that name what a picture shows.
//!
//! Two compositions of the same tensors: [`network`], of fused operations, is what is measured;
//! [`stock`] is candle-transformers'.

#[cfg(test)]
mod agreement;
pub mod config;
pub mod family;
mod hugging_face;
pub mod network;
pub mod stock;
