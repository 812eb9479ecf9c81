//! Transformer towers that normalise before each part: the blocks of vision transformers, and of
//! both halves of CLIP.
//!
//! A block launches seven kernels, eight where its activation is no part of a product: norm (with
//! the sum before it), the fused product for queries, keys and values; attention; its output; norm
//! with the sum; two products of the feed-forward network.

mod blocks;
mod named;
pub mod patches;
mod scratch;
mod shape;

pub use blocks::Tower;
pub use named::by_name;
pub use scratch::Scratch;
pub use shape::{Activation, Names, Shape};
