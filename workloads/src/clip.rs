//! CLIP: a tower for pictures and one for captions, whose embeddings are near where both belong
//! together.
//!
//! Radford et al. 2021. Work is counted in pairs of a picture and a caption. Two compositions of
//! the same tensors: [`network`], of fused operations, is what is measured; [`stock`] is
//! candle-transformers'.

#[cfg(test)]
mod agreement;
pub mod captions;
pub mod config;
pub mod family;
mod hugging_face;
pub mod network;
pub mod see;
pub mod stock;
