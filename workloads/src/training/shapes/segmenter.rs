//! `shapes-segmenter` learns the kind of shape that each pixel belongs to, through noise.

use std::collections::BTreeMap;

use candle_core::{D, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Judged, classes, share};
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, tensor};
use crate::shapes::compose::Trainable;
use crate::shapes::raster::mask;
use crate::shapes::segmenter::{CLASSES, network};
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::noisy(3, Layout::Crowded, 256);

pub(super) struct Segmenter {
    held_out: Batch,
}

impl Segmenter {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
        }
    }
}

/// The class of each pixel of a batch.
fn masks(batch: &Batch) -> Vec<u8> {
    batch
        .scenes
        .iter()
        .flat_map(|scene| mask(scene, SIDE))
        .collect()
}

impl Course for Segmenter {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1000,
            batch: 24,
            learning_rate: 3e-3,
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
        let batch = Batch::noisy(rng, Part::Training, Layout::Crowded, self.recipe().batch);
        let mut compose = Trainable::new(weights.clone());
        let scores = network(&mut compose, &tensor(&batch.pictures)?)?;
        let wanted = classes(masks(&batch).into_iter().map(usize::from))?;
        Ok(loss::cross_entropy(
            &scores.reshape(((), CLASSES))?,
            &wanted,
        )?)
    }

    /// The part of the pixels of a class, found or true, that are both; the mean over classes.
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut compose = Trainable::new(weights.clone());
        let scores = network(&mut compose, &tensor(&self.held_out.pictures)?)?;
        let found: Vec<u32> = scores.argmax(D::Minus1)?.flatten_all()?.to_vec1()?;
        let truth = masks(&self.held_out);
        let mut counts = [[0usize; 2]; CLASSES];
        for (found, truth) in found.iter().map(|class| *class as usize).zip(&truth) {
            let truth = usize::from(*truth);
            counts[truth][1] += 1;
            if found == truth {
                counts[truth][0] += 1;
            } else {
                counts[found][1] += 1;
            }
        }
        let right = counts.iter().map(|[both, _]| both).sum();
        let shares = counts.map(|[both, either]| share(both, either));
        Ok([
            ("pixel_accuracy".to_owned(), share(right, truth.len())),
            (
                "mean_intersection_over_union".to_owned(),
                shares.iter().sum::<f64>() * share(1, CLASSES),
            ),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({ "model_type": "shapes-segmenter", "image_size": SIDE, "num_labels": CLASSES })
    }

    fn what(&self) -> &'static str {
        "a U-Net of three levels that says of each pixel which kind of shape it belongs to"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}
