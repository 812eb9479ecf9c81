//! The operations as candle's own operations say them: every device, f32 inside, a new tensor as
//! the result. They are what runs on the CPU, and what kernels are compared with.
//!
//! Inputs of any floating format are widened to f32; results are given back in the input's format.

pub mod activation;
pub mod attention;
pub mod choice;
pub mod embedding;
pub mod group_norm;
pub mod image;
pub mod linear;
pub mod lstm;
pub mod norm;
pub mod rope;
pub mod sampler;

use candle_core::{DType, Result, Tensor};

/// The values in f32.
pub(crate) fn wide(tensor: &Tensor) -> Result<Tensor> {
    tensor.to_dtype(DType::F32)
}
