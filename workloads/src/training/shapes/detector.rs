//! `shapes-detector` learns boxes and kinds of shapes, through noise.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use candle_nn::ops::sigmoid;
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Judged, classes, share};
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, tensor};
use crate::shapes::compose::Trainable;
use crate::shapes::detector::{CELLS, NUMBERS, boxes, network, wanted};
use crate::shapes::scene::{Kind, SIDE_UNITS};
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::noisy(5, Layout::Crowded, 256);

/// How much a box counts beside whether there is one, and what it is.
const BOX_WEIGHT: f64 = 20.0;

pub(super) struct Detector {
    held_out: Batch,
}

impl Detector {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
        }
    }
}

/// Mean of −ln p of whether each cell has a shape, in the form that no score overflows.
fn presence(scores: &Tensor, wanted: &Tensor) -> candle_core::Result<Tensor> {
    let tail = ((scores.abs()?.neg()?.exp()? + 1.0)?).log()?;
    ((scores.relu()? - (scores * wanted)?)? + tail)?.mean_all()
}

impl Course for Detector {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1500,
            batch: 32,
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
        let count = self.recipe().batch;
        let batch = Batch::noisy(rng, Part::Training, Layout::Crowded, count);
        let mut compose = Trainable::new(weights.clone());
        let numbers = network(&mut compose, &tensor(&batch.pictures)?)?;
        let numbers = numbers.reshape(((), NUMBERS))?;
        let cells = CELLS * CELLS;
        let (mut present, mut rows, mut bounds, mut kinds) =
            (vec![0f32; count * cells], vec![], vec![], vec![]);
        for (index, scene) in batch.scenes.iter().enumerate() {
            for one in wanted(scene) {
                let row = index * cells + one.cell;
                present[row] = 1.0;
                rows.push(row);
                bounds.extend(one.numbers);
                kinds.push(one.kind);
            }
        }
        let present = Tensor::from_vec(present, (count * cells, 1), &Device::Cpu)?;
        let presence = presence(&numbers.narrow(1, 0, 1)?, &present)?;
        let bounds = Tensor::from_vec(bounds, (rows.len(), 4), &Device::Cpu)?;
        let found = numbers.index_select(&classes(rows.into_iter())?, 0)?;
        let apart = (sigmoid(&found.narrow(1, 1, 4)?)? - bounds)?
            .sqr()?
            .mean_all()?;
        let kind = loss::cross_entropy(
            &found.narrow(1, 5, Kind::ALL.len())?.contiguous()?,
            &classes(kinds.into_iter())?,
        )?;
        // Few cells have a shape, so their part of the mean is small.
        Ok((((presence * 10.0)? + (apart * BOX_WEIGHT)?)? + kind)?)
    }

    /// Shapes that a box of their kind covers well, and boxes that cover none; crowds of boxes are
    /// judged by `scoring` in the study.
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut compose = Trainable::new(weights.clone());
        let numbers = network(&mut compose, &tensor(&self.held_out.pictures)?)?;
        let numbers: Vec<Vec<f32>> = numbers.flatten(1, D::Minus1)?.to_vec2()?;
        let (mut hits, mut shapes, mut found_count) = (0, 0, 0);
        for (scene, numbers) in self.held_out.scenes.iter().zip(&numbers) {
            let found = boxes(numbers, 0.5);
            found_count += found.len();
            shapes += scene.shapes.len();
            hits += scene
                .shapes
                .iter()
                .filter(|shape| {
                    #[expect(clippy::cast_precision_loss, reason = "units are few")]
                    let bounds = shape.bounds().map(|units| units as f32 / SIDE_UNITS as f32);
                    found.iter().any(|found| {
                        found.kind == shape.kind as usize && covered(found.bounds, bounds) > 0.5
                    })
                })
                .count();
        }
        Ok([
            ("recall_at_iou_50".to_owned(), share(hits, shapes)),
            ("precision_at_iou_50".to_owned(), share(hits, found_count)),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({
            "model_type": "shapes-detector",
            "image_size": SIDE,
            "cells": CELLS,
            "num_labels": Kind::ALL.len(),
        })
    }

    fn what(&self) -> &'static str {
        "a detector of shapes on a grid of 8x8 cells, seven convolutions"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}

/// The part of what two boxes cover that both do.
fn covered(a: [f32; 4], b: [f32; 4]) -> f32 {
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |b: [f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}
