//! Masks of classes: confusion matrix, intersection over union, and their mean.
//!
//! A class counts in the mean if it is in the truth or in the prediction of any image; one that is in
//! neither has none. Sums run over all images before anything is divided (the mean of the images'
//! means is another number), so the interval leaves out blocks of images.

use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level};
use statistics::sum::number;

use crate::ScoringError;
use crate::error::require_same_length;
use crate::jackknife;

/// How many pixels of each true class were called what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    /// Rows: the true class. Columns: what was predicted.
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts of one image. Pixels whose truth is `ignored` (255 by custom) count nowhere.
    ///
    /// # Errors
    /// Masks of unequal size, or a class that is not below `classes`.
    pub fn of(
        classes: usize,
        truth: &[u8],
        predicted: &[u8],
        ignored: Option<u8>,
    ) -> Result<Self, ScoringError> {
        require_same_length(
            "pixels of truth and prediction",
            truth.len(),
            predicted.len(),
        )?;
        let mut counts = vec![0; classes * classes];
        for (truth, predicted) in truth.iter().zip(predicted) {
            if Some(*truth) == ignored {
                continue;
            }
            let known = |what, class: u8| {
                let class = usize::from(class);
                if class < classes {
                    return Ok(class);
                }
                Err(ScoringError::Value {
                    what,
                    found: class.to_string(),
                    expected: format!("a class below {classes}, or the ignored label"),
                })
            };
            let (row, column) = (
                known("class of a pixel's truth", *truth)?,
                known("class of a predicted pixel", *predicted)?,
            );
            counts[row * classes + column] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// The counts of some images together.
    fn sum<'a>(classes: usize, images: impl Iterator<Item = &'a Self>) -> Self {
        let mut counts = vec![0; classes * classes];
        for image in images {
            for (total, count) in counts.iter_mut().zip(&image.counts) {
                *total += count;
            }
        }
        Self { classes, counts }
    }

    /// Pixels of a true class that were called so.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    /// Number of classes.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Intersection over union of each class; `None` where it is nowhere.
    pub fn intersection_over_union(&self) -> Vec<Option<f64>> {
        let all = 0..self.classes;
        all.clone()
            .map(|class| {
                let both = self.count(class, class);
                let true_pixels: u64 = all.clone().map(|other| self.count(class, other)).sum();
                let predicted: u64 = all.clone().map(|other| self.count(other, class)).sum();
                let union = true_pixels + predicted - both;
                (union > 0).then(|| real(both) / real(union))
            })
            .collect()
    }

    /// Mean intersection over union of the classes that occur; `None` where none does.
    pub fn mean_intersection_over_union(&self) -> Option<f64> {
        let present: Vec<f64> = self
            .intersection_over_union()
            .into_iter()
            .flatten()
            .collect();
        (!present.is_empty()).then(|| present.iter().sum::<f64>() / number(present.len()))
    }

    /// Share of pixels that were called right; `None` where there are none.
    pub fn pixel_accuracy(&self) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let right: u64 = (0..self.classes)
            .map(|class| self.count(class, class))
            .sum();
        (all > 0).then(|| real(right) / real(all))
    }
}

/// Mean intersection over union of images and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanIou {
    /// Mean over the classes that occur.
    pub value: f64,
    /// Each class; `None` where it is nowhere.
    pub per_class: Vec<Option<f64>>,
    /// Share of pixels that were called right.
    pub pixel_accuracy: f64,
    /// Jackknife over images, of the mean.
    pub interval: Interval,
    /// Number of images.
    pub images: usize,
}

/// The mean intersection over union of images, in their order.
///
/// # Errors
/// Fewer than ten images, images with different numbers of classes, or no pixel that counts.
pub fn measure(images: &[Confusion], level: Level) -> Result<MeanIou, ScoringError> {
    let classes = images.first().map_or(0, Confusion::classes);
    if let Some(other) = images.iter().find(|image| image.classes != classes) {
        return Err(ScoringError::Mismatch {
            what: "numbers of classes",
            left: classes.to_string(),
            right: other.classes.to_string(),
            expected: "count all images over the same classes",
        });
    }
    let total = Confusion::sum(classes, images.iter());
    let interval = jackknife::over_images("mean IoU", images.len(), level, |kept| {
        let total = Confusion::sum(classes, kept.iter().map(|image| &images[*image]));
        total.mean_intersection_over_union().ok_or_else(no_pixels)
    })?;
    Ok(MeanIou {
        value: total.mean_intersection_over_union().ok_or_else(no_pixels)?,
        per_class: total.intersection_over_union(),
        pixel_accuracy: total.pixel_accuracy().ok_or_else(no_pixels)?,
        interval,
        images: images.len(),
    })
}

