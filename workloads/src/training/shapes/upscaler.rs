//! `shapes-upscaler` learns to undo the halving of pictures.

use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::Judged;
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, tensor};
use crate::shapes::compose::{Compose, Trainable};
use crate::shapes::raster::Picture;
use crate::shapes::upscaler::{FACTOR, network};
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::clean(4, Layout::Crowded, FACTOR * SIDE, 64);

pub(super) struct Upscaler {
    held_out: Batch,
}

impl Upscaler {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
        }
    }
}

fn halved(batch: &Batch) -> Result<Tensor, Error> {
    let pictures: Vec<Picture> = batch.pictures.iter().map(Picture::halved).collect();
    Ok(tensor(&pictures)?)
}

/// Peak signal to noise ratio in decibels of values from −1 to 1.
fn decibels(found: &Tensor, truth: &Tensor) -> Result<f64, Error> {
    let square = found.sub(truth)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
    Ok(10.0 * (4.0 / f64::from(square)).log10())
}

impl Course for Upscaler {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 800,
            batch: 8,
            learning_rate: 2e-3,
            weight_decay: 0.0,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        _way: f64,
    ) -> Result<Tensor, Error> {
        let (count, side) = (self.recipe().batch, FACTOR * SIDE);
        let batch = Batch::clean(rng, Part::Training, Layout::Crowded, side, count);
        let mut compose = Trainable::new(weights.clone());
        let found = network(&mut compose, &halved(&batch)?)?;
        // The mean of magnitudes would leave edges sharper, but is slow to begin with.
        Ok((found.sub(&tensor(&batch.pictures)?)?.sqr()?.mean_all()? * 100.0)?)
    }

    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut compose = Trainable::new(weights.clone());
        let (small, truth) = (halved(&self.held_out)?, tensor(&self.held_out.pictures)?);
        let found = network(&mut compose, &small)?.clamp(-1f32, 1f32)?;
        let repeated = compose.upsample(&small, FACTOR)?;
        Ok([
            ("psnr_db".to_owned(), decibels(&found, &truth)?),
            (
                "psnr_db_repeated_pixels".to_owned(),
                decibels(&repeated, &truth)?,
            ),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({ "model_type": "shapes-upscaler", "scale": FACTOR, "num_channels": 3 })
    }

    fn what(&self) -> &'static str {
        "a network of residual blocks that doubles the pixels of pictures along each side"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}
