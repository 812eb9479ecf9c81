//! The networks that see as judges of drawings: is what was asked for to be seen, and do drawings as
//! a whole look like pictures?

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use scoring::clip::{self as caption_fit, CaptionFit, Convention};
use scoring::frechet::{self, FrechetDifference, FrechetDistance, ReferenceSet, Target};
use scoring::interval::{Interval, Level};
use scoring::network::Network as Judge;
use scoring::ranking;
use scoring::rows::Rows;

use super::batch::{Batch, Layout, SIDE, bags, held_out, tensor};
use super::caption::Caption;
use super::classifier::{self, FEATURES, parts};
use super::clip::{WIDTH, caption_tower, picture_tower};
use super::compose::{Compose, Prepared};
use super::measure::scored;
use super::networks::Network;
use super::raster::Picture;
use crate::Error;
use crate::corpus::Part;
use crate::weights::Places;

/// Held-out pictures that drawings are compared with.
const REFERENCE: usize = 1024;

/// The stream of the generator that they come from.
const PURPOSE: u64 = 16;

/// Seed of the subsets of the distance's limit.
const SEED: u64 = 1;

/// `shapes-net` and `shapes-clip` in f32, with the captions that drawings are of.
pub struct Judges {
    eye: VarBuilder<'static>,
    clip: VarBuilder<'static>,
    reference: ReferenceSet,
    names: [Judge; 2],
    captions: Vec<Caption>,
    said: Rows,
}

/// What the judges see in drawings, one of each caption.
pub struct Judgement {
    features: Rows,
    /// Whether the asked kind and colour was seen, by drawing.
    pub right: Vec<bool>,
    seen: Rows,
}

fn rows(tensor: &Tensor, width: usize) -> Result<Rows, Error> {
    let values = tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    scored(Rows::of_f32(&values, width))
}

impl Judges {
    /// The judges of drawings of these captions.
    ///
    /// # Errors
    /// The weights of a judge are missing or damaged.
    pub fn new(places: &Places, captions: Vec<Caption>) -> Result<Self, Error> {
        let f32_of = |network: Network| network.trained(places, DType::F32, &Device::Cpu);
        let (eye, eye_id) = f32_of(Network::Classifier)?;
        let (clip, clip_id) = f32_of(Network::Clip)?;
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

    /// The captions of the drawings, in their order.
    pub fn captions(&self) -> &[Caption] {
        &self.captions
    }

    /// Looks at a drawing of each caption.
    ///
    /// # Errors
    /// The processor failed.
    pub fn judge(&self, drawn: &[Picture]) -> Result<Judgement, Error> {
        let drawn = tensor(drawn)?;
        let seen = classifier::network(&mut Prepared::new(self.eye.clone()), &drawn)?;
        let found: Vec<u32> = parts(&seen.scores)?[0]
            .contiguous()?
            .argmax(D::Minus1)?
            .to_vec1()?;
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

    /// The share of drawings in which the asked kind and colour is seen, with Wilson's interval.
    ///
    /// # Errors
    /// There are no drawings.
    pub fn caption_accuracy(&self, found: &Judgement) -> Result<Interval, Error> {
        scored(ranking::accuracy(&found.right, Level::P95))
    }

    /// How near `shapes-clip` finds drawings and captions: 100 times the cosine.
    ///
    /// # Errors
    /// There are fewer than two drawings.
    pub fn caption_fit(&self, found: &Judgement) -> Result<CaptionFit, Error> {
        let prompts = self.prompts();
        scored(caption_fit::measure(
            &found.seen,
            &self.said,
            &prompts,
            Convention::Torchmetrics,
            &self.names[1],
            Level::P95,
        ))
    }

    /// The distance of the features of `shapes-net` to those of held-out pictures.
    ///
    /// # Errors
    /// There are fewer drawings than a distance needs.
    pub fn distance(&self, found: &Judgement) -> Result<FrechetDistance, Error> {
        let (name, level) = (&self.names[0], Level::P95);
        scored(frechet::measure(
            &found.features,
            (&self.reference, Target::ThisReference),
            name,
            SEED,
            level,
        ))
    }

    /// Accuracy less that of other drawings of the same captions and noise, at 90 %.
    ///
    /// # Errors
    /// There are no drawings.
    pub fn accuracy_beside(&self, found: &Judgement, other: &Judgement) -> Result<Interval, Error> {
        let compared = ranking::compare(&found.right, &other.right, Level::P90);
        Ok(scored(compared)?.difference)
    }

    /// Fit less that of other drawings of the same captions and noise, at 90 %.
    ///
    /// # Errors
    /// There are fewer than two drawings.
    pub fn fit_beside(&self, found: &Judgement, other: &Judgement) -> Result<Interval, Error> {
        let (pair, prompts) = ((&found.seen, &other.seen), self.prompts());
        let convention = Convention::Torchmetrics;
        scored(caption_fit::difference(
            pair,
            &self.said,
            &prompts,
            convention,
            Level::P90,
        ))
    }

    /// Distance less that of other drawings of the same captions and noise, at 90 %.
    ///
    /// # Errors
    /// There are fewer drawings than a distance needs.
    pub fn distance_beside(
        &self,
        found: &Judgement,
        other: &Judgement,
    ) -> Result<FrechetDifference, Error> {
        let (left, right) = (&found.features, &other.features);
        scored(frechet::difference(
            left,
            right,
            (&self.reference, Target::ThisReference),
            Level::P90,
        ))
    }

    /// Each caption is a prompt of its own.
    fn prompts(&self) -> Vec<usize> {
        (0..self.captions.len()).collect()
    }
}