fn no_pixels() -> ScoringError {
    ScoringError::Value {
        what: "number of pixels that count",
        found: "0".into(),
        expected: "at least one; every truth is the ignored label".into(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of pixels stay far below 2^53"
)]
const fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{self, close, count, number as value};

    /// The masks of the fixture: truth and prediction of one image.
    fn masks(image: usize, height: usize, width: usize) -> (Vec<u8>, Vec<u8>) {
        let pixels = height * width;
        let noise: Vec<f64> = fixture::uniform(41_000_000 + 10_000 * image as u64)
            .take(2 * pixels)
            .collect();
        (0..pixels)
            .map(|pixel| {
                let (y, x) = (pixel / width, pixel % width);
                let truth = u8::try_from((x / 6 + y / 7 + image) % 5).unwrap();
                let predicted = if noise[pixel] < 0.2 {
                    (truth + 1) % 5
                } else {
                    truth
                };
                let truth = if noise[pixels + pixel] < 0.05 {
                    255
                } else {
                    truth
                };
                (truth, predicted)
            })
            .unzip()
    }

    #[test]
    fn counts_and_means_are_those_of_torchmetrics() {
        let expected = fixture::expected("segmentation");
        let (height, width) = (count(&expected, "height"), count(&expected, "width"));
        let images: Vec<Confusion> = (0..count(&expected, "images"))
            .map(|image| {
                let (truth, predicted) = masks(image, height, width);
                Confusion::of(6, &truth, &predicted, Some(255)).unwrap()
            })
            .collect();
        let total = Confusion::sum(6, images.iter());
        for (truth, row) in expected["confusion"].as_array().unwrap().iter().enumerate() {
            for (predicted, count) in row.as_array().unwrap().iter().enumerate() {
                assert_eq!(total.count(truth, predicted), count.as_u64().unwrap());
            }
        }
        // torchmetrics computes in single precision, and says 0 for a class that is nowhere.
        let per_class = total.intersection_over_union();
        for (found, expected) in per_class
            .iter()
            .zip(expected["per_class"].as_array().unwrap())
        {
            assert!(close(
                found.unwrap_or(0.0),
                expected.as_f64().unwrap(),
                1e-6
            ));
        }
        assert_eq!(per_class[5], None);
        let mean = total.mean_intersection_over_union().unwrap();
        assert!(close(mean, value(&expected, "mean"), 1e-6));
        let refusal = measure(&images, Level::P95).unwrap_err();
        assert!(
            refusal
                .to_string()
                .contains("at least 10 images needed, got 8")
        );
    }

    #[test]
    fn a_mean_comes_with_its_interval() {
        let images: Vec<Confusion> = (0..30)
            .map(|image| {
                let (truth, predicted) = masks(image, 20, 24);
                Confusion::of(6, &truth, &predicted, Some(255)).unwrap()
            })
            .collect();
        let found = measure(&images, Level::P95).unwrap();
        // A fifth is wrong, and counts against two classes: 0.8 / 1.2.
        assert!(found.interval.contains(0.8 / 1.2), "{found:?}");
        insta::assert_json_snapshot!(found, {
            ".value" => insta::rounded_redaction(6),
            ".per_class[]" => insta::rounded_redaction(6),
            ".pixel_accuracy" => insta::rounded_redaction(6),
            ".interval.value" => insta::rounded_redaction(6),
            ".interval.low" => insta::rounded_redaction(6),
            ".interval.high" => insta::rounded_redaction(6),
        });
    }

    #[test]
    fn masks_that_do_not_fit_are_refused() {
        assert!(Confusion::of(3, &[0, 1], &[0], None).is_err());
        assert!(Confusion::of(3, &[255], &[0], None).is_err());
        let refusal = Confusion::of(3, &[1], &[3], Some(255))
            .unwrap_err()
            .to_string();
        assert_eq!(
            refusal,
            "class of a predicted pixel is 3, expected a class below 3, or the ignored label"
        );
        let ignored = Confusion::of(3, &[255; 4], &[0; 4], Some(255)).unwrap();
        assert!(measure(&vec![ignored; 12], Level::P95).is_err());
    }

    proptest! {
        #[test]
        fn a_mask_is_itself_and_order_does_not_matter(seed in 0usize..1000) {
            let (truth, predicted) = masks(seed, 9, 11);
            let perfect = Confusion::of(6, &truth, &truth, Some(255)).unwrap();
            prop_assert_eq!(perfect.mean_intersection_over_union(), Some(1.0));
            let forth = Confusion::of(6, &truth, &predicted, Some(255)).unwrap();
            let reversed = |mask: &[u8]| mask.iter().rev().copied().collect::<Vec<_>>();
            let back = Confusion::of(6, &reversed(&truth), &reversed(&predicted), Some(255));
            prop_assert_eq!(back, Ok(forth));
        }
    }
}
