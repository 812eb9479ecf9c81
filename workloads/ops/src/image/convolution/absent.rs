//! No cuDNN: the build has no CUDA.

use candle_core::{Result, Tensor, bail};

use super::{Done, Product};
use crate::cuda::Gpu;

/// Cannot be reached, as there is no GPU.
pub(super) fn convolve(_: Gpu<'_>, _: &Product<'_>, _: &Tensor) -> Result<Done> {
    bail!("conv2d: this build has no CUDA")
}
