//! What the networks that see make of held-out pictures.

use std::collections::BTreeMap;

use candle_core::{D, DType, Tensor};
use candle_nn::VarBuilder;
use scoring::detection::{Bounds, Detection, Evaluation, Truth};
use scoring::picture::{Picture as Scored, Size};
use scoring::resize::{Filter, pillow_bytes};
use scoring::rows::Rows;
use scoring::segmentation::Confusion;
use scoring::{jackknife, pair, ranking, segmentation};
use scoring::interval::{Interval, Level};

use super::record::{Beside, Variant};
use super::scored;
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, bags, held_out, pictures, tensor};
use crate::shapes::caption::Caption;
use crate::shapes::classifier::{self, parts};
use crate::shapes::clip::{caption_tower, picture_tower};
use crate::shapes::compose::{Compose, Prepared};
use crate::shapes::raster::{Picture, mask};
use crate::shapes::scene::{Kind, SIDE_UNITS};
use crate::shapes::{detector, segmenter, upscaler};

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
    fn variant(&mut self, name: &str) -> &mut Variant {
        if self.variants.last().is_none_or(|last| last.variant != name) {
            self.variants.push(Variant {
                variant: name.to_owned(),
                metrics: BTreeMap::new(),
                beside_f32: BTreeMap::new(),
            });
        }
        self.variants.last_mut().expect("pushed")
    }

    /// A share of pictures, beside that of the reference.
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

    /// A mean over pictures, beside that of the reference.
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

    fn put(&mut self, variant: &str, metric: &str, interval: Interval, beside: Option<Beside>) {
        let variant = self.variant(variant);
        variant.metrics.insert(metric.to_owned(), interval);
        if let Some(beside) = beside {
            variant.beside_f32.insert(metric.to_owned(), beside);
        }
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
    judged.task = format!("says kind and colour, size and place of the shape in {count} noisy pictures");
    let scores = passes(weights, &batch.pictures, |compose, x| {
        Ok(classifier::network(compose, x)?.scores)
    })?;
    let captions = batch.captions();
    let labels: [(&str, fn(&Caption) -> usize); 3] = [
        ("top1_kind_and_colour", Caption::class),
        ("top1_size", |caption| caption.size as usize),
        ("top1_place", |caption| caption.place.class()),
    ];
    for ((metric, class), scores) in labels.into_iter().zip(parts(&scores)?) {
        let width = scores.dim(1)?;
        let rows = scored(Rows::of_f32(&scores.flatten_all()?.to_vec1::<f32>()?, width))?;
        let wanted: Vec<usize> = captions.iter().map(class).collect();
        judged.put_hits(variant, metric, scored(ranking::hits(&rows, &wanted, 1))?)?;
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
    judged.task = format!("finds the caption of {count} pictures among {}", Caption::COUNT);
    let dtype = weights.dtype();
    let seen = passes(weights.clone(), &batch.pictures, picture_tower)?;
    let all: Vec<Option<Caption>> = (0..Caption::COUNT).map(|n| Some(Caption::numbered(n))).collect();
    let said = caption_tower(&mut Prepared::new(weights), &bags(&all)?.to_dtype(dtype)?)?;
    let normalised = crate::shapes::clip::normalised;
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
    let confusions: Vec<Confusion> = batch
        .scenes
        .iter()
        .zip(&found)
        .map(|(scene, found)| {
            scored(Confusion::of(segmenter::CLASSES, &mask(scene, SIDE), found, None))
        })
        .collect::<Result<_, _>>()?;
    let measured = scored(segmentation::measure(&confusions, Level::P95))?;
    // The plain value, with the width of the jackknife around it.
    let interval = around(measured.interval, measured.value);
    let beside = if judged.confusions.is_empty() {
        None
    } else {
        let reference = &judged.confusions;
        let of = |confusions: &[Confusion], kept: &[usize]| -> f64 {
            let kept: Vec<Confusion> = kept.iter().map(|i| confusions[*i].clone()).collect();
            mean_iou(&kept)
        };
        let difference = scored(jackknife::over_images("mean IoU", count, Level::P90, |kept| {
            Ok(of(&confusions, kept) - of(reference, kept))
        }))?;
        let all: Vec<usize> = (0..count).collect();
        Some(Beside::new(difference, of(reference, &all)))
    };
    if judged.confusions.is_empty() {
        judged.confusions = confusions;
    }
    judged.put(variant, "mean_iou", interval, beside);
    Ok(())
}

/// Mean over the classes that occur of intersection over union, all pictures together.
fn mean_iou(confusions: &[Confusion]) -> f64 {
    let classes = segmenter::CLASSES;
    let sum = |truth: usize, found: usize| -> u64 {
        confusions.iter().map(|one| one.count(truth, found)).sum()
    };
    let shares = (0..classes).filter_map(|class| {
        let both = sum(class, class);
        let either: u64 = (0..classes).map(|other| sum(class, other) + sum(other, class)).sum();
        let union = either - both;
        #[expect(clippy::cast_precision_loss, reason = "pixels are far fewer than 2^53")]
        (union > 0).then(|| both as f64 / union as f64)
    });
    let shares: Vec<f64> = shares.collect();
    #[expect(clippy::cast_precision_loss, reason = "classes are five")]
    let count = shares.len().max(1) as f64;
    shares.iter().sum::<f64>() / count
}

/// The class of each pixel as the network sees it, by picture.
pub(super) fn found_masks(
    weights: VarBuilder<'static>,
    seen: &[Picture],
) -> Result<Vec<Vec<u8>>, Error> {
    let scores = passes(weights, seen, segmenter::network)?;
    let classes = scores.argmax(D::Minus1)?.flatten_from(1)?.to_vec2::<u32>()?;
    let byte = |class: u32| u8::try_from(class).expect("classes are five");
    Ok(classes
        .into_iter()
        .map(|classes| classes.into_iter().map(byte).collect())
        .collect())
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
    let found = found_large(weights, &small)?;
    let bicubic: Vec<Picture> = small.iter().map(bicubic).collect::<Result<_, _>>()?;
    let judge = |judged: &mut Judged, names: [&'static str; 2], found: &[Picture]| {
        let [mut decibels, mut similarities] = [vec![], vec![]];
        for (found, truth) in found.iter().zip(&batch.pictures) {
            let (found, truth) = (as_scored(found)?, as_scored(truth)?);
            decibels.push(scored(pair::psnr(&found, &truth, 255.0))?);
            similarities.push(scored(pair::ssim(&found, &truth, 255.0, pair::Border::Valid))?);
        }
        judged.put_values(variant, names[0], decibels)?;
        judged.put_values(variant, names[1], similarities)
    };
    judge(judged, ["psnr_db", "ssim"], &found)?;
    if variant == super::FORMATS[0].0 {
        judge(judged, ["psnr_db_bicubic", "ssim_bicubic"], &bicubic)?;
    }
    Ok(())
}

/// Pictures as the network enlarges them.
pub(super) fn found_large(
    weights: VarBuilder<'static>,
    small: &[Picture],
) -> Result<Vec<Picture>, Error> {
    Ok(pictures(&passes(weights, small, upscaler::network)?)?)
}

/// A picture of bytes as the metrics take it.
fn as_scored(picture: &Picture) -> Result<Scored<u8>, Error> {
    scored(Scored::new(Size::square(picture.side), 3, picture.rgb.clone()))
}

/// A picture enlarged without a network, as Pillow does it.
pub(super) fn bicubic(small: &Picture) -> Result<Picture, Error> {
    let side = upscaler::FACTOR * small.side;
    let large = pillow_bytes(&as_scored(small)?, Size::square(side), Filter::Bicubic);
    Ok(Picture { side, rgb: scored(large)?.into_values() })
}

/// What a detector found, and what is there.
#[derive(Clone)]
struct Boxes {
    truths: Vec<Truth>,
    found: Vec<Detection>,
}

impl Boxes {
    /// Mean average precision over some pictures, each numbered by its place among them.
    fn average_precision(&self, kept: &[usize]) -> Result<f64, scoring::ScoringError> {
        let place = |image: usize| kept.binary_search(&image).ok();
        let truths: Vec<Truth> = self
            .truths
            .iter()
            .filter_map(|t| place(t.image).map(|image| Truth { image, ..*t }))
            .collect();
        let found: Vec<Detection> = self
            .found
            .iter()
            .filter_map(|d| place(d.image).map(|image| Detection { image, ..*d }))
            .collect();
        let evaluation = Evaluation::new(kept.len(), Kind::ALL.len(), &truths, &found)?;
        Ok(evaluation.summary().ap.unwrap_or(0.0))
    }
}

/// `shapes-detector`: COCO's mean average precision, in pixels of the picture.
pub(super) fn boxes(
    judged: &mut Judged,
    variant: &str,
    weights: VarBuilder<'static>,
) -> Result<(), Error> {
    let count = 4 * BATCH;
    let mut rng = held_out(PURPOSES[4]);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Crowded, count);
    judged.task = format!("finds the shapes in {count} noisy pictures");
    #[expect(clippy::cast_precision_loss, reason = "pixels are few")]
    let side = SIDE as f64;
    let mut boxes = Boxes { truths: vec![], found: vec![] };
    for (image, scene) in batch.scenes.iter().enumerate() {
        for shape in &scene.shapes {
            let edges = shape.bounds().map(|units| f64::from(units) * side / f64::from(SIDE_UNITS));
            let bounds = Bounds::between(edges[0], edges[1], edges[2], edges[3]);
            boxes.truths.push(Truth {
                image,
                class: shape.kind as usize,
                bounds,
                area: bounds.width * bounds.height,
                crowd: false,
            });
        }
    }
    for (image, found) in found_boxes(weights, &batch.pictures, 0.02)?.into_iter().enumerate() {
        for found in found {
            let edges = found.bounds.map(|part| f64::from(part) * side);
            boxes.found.push(Detection {
                image,
                class: found.kind,
                bounds: Bounds::between(edges[0], edges[1], edges[2], edges[3]),
                score: f64::from(found.score),
            });
        }
    }
    let evaluation = scored(Evaluation::new(count, Kind::ALL.len(), &boxes.truths, &boxes.found))?;
    let value = evaluation.summary().ap.unwrap_or(0.0);
    let interval = around(scored(evaluation.interval(Level::P95))?, value);
    let beside = match &judged.boxes {
        None => None,
        Some(reference) => {
            let all: Vec<usize> = (0..count).collect();
            let difference = scored(jackknife::over_images("mAP", count, Level::P90, |kept| {
                Ok(boxes.average_precision(kept)? - reference.average_precision(kept)?)
            }))?;
            Some(Beside::new(difference, scored(reference.average_precision(&all))?))
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
) -> Result<Vec<Vec<detector::Found>>, Error> {
    let numbers = passes(weights, seen, detector::network)?;
    let numbers = numbers.flatten_from(1)?.to_vec2::<f32>()?;
    Ok(numbers.iter().map(|numbers| detector::boxes(numbers, least_score)).collect())
}

/// The width of an interval around another value.
fn around(interval: Interval, value: f64) -> Interval {
    let half_width = (interval.high - interval.low) / 2.0;
    Interval::symmetric(value, half_width, interval.level, interval.n, interval.method)
}
