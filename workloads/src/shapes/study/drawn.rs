//! Drawings of every sampler, judged by the networks that see.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use scoring::clip::{self as caption_fit, Convention};
use scoring::frechet::{self, ReferenceSet};
use scoring::network::Network as Judge;
use scoring::rows::Rows;
use scoring::ranking;
use scoring::interval::Level;

use super::record::{Beside, Cell};
use super::{FORMATS, scored};
use crate::Error;
use crate::corpus::Part;
use crate::job::word::{Scheduler, Word};
use crate::shapes::batch::{Batch, Layout, SIDE, bags, held_out, pictures, tensor};
use crate::shapes::caption::Caption;
use crate::shapes::classifier::{self, FEATURES, parts};
use crate::shapes::clip::{WIDTH, caption_tower, picture_tower};
use crate::shapes::compose::{Compose, Prepared};
use crate::shapes::denoiser::GUIDANCE;
use crate::shapes::draw::{Easel, Manner};
use crate::shapes::networks::Network;
use crate::shapes::raster::Picture;

/// Drawings of a cell; a third of the captions, each once.
pub(super) const DRAWN: usize = Caption::COUNT / 3;

/// Held-out pictures that drawings are compared with.
const REFERENCE: usize = 1024;

/// The stream of the generator that they come from.
const PURPOSE: u64 = 16;

/// Seed of the noise.
const SEED: u64 = 1;

/// Steps of the study.
pub(super) const STEPS: [usize; 5] = [1, 4, 10, 20, 50];

/// Captions of all drawings: kinds, colours, places and sizes in turn.
pub(super) fn captions(count: usize) -> Vec<Caption> {
    // 125 has no divisor in common with 432, so no caption comes twice.
    (0..count).map(|index| Caption::numbered(index * 125 % Caption::COUNT)).collect()
}

/// Cells in f32: every sampler with every number of steps but the most, which two samplers take.
/// In fewer bits: both of these with steps that people take.
fn cells() -> Vec<(Scheduler, usize, usize)> {
    let mut cells = Vec::new();
    for scheduler in Scheduler::ALL {
        for steps in STEPS {
            let long = matches!(scheduler, Scheduler::Ddim | Scheduler::DpmPp2m);
            if steps < 50 || long {
                cells.push((*scheduler, steps, 0));
            }
        }
    }
    for format in 1..FORMATS.len() {
        cells.push((Scheduler::Ddim, 20, format));
        cells.push((Scheduler::DpmPp2m, 10, format));
    }
    cells
}

/// The networks that judge, in f32.
struct Judges {
    eye: VarBuilder<'static>,
    clip: VarBuilder<'static>,
    reference: ReferenceSet,
    names: [Judge; 2],
    captions: Vec<Caption>,
    said: Rows,
}

/// What the judges see in drawings.
struct Judgement {
    features: Rows,
    right: Vec<bool>,
    seen: Rows,
}

fn rows(tensor: &Tensor, width: usize) -> Result<Rows, Error> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    scored(Rows::of_f32(&values, width))
}

