//! Convolutional networks on square pictures: each is described once, layer by layer, and the
//! description gives the rest.
//!
//! A [`Description`] knows the tensors of a checkpoint by name, and the shape of every value on the
//! way. [`plan`] finds how little memory the values need, [`fast`] computes them with fused
//! operations on channels-last pictures, [`plain`] with candle's own, one by one: the variant
//! `reference`, and what the fast one is held against. [`family`] makes a family of the worker of a
//! description.

#[cfg(test)]
pub(crate) mod agreement;
pub mod description;
pub mod family;
pub mod fast;
pub mod layer;
mod layer_norm;
pub mod plain;
pub mod plan;
pub mod see;

pub use description::{Description, Value};
pub use layer::Conv;
