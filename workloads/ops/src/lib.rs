//! Fused operations of neural networks: plain references on every device, our own kernels on CUDA.
//!
//! An operation writes into tensors that exist already: `norm::rms_norm(&x, &weight, 1e-5, &out)`.
//! A model allocates its working memory once; afterwards nothing is allocated, so its need is known
//! before it starts, and a step can be recorded and replayed as a CUDA graph ([`graph`]).
//!
//! Each operation has
//! - a **plain** version of candle operations in f32 ([`plain`]), which is what runs on the CPU and
//!   what the kernels are held against;
//! - a **kernel** in `kernels/*.cu`, compiled by `build.rs` with the feature `cuda`;
//! - **cases** ([`case`]): shapes with a tolerance and the work they do, which [`check`] compares
//!   and [`bench`] times against the floor of the hardware.
//!
//! Start with [`norm`], the simplest complete example; `cuda` is how kernels are launched.

#![cfg_attr(
    test,
    allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "tests name small numbers and exact values"
    )
)]

pub mod activation;
pub mod argmax;
pub mod attention;
pub mod bench;
pub mod case;
pub mod check;
mod contract;
mod cuda;
pub mod embedding;
#[cfg(all(test, not(feature = "cuda")))]
mod emulated_kernels;
pub mod gemv;
pub mod graph;
pub mod image;
pub mod linear;
pub mod lstm;
pub mod norm;
pub mod plain;
pub mod position;
pub mod quantised;
pub mod rope;
pub mod runtime;
pub mod sampler;
pub mod sampling;
pub mod sequence;

pub use activation::Gelu;
pub use position::Start;
