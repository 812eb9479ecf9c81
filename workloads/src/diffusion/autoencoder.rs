//! The decoder half of the autoencoder: from latents to a picture of eight times their edge (Rombach
//! et al. 2022).

pub mod config;
pub mod network;
pub mod weights;

pub use config::DecoderConfig;
pub use network::{Decoder, Memory};
pub use weights::DecoderWeights;