impl Judges {
    fn new(places: &crate::weights::Places) -> Result<Self, Error> {
        let f32_of = |network: Network| network.trained(places, DType::F32, &Device::Cpu);
        let (eye, eye_id) = f32_of(Network::Classifier)?;
        let (clip, clip_id) = f32_of(Network::Clip)?;
        let captions = captions(DRAWN);
        let asked: Vec<Option<Caption>> = captions.iter().copied().map(Some).collect();
        let said = caption_tower(&mut Prepared::new(clip.clone()), &bags(&asked)?)?;
        let mut rng = held_out(PURPOSE);
        let batch = Batch::clean(&mut rng, Part::HeldOut, Layout::Captioned, SIDE, REFERENCE);
        let mut compose = Prepared::new(eye.clone());
        let mut values = Vec::new();
        for seen in batch.pictures.chunks(64) {
            compose.begin();
            let seen = classifier::network(&mut compose, &tensor(seen)?)?;
            values.extend(seen.features.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Self {
            reference: scored(ReferenceSet::new(scored(Rows::of_f32(&values, FEATURES))?))?,
            names: [
                Judge::other(Network::Classifier.model(), eye_id),
                Judge::other(Network::Clip.model(), clip_id),
            ],
            said: rows(&said, WIDTH)?,
            captions,
            eye,
            clip,
        })
    }

    fn judge(&self, drawn: &[Picture]) -> Result<Judgement, Error> {
        let drawn = tensor(drawn)?;
        let seen = classifier::network(&mut Prepared::new(self.eye.clone()), &drawn)?;
        let found: Vec<u32> = parts(&seen.scores)?[0].argmax(D::Minus1)?.to_vec1()?;
        let embedded = picture_tower(&mut Prepared::new(self.clip.clone()), &drawn)?;
        Ok(Judgement {
            features: rows(&seen.features, FEATURES)?,
            right: found
                .iter()
                .zip(&self.captions)
                .map(|(found, caption)| *found as usize == caption.class())
                .collect(),
            seen: rows(&embedded, WIDTH)?,
        })
    }

    fn cell(
        &self,
        (scheduler, steps, format): (Scheduler, usize, usize),
        found: &Judgement,
        reference: Option<&Judgement>,
    ) -> Result<Cell, Error> {
        let prompts: Vec<usize> = (0..self.captions.len()).collect();
        let (convention, [eye, clip]) = (Convention::Torchmetrics, &self.names);
        let accuracy = scored(ranking::accuracy(&found.right, Level::P95))?;
        let fit = |seen: &Rows| {
            let measured =
                caption_fit::measure(seen, &self.said, &prompts, convention, clip, Level::P95);
            scored(measured)
        };
        let mut beside_f32 = BTreeMap::new();
        let mut distance_beside_f32 = None;
        if let Some(reference) = reference {
            let compared = scored(ranking::compare(&found.right, &reference.right, Level::P90))?;
            let of_reference = scored(ranking::accuracy(&reference.right, Level::P95))?.value;
            let beside = Beside::new(compared.difference, of_reference);
            beside_f32.insert("caption_accuracy".to_owned(), beside);
            let pair = (&found.seen, &reference.seen);
            let apart =
                caption_fit::difference(pair, &self.said, &prompts, convention, Level::P90);
            let beside = Beside::new(scored(apart)?, fit(&reference.seen)?.score);
            beside_f32.insert("caption_fit".to_owned(), beside);
            let (left, right) = (&found.features, &reference.features);
            let apart = frechet::difference(left, right, &self.reference, Level::P90);
            distance_beside_f32 = Some(scored(apart)?);
        }
        let measured = frechet::measure(&found.features, &self.reference, eye, SEED, Level::P95);
        Ok(Cell {
            scheduler: scheduler.word().into(),
            steps,
            variant: FORMATS[format].0.into(),
            distance: scored(measured)?,
            caption_accuracy: accuracy,
            caption_fit: fit(&found.seen)?,
            right: found.right.iter().map(|right| if *right { '1' } else { '0' }).collect(),
            beside_f32,
            distance_beside_f32,
        })
    }
}

/// Drawings that are shown: those of one sampler in f32 by number of steps.
pub(super) type Shown = BTreeMap<(String, usize), Vec<Picture>>;

/// Draws and judges all cells.
pub(super) fn study(
    places: &crate::weights::Places,
    observe: &mut dyn FnMut(&str),
) -> Result<(Vec<Cell>, Shown), Error> {
    let judges = Judges::new(places)?;
    let mut references: BTreeMap<(&str, usize), Judgement> = BTreeMap::new();
    let (mut cells_found, mut shown) = (Vec::new(), Shown::new());
    for cell in cells() {
        let (scheduler, steps, format) = cell;
        let (name, dtype) = FORMATS[format];
        observe(&format!("{}, {} steps of {}, {name}", Network::Denoiser.model(), steps, scheduler.word()));
        let (weights, _) = Network::Denoiser.trained(places, dtype, &Device::Cpu)?;
        let drawn = draw(weights, scheduler, steps, &judges.captions)?;
        let found = judges.judge(&drawn)?;
        let key = (scheduler.word(), steps);
        cells_found.push(judges.cell(cell, &found, references.get(&key).filter(|_| format > 0))?);
        if format == 0 {
            references.insert(key, found);
            shown.insert((scheduler.word().to_owned(), steps), drawn);
        }
    }
    Ok((cells_found, shown))
}

/// Pictures of captions.
pub(super) fn draw(
    weights: VarBuilder<'static>,
    scheduler: Scheduler,
    steps: usize,
    captions: &[Caption],
) -> Result<Vec<Picture>, Error> {
    const BATCH: usize = 24;
    let dtype = weights.dtype();
    let mut compose = Prepared::new(weights);
    let mut drawn = Vec::new();
    for (index, captions) in captions.chunks(BATCH).enumerate() {
        let manner = Manner { scheduler, steps, guidance: GUIDANCE, seed: SEED, first: index * BATCH };
        let mut easel = Easel::new(manner, captions, dtype, &Device::Cpu)?;
        easel.draw(&mut compose)?;
        drawn.extend(pictures(easel.drawn())?);
    }
    Ok(drawn)
}
