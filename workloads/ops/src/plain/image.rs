//! Pictures, channels-last: `[batch, height, width, channels]`. Those made of candle's operations
//! only have gradients; regions of interest and the choice of boxes have none.

mod boxes;
mod convolution;
mod elementwise;
mod layout;
mod pool;
mod regions;
mod resize;
mod windows;

pub use boxes::{ranked, suppressed};
pub use convolution::{conv2d, depthwise};
pub use elementwise::{activate, concat, finish, scale_channels, weighted_sum};
pub use layout::{patches, pixel_shuffle};
pub use pool::{avg_pool2d, global_average, max_pool2d};
pub use regions::roi_align;
pub use resize::{resize_bilinear, resize_nearest};
