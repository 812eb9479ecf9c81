//! What images, detections and masks are worth: metrics of outputs, from arrays to numbers.
//!
//! No network, file or device is known here. Feature networks live with the other models; this
//! crate takes what they put out. Every number comes with what it takes to read it: an interval and
//! its method, the number of images, the convention, and the network that made the features.
//!
//! | module | is |
//! |---|---|
//! | [`frechet`], [`kernel_distance`] | distances between sets of images, as in FID and KID |
//! | [`clip`] | how well images fit their captions |
//! | [`pair`], [`perceptual`] | an image beside another: PSNR, SSIM, and distances of feature maps as in LPIPS |
//! | [`ranking`], [`detection`], [`segmentation`] | top-1 and top-5, COCO's average precision, intersection over union |
//! | [`resize`] | resizing exactly as the canonical metrics do it |
//!
//! A score of canonical weights has its canonical name, and any other is called by its network
//! ([`network::Network`]): a distance of our own features can never be printed as "FID".

#![cfg_attr(
    test,
    allow(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "tests name small numbers and exact values"
    )
)]

pub mod clip;
pub mod detection;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod frechet;
pub mod jackknife;
pub mod kernel_distance;
pub mod network;
pub mod pair;
pub mod perceptual;
pub mod picture;
pub mod ranking;
pub mod resize;
pub mod rows;
pub mod segmentation;

pub use error::ScoringError;
pub use statistics::interval;
