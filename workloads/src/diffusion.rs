//! Latent diffusion: a picture is drawn from noise in a few dozen steps, guided by a caption.
//!
//! [`schedule`] says what a step is: pure arithmetic on noise levels.

pub mod schedule;
