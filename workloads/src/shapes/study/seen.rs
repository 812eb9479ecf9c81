//! What the networks that see make of held-out pictures.

use std::collections::BTreeMap;

use candle_core::{D, DType, Tensor};
use candle_nn::VarBuilder;
use scoring::interval::{Interval, Level};
use scoring::picture::Size;
use scoring::resize::{Filter, pillow_bytes};
use scoring::segmentation::{self, Confusion};
use scoring::{jackknife, pair, ranking};

use super::record::{Beside, Variant};
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, bags, held_out, pictures, tensor};
use crate::shapes::caption::Caption;
use crate::shapes::clip::{caption_tower, normalised, picture_tower};
use crate::shapes::compose::{Compose, Prepared};
use crate::shapes::detector::Found;
use crate::shapes::measure::{self, Boxes, as_scored, scored};
use crate::shapes::raster::Picture;
use crate::shapes::{classifier, detector, segmenter, upscaler};

/// Pictures of a pass.
const BATCH: usize = 64;

/// Streams of the generator of held-out pictures: others than those that judged the trainings.
const PURPOSES: [u64; 5] = [11, 12, 13, 14, 15];

/// What is known so far of a model: its variants, and what the reference made of each picture.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) task: String,
    pub(super) variants: Vec<Variant>,
    hits: BTreeMap<&'static str, Vec<bool>>,
    values: BTreeMap<&'static str, Vec<f64>>,
    confusions: Vec<Confusion>,
    boxes: Option<Boxes>,
}

/// Judges one number format of a model; the first is the reference.
pub(super) type Study = fn(&mut Judged, &str, VarBuilder<'static>) -> Result<(), Error>;

impl Judged {
    /// Adds a metric of a variant.
    fn put(&mut self, variant: &str, metric: &str, interval: Interval, beside: Option<Beside>) {
        if self
            .variants
            .last()
            .is_none_or(|last| last.variant != variant)
        {
            self.variants.push(Variant {
                variant: variant.to_owned(),
                metrics: BTreeMap::new(),
                beside_f32: BTreeMap::new(),
            });
        }
        if let Some(variant) = self.variants.last_mut() {
            variant.metrics.insert(metric.to_owned(), interval);
            variant
                .beside_f32
                .extend(beside.map(|beside| (metric.to_owned(), beside)));
        }
    }

    /// Adds a share of pictures, beside that of the reference.
    fn put_hits(
        &mut self,
        variant: &str,
        metric: &'static str,
        hits: Vec<bool>,
    ) -> Result<(), Error> {
        let interval = scored(ranking::accuracy(&hits, Level::P95))?;
        let beside = match self.hits.get(metric) {
            None => None,
            Some(reference) => {
                let of_reference = scored(ranking::accuracy(reference, Level::P95))?.value;
                let compared = scored(ranking::compare(&hits, reference, Level::P90))?;
                Some(Beside::new(compared.difference, of_reference))
            }
        };
        self.hits.entry(metric).or_insert(hits);
        self.put(variant, metric, interval, beside);
        Ok(())
    }

    /// Adds a mean over pictures, beside that of the reference.
    fn put_values(
        &mut self,
        variant: &str,
        metric: &'static str,
        values: Vec<f64>,
    ) -> Result<(), Error> {
        let interval = scored(pair::mean(&values, Level::P95))?;
        let beside = match self.values.get(metric) {
            None => None,
            Some(reference) => {
                let of_reference = scored(pair::mean(reference, Level::P95))?.value;
                let difference = scored(pair::difference(&values, reference, Level::P90))?;
                Some(Beside::new(difference, of_reference))
            }
        };
        self.values.entry(metric).or_insert(values);
        self.put(variant, metric, interval, beside);
        Ok(())
    }
}

/// What a network makes of pictures, pass by pass, in f32 with the pictures first.
fn passes(
    weights: VarBuilder<'static>,
    seen: &[Picture],
    mut network: impl FnMut(&mut dyn Compose, &Tensor) -> candle_core::Result<Tensor>,
) -> Result<Tensor, Error> {
    let dtype = weights.dtype();
    let mut compose = Prepared::new(weights);
    let mut outputs = Vec::new();
    for seen in seen.chunks(BATCH) {
        // The last pass may have fewer pictures, and so other shapes.
        if seen.len() < BATCH {
            compose.forget();
        }
        compose.begin();
        let output = network(&mut compose, &tensor(seen)?.to_dtype(dtype)?)?;
        // The next pass writes into the same memory.
        outputs.push(output.to_dtype(DType::F32)?.copy()?);
    }
    Ok(Tensor::cat(&outputs, 0)?)
}

/// `shapes-net`: kind and colour, size, place.
pub(super) fn classes(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let count = 16 * BATCH;
    let mut rng = held_out(PURPOSES[0]);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Captioned, count);
    judged.task =
        format!("says kind and colour, size and place of the shape in {count} noisy pictures");
    let scores = passes(weights, &batch.pictures, |compose, x| {
        Ok(classifier::network(compose, x)?.scores)
    })?;
    for (metric, hits) in measure::classes(&batch, &scores)? {
        judged.put_hits(variant, metric, hits)?;
    }
    Ok(())
}

