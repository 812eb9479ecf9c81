//! `shapes-clip` learns which caption belongs to which picture of a batch, and the other way round
//! (Radford et al. 2021).

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{D, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Judged, classes, share};
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, bags, tensor};
use crate::shapes::caption::{Caption, WORDS};
use crate::shapes::clip::{SCALE, WIDTH, caption_tower, normalised, picture_tower};
use crate::shapes::compose::Trainable;
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::clean(2, Layout::Captioned, SIDE, 1024);

pub(super) struct Clip {
    held_out: Batch,
}

impl Clip {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
        }
    }
}

/// Scaled cosines of pictures (rows) and captions (columns).
fn cosines(
    weights: &VarBuilder<'static>,
    batch: &Batch,
    captions: &[Option<Caption>],
) -> Result<Tensor, Error> {
    let mut compose = Trainable::new(weights.clone());
    let pictures = normalised(&picture_tower(&mut compose, &tensor(&batch.pictures)?)?)?;
    let captions = normalised(&caption_tower(&mut compose, &bags(captions)?)?)?;
    Ok((pictures.matmul(&captions.t()?)? * SCALE)?)
}

/// A batch without a caption that occurs twice, as each would be the right one.
fn different(mut batch: Batch) -> Batch {
    let captions = batch.captions();
    let mut seen = BTreeSet::new();
    let mut first = captions.iter().map(|caption| seen.insert(*caption));
    let kept: Vec<bool> = first.by_ref().collect();
    let mut kept_scenes = kept.iter();
    batch
        .scenes
        .retain(|_| kept_scenes.next().copied().unwrap_or(false));
    let mut kept_pictures = kept.iter();
    batch
        .pictures
        .retain(|_| kept_pictures.next().copied().unwrap_or(false));
    batch
}

impl Course for Clip {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1000,
            batch: 64,
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        _way: f64,
    ) -> Result<Tensor, Error> {
        let batch = Batch::noisy(rng, Part::Training, Layout::Captioned, self.recipe().batch);
        let batch = different(batch);
        let captions: Vec<Option<Caption>> = batch.captions().into_iter().map(Some).collect();
        let cosines = cosines(weights, &batch, &captions)?;
        let same = classes(0..captions.len())?;
        let of_pictures = loss::cross_entropy(&cosines, &same)?;
        let of_captions = loss::cross_entropy(&cosines.t()?.contiguous()?, &same)?;
        Ok(((of_pictures + of_captions)? / 2.0)?)
    }

    /// The share of pictures whose own caption is the nearest of all that there are.
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let all: Vec<Caption> = (0..Caption::COUNT).map(Caption::numbered).collect();
        let asked: Vec<Option<Caption>> = all.iter().copied().map(Some).collect();
        let cosines = cosines(weights, &self.held_out, &asked)?;
        let nearest: Vec<u32> = cosines.argmax(D::Minus1)?.to_vec1()?;
        let right = nearest
            .iter()
            .zip(self.held_out.captions())
            .filter(|(number, caption)| all[**number as usize] == *caption)
            .count();
        Ok([(
            "caption_found_of_432".to_owned(),
            share(right, nearest.len()),
        )]
        .into())
    }

    fn config(&self) -> Value {
        json!({
            "model_type": "shapes-clip",
            "image_size": 32,
            "projection_dim": WIDTH,
            "logit_scale": SCALE,
            "words": WORDS,
        })
    }

    fn what(&self) -> &'static str {
        "two towers for pictures of shapes and for their captions, as sets of words"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}
