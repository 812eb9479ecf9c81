//! `shapes-net` learns what is in a picture, through noise.

use std::collections::BTreeMap;

use candle_core::{D, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Judged, classes, share};
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, tensor};
use crate::shapes::classifier::{FEATURES, SCORES, network, parts};
use crate::shapes::compose::Trainable;
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::noisy(1, Layout::Captioned, 1024);

/// Names of the metrics, in the order of the scores.
const METRICS: [&str; 3] = [
    "accuracy_kind_and_colour",
    "accuracy_size",
    "accuracy_place",
];

pub(super) struct Classifier {
    held_out: Batch,
}

impl Classifier {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
        }
    }
}

/// The classes of captions, by the three parts of the scores.
fn labels(batch: &Batch) -> Result<[Tensor; 3], Error> {
    let captions = batch.captions();
    Ok([
        classes(captions.iter().map(crate::shapes::caption::Caption::class))?,
        classes(captions.iter().map(|caption| caption.size as usize))?,
        classes(captions.iter().map(|caption| caption.place.class()))?,
    ])
}

impl Course for Classifier {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 2000,
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
        let mut compose = Trainable::new(weights.clone());
        let seen = network(&mut compose, &tensor(&batch.pictures)?)?;
        let [kind, size, place] = parts(&seen.scores)?;
        let labels = labels(&batch)?;
        let kind = loss::cross_entropy(&kind, &labels[0])?;
        let size = loss::cross_entropy(&size, &labels[1])?;
        let place = loss::cross_entropy(&place, &labels[2])?;
        Ok(((kind + size)? + place)?)
    }

    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut compose = Trainable::new(weights.clone());
        let seen = network(&mut compose, &tensor(&self.held_out.pictures)?)?;
        let mut metrics = BTreeMap::new();
        let found = parts(&seen.scores)?;
        for ((name, scores), labels) in METRICS.iter().zip(found).zip(labels(&self.held_out)?) {
            let found: Vec<u32> = scores.argmax(D::Minus1)?.to_vec1()?;
            let labels: Vec<u32> = labels.to_vec1()?;
            let right = found.iter().zip(&labels).filter(|(a, b)| a == b).count();
            metrics.insert((*name).to_owned(), share(right, labels.len()));
        }
        Ok(metrics)
    }

    fn config(&self) -> Value {
        json!({ "model_type": "shapes-net", "image_size": 32, "features": FEATURES, "scores": SCORES })
    }

    fn what(&self) -> &'static str {
        "a classifier of drawn shapes (kind and colour, size, place): five convolutions and 64 features"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}