/// `shapes-clip`: the caption of a picture among all that there are.
pub(super) fn captions(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let count = 8 * BATCH;
    let mut rng = held_out(PURPOSES[1]);
    let batch = Batch::clean(&mut rng, Part::HeldOut, Layout::Captioned, SIDE, count);
    judged.task = format!(
        "finds the caption of {count} pictures among {}",
        Caption::COUNT
    );
    let dtype = weights.dtype();
    let seen = passes(weights.clone(), &batch.pictures, picture_tower)?;
    let all: Vec<Option<Caption>> = (0..Caption::COUNT)
        .map(|number| Some(Caption::numbered(number)))
        .collect();
    let said = caption_tower(&mut Prepared::new(weights), &bags(&all)?.to_dtype(dtype)?)?;
    let cosines = normalised(&seen)?.matmul(&normalised(&said.to_dtype(DType::F32)?)?.t()?)?;
    let nearest: Vec<u32> = cosines.argmax(D::Minus1)?.to_vec1()?;
    let hits = nearest
        .iter()
        .zip(batch.captions())
        .map(|(number, caption)| Caption::numbered(*number as usize) == caption)
        .collect();
    judged.put_hits(variant, "caption_found_of_432", hits)
}

/// `shapes-segmenter`: mean intersection over union.
pub(super) fn masks(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let count = 4 * BATCH;
    let mut rng = held_out(PURPOSES[2]);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Crowded, count);
    judged.task = format!("says the kind of shape of each pixel of {count} noisy pictures");
    let found = found_masks(weights, &batch.pictures)?;
    let confusions = measure::confusions(&batch, &found)?;
    let measured = scored(segmentation::measure(&confusions, Level::P95))?;
    let interval = around(measured.interval, measured.value);
    let beside = if judged.confusions.is_empty() {
        None
    } else {
        let of = |confusions: &[Confusion], kept: &[usize]| {
            let kept: Vec<Confusion> = kept.iter().map(|i| confusions[*i].clone()).collect();
            measure::mean_iou(&kept)
        };
        let reference = &judged.confusions;
        let difference = jackknife::over_images("mean IoU", count, Level::P90, |kept| {
            Ok(of(&confusions, kept) - of(reference, kept))
        });
        Some(Beside::new(
            scored(difference)?,
            measure::mean_iou(reference),
        ))
    };
    if judged.confusions.is_empty() {
        judged.confusions = confusions;
    }
    judged.put(variant, "mean_iou", interval, beside);
    Ok(())
}

