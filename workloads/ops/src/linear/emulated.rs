//! In place of cublasLt on the emulated GPU of unit tests: the plain product.

use candle_core::{DType, Result, Tensor};

use super::Product;
use crate::Gelu;
use crate::contract::write;
use crate::cuda::Gpu;
use crate::plain;

/// As `cublaslt.rs` does it, with the activations that the library has; whether there was one.
pub(super) fn multiply(gpu: Gpu<'_>, product: &Product<'_>, out: &Tensor) -> Result<bool> {
    let x = product.x.to_dtype(DType::F32)?;
    let activation = product
        .activation
        .filter(|kind| *kind == Gelu::Tanh && out.dtype() != DType::F32);
    let mut computed = plain::linear::linear(&x, product.weight, product.bias, activation)?;
    if product.accumulates {
        let before = out.to_dtype(DType::F32)?.reshape(computed.shape())?;
        computed = (computed + before)?;
    }
    write(out, &computed)?;
    gpu.library_wrote(out);
    Ok(activation.is_some())
}
