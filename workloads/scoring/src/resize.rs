//! Resizing exactly as the canonical metrics do it.
//!
//! The same picture resized by two libraries gives two FIDs, further apart than many systems are
//! (Parmar and others, CVPR 2022). So each path is here by the name of the program that takes it:
//!
//! | path | program | on | antialias |
//! |---|---|---|---|
//! | [`pillow_float`], bicubic | clean-fid | numbers, each channel alone, no rounding | yes |
//! | [`pillow_bytes`] | Pillow, torchvision on images, processors of CLIP | bytes, fixed point of 22 bits | yes |
//! | [`torch_bilinear`] | pytorch-fid | numbers | no |
//! | [`torch_antialiased`] | torchmetrics 1.9, torchvision on float tensors | numbers | yes |
//! | [`torch_bytes`] | torchvision's `transforms.v2` on uint8 tensors | bytes, fixed point of 16 bits | yes |
//! | [`tensorflow1_bilinear`] | torch-fidelity, older torchmetrics | numbers | no |
//!
//! torchvision's older `transforms` take uint8 tensors through [`torch_antialiased`] and round.
//! Paths on bytes give the same bytes; those on numbers are within 1e-5 of the range. [`crop`] has
//! what stands around a resize: the shorter side, and the centre.

pub mod crop;
mod filter;
mod pillow;
mod taps;
mod tensorflow;
mod torch;

pub use filter::Filter;
pub use pillow::{pillow_bytes, pillow_float};
pub use tensorflow::tensorflow1_bilinear;
pub use torch::{torch_antialiased, torch_bilinear, torch_bytes};

use crate::ScoringError;
use crate::picture::Size;

/// Refuses a target without pixels.
fn require_target(target: Size) -> Result<(), ScoringError> {
    if target.pixels() > 0 {
        return Ok(());
    }
    Err(ScoringError::Value {
        what: "size to resize to",
        found: format!("{} × {}", target.height, target.width),
        expected: "at least one pixel a side".into(),
    })
}

#[cfg(test)]
mod tests;
