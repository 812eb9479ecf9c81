//! In place of cuDNN on the emulated GPU of unit tests: the plain convolution.

use candle_core::{DType, Result, Tensor};

use super::super::Activation;
use super::{Done, Product};
use crate::contract::write;
use crate::cuda::Gpu;
use crate::plain;

/// As `cudnn.rs` does it.
pub(super) fn convolve(gpu: Gpu<'_>, product: &Product<'_>, out: &Tensor) -> Result<Done> {
    let x = product.x.to_dtype(DType::F32)?;
    let (weight, window) = (product.weight, product.window);
    let mut sums = plain::image::conv2d(&x, weight, None, window, product.groups)?;
    if product.accumulates {
        sums = (sums + out.to_dtype(DType::F32)?)?;
    }
    let fuses = product.bias.is_some()
        && !product.accumulates
        && matches!(product.activation, None | Some(Activation::Relu));
    if fuses {
        sums = plain::image::finish(&sums, product.bias, product.addend, product.activation)?;
    }
    write(out, &sums)?;
    gpu.library_wrote(out);
    Ok(if fuses { Done::Everything } else { Done::Sums })
}