/// The class of each pixel as the network sees it, by picture.
pub(super) fn found_masks(
    weights: VarBuilder<'static>,
    seen: &[Picture],
) -> Result<Vec<Vec<u8>>, Error> {
    Ok(measure::masks(&passes(weights, seen, segmenter::network)?)?)
}

/// `shapes-upscaler`: signal to noise, and similarity of structure, with bicubic for comparison.
pub(super) fn enlarged(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let (count, side) = (2 * BATCH, upscaler::FACTOR * SIDE);
    let mut rng = held_out(PURPOSES[3]);
    let batch = Batch::clean(&mut rng, Part::HeldOut, Layout::Crowded, side, count);
    judged.task = format!("doubles the sides of {count} pictures of {SIDE} pixels");
    let small: Vec<Picture> = batch.pictures.iter().map(Picture::halved).collect();
    let judge = |judged: &mut Judged, names: [&'static str; 2], found: &[Picture]| {
        let [squares, similarities] = measure::beside_truth(found, &batch.pictures)?;
        let decibels = squares
            .iter()
            .map(|square| pair::decibels(*square, 255.0))
            .collect();
        judged.put_values(variant, names[0], decibels)?;
        judged.put_values(variant, names[1], similarities)
    };
    if judged.variants.is_empty() {
        let bicubic: Vec<Picture> = small.iter().map(bicubic).collect::<Result<_, _>>()?;
        judge(judged, ["psnr_db_bicubic", "ssim_bicubic"], &bicubic)?;
    }
    let found = found_large(weights, &small)?;
    judge(judged, ["psnr_db", "ssim"], &found)
}

/// Pictures as the network enlarges them.
pub(super) fn found_large(
    weights: VarBuilder<'static>,
    small: &[Picture],
) -> Result<Vec<Picture>, Error> {
    Ok(pictures(&passes(weights, small, upscaler::network)?)?)
}

/// A picture enlarged without a network, as Pillow does it.
pub(super) fn bicubic(small: &Picture) -> Result<Picture, Error> {
    let side = upscaler::FACTOR * small.side;
    let large = pillow_bytes(&as_scored(small)?, Size::square(side), Filter::Bicubic);
    let rgb = scored(large)?.into_values();
    Ok(Picture { side, rgb })
}

/// `shapes-detector`: COCO's mean average precision.
pub(super) fn boxes(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let count = 4 * BATCH;
    let mut rng = held_out(PURPOSES[4]);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Crowded, count);
    judged.task = format!("finds the shapes in {count} noisy pictures");
    let boxes = Boxes::of(&batch, &found_boxes(weights, &batch.pictures, 0.02)?);
    let evaluation = scored(boxes.evaluation())?;
    let value = evaluation.summary().ap.unwrap_or(0.0);
    let interval = around(scored(evaluation.interval(Level::P95))?, value);
    let beside = match &judged.boxes {
        None => None,
        Some(reference) => {
            let difference = jackknife::over_images("mAP", count, Level::P90, |kept| {
                Ok(boxes.average_precision(kept)? - reference.average_precision(kept)?)
            });
            let of_reference = reference.summary()?.ap.unwrap_or(0.0);
            Some(Beside::new(scored(difference)?, of_reference))
        }
    };
    judged.boxes.get_or_insert(boxes);
    judged.put(variant, "map", interval, beside);
    Ok(())
}

/// The boxes that the network finds, by picture.
pub(super) fn found_boxes(
    weights: VarBuilder<'static>,
    seen: &[Picture],
    least_score: f32,
) -> Result<Vec<Vec<Found>>, Error> {
    Ok(measure::boxes(
        &passes(weights, seen, detector::network)?,
        least_score,
    )?)
}

/// The width of an interval around another value: that of the jackknife around the plain score.
fn around(interval: Interval, value: f64) -> Interval {
    let half_width = (interval.high - interval.low) / 2.0;
    Interval::symmetric(
        value,
        half_width,
        interval.level,
        interval.n,
        interval.method,
    )
}
