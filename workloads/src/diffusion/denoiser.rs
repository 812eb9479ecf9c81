//! The U-Net that says what is noise in a latent picture, given the time and a caption (Rombach et
//! al. 2022; SDXL: Podell et al. 2023).
//!
//! [`layout`] lists its blocks in the order of a pass; [`weights`] are the tensors, by the names of
//! diffusers' checkpoints; [`network`] composes them of fused operations, [`plain`] of candle's,
//! which can be trained.

#[cfg(test)]
mod agreement;
pub mod config;
pub mod embedding;
pub mod layout;
pub mod network;
pub mod plain;
pub mod times;
pub mod transformer;
pub mod weights;

pub use config::{Added, DenoiserConfig};
pub use network::Denoiser;
pub use plain::Plain;
pub use weights::DenoiserWeights;
