//! Pictures: convolutions, pools, resizes and what detectors need.
//!
//! A picture is channels-last and without gaps: `[batch, height, width, channels]`. So the channels
//! of a pixel lie side by side, a 1×1 convolution is a linear layer, and attention over pixels needs
//! no transposed copy.

mod activation;
mod batch_norm;
mod boxes;
mod convolution;
mod elementwise;
mod geometry;
mod layout;
mod pool;
mod regions;
mod resize;

pub use activation::Activation;
pub use batch_norm::fold_batch_norm;
pub use boxes::{BoxScratch, Candidates, MOST_RANKED, NO_BOX, Suppression, nms, nms_host, top_k};
pub use convolution::{Conv2d, channels_last};
pub use elementwise::{add, add_activation, add_bias_activation, scale_channels, weighted_sum};
pub use geometry::{Geometry, Window};
pub use layout::{concat, patches, pixel_shuffle};
pub use pool::{avg_pool2d, global_average, max_pool2d, pool_windows};
pub use regions::{Regions, roi_align, roi_align_level};
pub(crate) use resize::{Sample, nearest_place, samples};
pub use resize::{resize_bilinear, resize_nearest, upsample_nearest};

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand};

/// Batch, height, width and channels of a picture without gaps in a floating format.
fn picture(
    op: &'static str,
    name: &'static str,
    x: &Tensor,
) -> Result<(usize, usize, usize, usize)> {
    let Ok(dims) = x.dims4() else {
        bail!(
            "{op}: {name} is {:?}, expected [batch, height, width, channels]",
            x.dims()
        );
    };
    floating(op, x.dtype())?;
    operand(op, name, x).contiguous()?;
    Ok(dims)
}
