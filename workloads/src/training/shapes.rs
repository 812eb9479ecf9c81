//! The courses of the networks that see and draw shapes. Each step sees new pictures; those that
//! judge are of the other part.

mod classifier;
mod clip;
mod denoiser;
mod detector;
mod segmenter;
mod upscaler;

use candle_core::{Device, Tensor};
use model::run::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

pub(super) use classifier::Classifier;
pub(super) use clip::Clip;
pub(super) use denoiser::Denoiser;
pub(super) use detector::Detector;
pub(super) use segmenter::Segmenter;
pub(super) use upscaler::Upscaler;

use super::{Course, Material};
use crate::Error;
use crate::shapes::batch::{Batch, HELD_OUT_SEED};

/// Names of the models.
pub const SHAPES_MODELS: [&str; 6] = [
    "shapes-net",
    "shapes-clip",
    "shapes-detector",
    "shapes-segmenter",
    "shapes-upscaler",
    "shapes-diffusion",
];

/// The course of one of [`SHAPES_MODELS`].
///
/// # Errors
/// The held-out pictures cannot be made.
pub(super) fn course(name: &str) -> Result<Option<Box<dyn Course>>, Error> {
    Ok(Some(match name {
        "shapes-net" => Box::new(Classifier::new()),
        "shapes-clip" => Box::new(Clip::new()),
        "shapes-detector" => Box::new(Detector::new()),
        "shapes-segmenter" => Box::new(Segmenter::new()),
        "shapes-upscaler" => Box::new(Upscaler::new()),
        "shapes-diffusion" => Box::new(Denoiser::new()?),
        _ => return Ok(None),
    }))
}

/// What a network learned from, with the pictures that judge it.
fn material(held_out: &Batch) -> Material {
    let mut hash = Sha256::new();
    for picture in &held_out.pictures {
        hash.update(&picture.rgb);
    }
    Material {
        what: "drawn shapes",
        source: "the pictures are drawn by `workloads/src/shapes`",
        data: json!({
            "training": { "pictures": "new ones in each step, from the seed of the training" },
            "held_out": {
                "seed": HELD_OUT_SEED,
                "pictures": held_out.pictures.len(),
                "sha256": hex(&hash.finalize()),
            },
        }),
    }
}

/// Classes as a tensor.
fn classes(classes: impl Iterator<Item = usize>) -> Result<Tensor, Error> {
    let classes: Vec<u32> = classes
        .map(|class| u32::try_from(class).expect("classes are few"))
        .collect();
    let count = classes.len();
    Ok(Tensor::from_vec(classes, count, &Device::Cpu)?)
}

/// A share of a count.
#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^53")]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}
