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

use crate::family::Takes;
use crate::job::precision::Precision;
use crate::job::word::{Attention, Graph, Implementation, Origin, Word};

pub use blocks::Tower;
pub use named::by_name;
pub use scratch::Scratch;
pub use shape::{Activation, Names, Shape};

/// Which variants networks of towers take.
pub const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    attention: Attention::ALL,
    graph: Graph::ALL,
    weights: &[Origin::Seeded, Origin::File],
    ..Takes::LEAST
};
