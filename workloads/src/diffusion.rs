//! Latent diffusion: a picture is drawn from noise in a few dozen steps, guided by a caption.
//!
//! [`text`] encodes the caption, [`denoiser`] says in each step what is noise in a small latent
//! picture, [`autoencoder`] makes the large one of it. [`schedule`] says what a step is, as pure
//! arithmetic; [`sampler`] does it on a device. [`draw`] runs them in the phases `text_encode`,
//! `denoise` and `vae_decode`.

pub mod autoencoder;
pub mod captions;
pub mod config;
pub mod denoiser;
pub mod draw;
pub mod drawing;
pub mod family;
mod layer;
mod listing;
pub mod networks;
#[cfg(test)]
mod parity;
mod residual;
mod room;
pub mod sampler;
pub mod schedule;
pub mod text;

pub use config::Config;
