//! In place of cublasLt on the emulated GPU of unit tests: the plain product.

use candle_core::{DType, Result, Tensor};

use super::Product;
use crate::contract::write;
use crate::cuda::Gpu;
use crate::plain;

/// As `cublaslt.rs` does it; whether the activation has been applied.
pub(super) fn multiply(gpu: Gpu<'_>, product: &Product<'_>, out: &Tensor) -> Result<bool> {
    let x = product.x.to_dtype(DType::F32)?;
    let mut computed = plain::linear::linear(&x, product.weight, product.bias, product.activation)?;
    if product.accumulates {
        let before = out.to_dtype(DType::F32)?.reshape(computed.shape())?;
        computed = (computed + before)?;
    }
    write(out, &computed)?;
    gpu.library_wrote(out);
    Ok(true)
}
