//! Outputs of the networks that see, beside what is to be seen: the same for runs and for the study.

use candle_core::{D, Result as TensorResult, Tensor};
use scoring::ScoringError;
use scoring::detection::{Bounds, Detection, Evaluation, Summary, Truth};
use scoring::picture::{Picture as Scored, Size};
use scoring::rows::Rows;
use scoring::segmentation::Confusion;
use scoring::{pair, ranking};

use super::batch::{Batch, SIDE};
use super::caption::Caption;
use super::classifier::parts;
use super::detector::{self, Found};
use super::raster::{Picture, mask};
use super::scene::{Kind, SIDE_UNITS};
use super::segmenter::CLASSES;
use crate::Error;

/// A failure of a metric.
pub(super) fn scored<T>(result: Result<T, ScoringError>) -> Result<T, Error> {
    result.map_err(|error| Error::Request(error.to_string()))
}

/// Whether kind and colour, size and place of each captioned picture were found, from the scores of
/// `shapes-net`, with the names of the metrics.
///
/// # Errors
/// The scores have another shape.
pub fn classes(batch: &Batch, scores: &Tensor) -> Result<[(&'static str, Vec<bool>); 3], Error> {
    let captions = batch.captions();
    let [kinds, sizes, places] = parts(scores)?;
    let hits = |scores: &Tensor, class: fn(&Caption) -> usize| -> Result<Vec<bool>, Error> {
        let width = scores.dim(1)?;
        let rows = scored(Rows::of_f32(
            &scores.flatten_all()?.to_vec1::<f32>()?,
            width,
        ))?;
        let wanted: Vec<usize> = captions.iter().map(class).collect();
        scored(ranking::hits(&rows, &wanted, 1))
    };
    Ok([
        ("top1_kind_and_colour", hits(&kinds, Caption::class)?),
        ("top1_size", hits(&sizes, |caption| caption.size as usize)?),
        (
            "top1_place",
            hits(&places, |caption| caption.place.class())?,
        ),
    ])
}

/// The class of each pixel by picture, from the scores of `shapes-segmenter`.
///
/// # Errors
/// The scores have another shape.
pub fn masks(scores: &Tensor) -> TensorResult<Vec<Vec<u8>>> {
    let classes = scores
        .argmax(D::Minus1)?
        .flatten_from(1)?
        .to_vec2::<u32>()?;
    let byte = |class: u32| u8::try_from(class).expect("classes are five");
    Ok(classes
        .into_iter()
        .map(|classes| classes.into_iter().map(byte).collect())
        .collect())
}

/// Counts of true and found classes of pixels, by picture.
///
/// # Errors
/// The masks are those of other pictures.
pub fn confusions(batch: &Batch, found: &[Vec<u8>]) -> Result<Vec<Confusion>, Error> {
    let pairs = batch.scenes.iter().zip(found);
    pairs
        .map(|(scene, found)| scored(Confusion::of(CLASSES, &mask(scene, SIDE), found, None)))
        .collect()
}

/// Mean over the classes that occur of intersection over union, all pictures together.
#[expect(clippy::cast_precision_loss, reason = "pixels are far fewer than 2^53")]
pub fn mean_iou(confusions: &[Confusion]) -> f64 {
    let sum = |truth: usize, found: usize| -> u64 {
        confusions.iter().map(|one| one.count(truth, found)).sum()
    };
    let shares: Vec<f64> = (0..CLASSES)
        .filter_map(|class| {
            let both = sum(class, class);
            let either: u64 = (0..CLASSES)
                .map(|other| sum(class, other) + sum(other, class))
                .sum();
            let union = either - both;
            (union > 0).then(|| both as f64 / union as f64)
        })
        .collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// Share of pixels whose class was found.
#[expect(clippy::cast_precision_loss, reason = "pixels are far fewer than 2^53")]
pub fn pixel_accuracy(confusions: &[Confusion]) -> f64 {
    let count = |holds: fn(usize, usize) -> bool| -> u64 {
        let pairs = (0..CLASSES).flat_map(|truth| (0..CLASSES).map(move |found| (truth, found)));
        pairs
            .filter(|(truth, found)| holds(*truth, *found))
            .map(|(truth, found)| {
                confusions
                    .iter()
                    .map(|one| one.count(truth, found))
                    .sum::<u64>()
            })
            .sum()
    };
    count(|truth, found| truth == found) as f64 / count(|_, _| true).max(1) as f64
}

/// A picture of bytes as the metrics take it.
pub(super) fn as_scored(picture: &Picture) -> Result<Scored<u8>, Error> {
    scored(Scored::new(
        Size::square(picture.side),
        3,
        picture.rgb.clone(),
    ))
}

/// Mean squared error and structural similarity of each picture beside the true one, over bytes.
///
/// # Errors
/// The pictures differ in size.
pub fn beside_truth(found: &[Picture], truth: &[Picture]) -> Result<[Vec<f64>; 2], Error> {
    let [mut squares, mut similarities] = [vec![], vec![]];
    for (found, truth) in found.iter().zip(truth) {
        let (found, truth) = (as_scored(found)?, as_scored(truth)?);
        squares.push(scored(pair::mean_squared_error(&found, &truth))?);
        similarities.push(scored(pair::ssim(
            &found,
            &truth,
            255.0,
            pair::Border::Valid,
        ))?);
    }
    Ok([squares, similarities])
}

/// The boxes by picture, from the numbers of `shapes-detector`.
///
/// # Errors
/// The numbers have another shape.
pub fn boxes(numbers: &Tensor, least_score: f32) -> TensorResult<Vec<Vec<Found>>> {
    let numbers = numbers.flatten_from(1)?.to_vec2::<f32>()?;
    Ok(numbers
        .iter()
        .map(|numbers| detector::boxes(numbers, least_score))
        .collect())
}

/// What a detector found, and what is there, in pixels.
#[derive(Clone, Debug)]
pub struct Boxes {
    pictures: usize,
    truths: Vec<Truth>,
    found: Vec<Detection>,
}

impl Boxes {
    /// Of pictures with the boxes that were found in each.
    pub fn of(batch: &Batch, found: &[Vec<Found>]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "pixels are few")]
        let side = SIDE as f64;
        let between = |edges: [f64; 4]| Bounds::between(edges[0], edges[1], edges[2], edges[3]);
        let truths = batch.scenes.iter().enumerate().flat_map(|(image, scene)| {
            scene.shapes.iter().map(move |shape| {
                let edges = shape.bounds();
                let bounds =
                    between(edges.map(|units| f64::from(units) * side / f64::from(SIDE_UNITS)));
                Truth {
                    image,
                    class: shape.kind as usize,
                    bounds,
                    area: bounds.width * bounds.height,
                    crowd: false,
                }
            })
        });
        let detections = found.iter().enumerate().flat_map(|(image, found)| {
            found.iter().map(move |found| Detection {
                image,
                class: found.kind,
                bounds: between(found.bounds.map(|part| f64::from(part) * side)),
                score: f64::from(found.score),
            })
        });
        Self {
            pictures: batch.scenes.len(),
            truths: truths.collect(),
            found: detections.collect(),
        }
    }

    /// All matched.
    ///
    /// # Errors
    /// A box is no box.
    pub fn evaluation(&self) -> Result<Evaluation, ScoringError> {
        Evaluation::new(self.pictures, Kind::ALL.len(), &self.truths, &self.found)
    }

    /// The numbers that COCO prints.
    ///
    /// # Errors
    /// A box is no box.
    pub fn summary(&self) -> Result<Summary, Error> {
        Ok(scored(self.evaluation())?.summary())
    }

    /// Mean average precision over some of the pictures.
    ///
    /// # Errors
    /// A box is no box.
    pub fn average_precision(&self, kept: &[usize]) -> Result<f64, ScoringError> {
        let place = |image: usize| kept.binary_search(&image).ok();
        let truths = self.truths.iter();
        let found = self.found.iter();
        let some = Self {
            pictures: kept.len(),
            truths: truths
                .filter_map(|t| place(t.image).map(|image| Truth { image, ..*t }))
                .collect(),
            found: found
                .filter_map(|d| place(d.image).map(|image| Detection { image, ..*d }))
                .collect(),
        };
        Ok(some.evaluation()?.summary().ap.unwrap_or(0.0))
    }
}
