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
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use classifier::Classifier;
use clip::Clip;
use denoiser::Denoiser;
use detector::Detector;
use segmenter::Segmenter;
use upscaler::Upscaler;

use super::Course;
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, HELD_OUT_SEED, Layout, held_out};

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
pub(super) fn course(name: &str) -> Option<Box<dyn Course>> {
    Some(match name {
        "shapes-net" => Box::new(Classifier::new()),
        "shapes-clip" => Box::new(Clip::new()),
        "shapes-detector" => Box::new(Detector::new()),
        "shapes-segmenter" => Box::new(Segmenter::new()),
        "shapes-upscaler" => Box::new(Upscaler::new()),
        "shapes-diffusion" => Box::new(Denoiser::new()),
        _ => return None,
    })
}

/// The held-out pictures that judge a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The stream of the generator that they come from.
    purpose: u64,
    layout: Layout,
    /// Pixels along a side; `None`: as networks see, with noise.
    clean_side: Option<usize>,
    count: usize,
}

impl Judged {
    /// The next `count` pictures with noise.
    const fn noisy(purpose: u64, layout: Layout, count: usize) -> Self {
        Self {
            purpose,
            layout,
            clean_side: None,
            count,
        }
    }

    /// The next `count` pictures without noise, of this many pixels along a side.
    const fn clean(purpose: u64, layout: Layout, side: usize, count: usize) -> Self {
        Self {
            purpose,
            layout,
            clean_side: Some(side),
            count,
        }
    }

    /// The pictures.
    fn batch(self) -> Batch {
        let mut rng = held_out(self.purpose);
        let (part, layout, count) = (Part::HeldOut, self.layout, self.count);
        match self.clean_side {
            None => Batch::noisy(&mut rng, part, layout, count),
            Some(side) => Batch::clean(&mut rng, part, layout, side, count),
        }
    }

    /// What logs say of both parts.
    pub(super) fn log(self) -> Value {
        let mut hash = Sha256::new();
        for picture in self.batch().pictures {
            hash.update(&picture.rgb);
        }
        json!({
            "training": { "pictures": "new ones in each step, from the seed of the training" },
            "held_out": {
                "seed": HELD_OUT_SEED,
                "pictures": self.count,
                "sha256": hex(&hash.finalize()),
            },
        })
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
