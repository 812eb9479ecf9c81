//! No cublasLt: the build has no CUDA.

use candle_core::{Result, Tensor, bail};

use super::Product;
use crate::cuda::Gpu;

/// Cannot be reached, as there is no GPU.
pub(super) fn multiply(_: Gpu<'_>, _: &Product<'_>, _: &Tensor) -> Result<bool> {
    bail!("linear: this build has no CUDA")
}
