//! COCO's average precision of boxes, as `pycocotools` 2.0 defines it.
//!
//! A detection is right if it overlaps a true box of its class by a threshold; ten thresholds from
//! 0.50 to 0.95. Detections of a class from all images are ranked by score; precision is made
//! monotonous and read at 101 recalls. Crowds (boxes around many objects) take any number of
//! detections and reward none. The mean is over classes that have a true box.
//!
//! The order decides between equal scores: give images and detections in the order of the files.

mod matching;
mod precision;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level};

use crate::ScoringError;
use crate::jackknife;

use matching::Matches;
use precision::{Curve, mean_of};

/// A box by its upper left corner and its size, in pixels, as COCO's files have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Bounds {
    /// A box between its corners, as detectors put it out.
    pub fn between(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        }
    }

    fn area(self) -> f64 {
        self.width * self.height
    }

    /// Area that both boxes cover.
    fn intersection(self, other: Self) -> f64 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width > 0.0 && height > 0.0 {
            width * height
        } else {
            0.0
        }
    }

    /// Intersection over union with a true box; of a crowd, the share of this box that it covers.
    fn overlap(self, truth: &Truth) -> f64 {
        let both = self.intersection(truth.bounds);
        if both <= 0.0 {
            return 0.0;
        }
        if truth.crowd {
            both / self.area()
        } else {
            both / (self.area() + truth.bounds.area() - both)
        }
    }

    fn is_usable(self) -> bool {
        let finite = [self.x, self.y, self.width, self.height]
            .iter()
            .all(|value| value.is_finite());
        finite && self.width >= 0.0 && self.height >= 0.0
    }
}

/// A true object.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Position of its image.
    pub image: usize,
    /// Its class.
    pub class: usize,
    /// Its box.
    pub bounds: Bounds,
    /// Its area in pixels, which decides whether it is small; COCO takes that of the mask.
    pub area: f64,
    /// Whether it stands for many objects.
    pub crowd: bool,
}

/// A box that a model found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Position of its image.
    pub image: usize,
    /// Its class.
    pub class: usize,
    /// Its box.
    pub bounds: Bounds,
    /// How sure the model is.
    pub score: f64,
}

/// Sizes of objects, by area in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Any.
    All,
    /// Up to 32².
    Small,
    /// From 32² to 96².
    Medium,
    /// From 96² on.
    Large,
}

impl Area {
    const EACH: [Self; 4] = [Self::All, Self::Small, Self::Medium, Self::Large];

    /// Bounds, both included.
    const fn bounds(self) -> (f64, f64) {
        match self {
            Self::All => (0.0, 1e10),
            Self::Small => (0.0, 1024.0),
            Self::Medium => (1024.0, 9216.0),
            Self::Large => (9216.0, 1e10),
        }
    }

    fn holds(self, area: f64) -> bool {
        let (least, most) = self.bounds();
        least <= area && area <= most
    }
}

/// Detections of an image and class that count at most; the matching considers no more.
pub const MOST_DETECTIONS: usize = 100;

/// The twelve numbers that COCO prints; `None` where no class has such an object.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean average precision over thresholds 0.50 to 0.95: "mAP".
    pub ap: Option<f64>,
    /// At threshold 0.50.
    pub ap_50: Option<f64>,
    /// At threshold 0.75.
    pub ap_75: Option<f64>,
    /// Of small objects.
    pub ap_small: Option<f64>,
    /// Of medium objects.
    pub ap_medium: Option<f64>,
    /// Of large objects.
    pub ap_large: Option<f64>,
    /// Mean recall with one detection of a class for each image.
    pub ar_1: Option<f64>,
    /// With ten.
    pub ar_10: Option<f64>,
    /// With a hundred.
    pub ar_100: Option<f64>,
    /// Of small objects.
    pub ar_small: Option<f64>,
    /// Of medium objects.
    pub ar_medium: Option<f64>,
    /// Of large objects.
    pub ar_large: Option<f64>,
}

/// Detections matched with the truth, once; all numbers are read from it.
#[derive(Clone, Debug)]
pub struct Evaluation {
    images: usize,
    classes: usize,
    /// Of each area, class and image, in this order.
    matches: Vec<Matches>,
}

impl Evaluation {
    /// Matches the detections of `images` images over `classes` classes.
    ///
    /// # Errors
    /// An image or class out of range, or a box or score that is not usable.
    pub fn new(
        images: usize,
        classes: usize,
        truths: &[Truth],
        detections: &[Detection],
    ) -> Result<Self, ScoringError> {
        for (index, truth) in truths.iter().enumerate() {
            let usable = truth.bounds.is_usable() && truth.area.is_finite();
            require(
                "true box",
                index,
                (truth.image, images),
                (truth.class, classes),
                usable,
            )?;
        }
        for (index, found) in detections.iter().enumerate() {
            let usable = found.bounds.is_usable() && found.score.is_finite();
            require(
                "detection",
                index,
                (found.image, images),
                (found.class, classes),
                usable,
            )?;
        }
        let mut truths_of = vec![Vec::new(); classes * images];
        for truth in truths {
            truths_of[truth.class * images + truth.image].push(*truth);
        }
        let mut found_of = vec![Vec::new(); classes * images];
        for found in detections {
            found_of[found.class * images + found.image].push(*found);
        }
        let matches = Area::EACH
            .into_iter()
            .flat_map(|area| {
                let pairs = truths_of.iter().zip(&found_of);
                pairs.map(move |(truths, found)| Matches::of(truths, found, area))
            })
            .collect();
        Ok(Self {
            images,
            classes,
            matches,
        })
    }

    /// Matches of a class in all images.
    fn of_class(&self, area: Area, class: usize) -> &[Matches] {
        let area = area as usize;
        let start = (area * self.classes + class) * self.images;
        &self.matches[start..start + self.images]
    }

    /// Curves of the classes that have a true box, in some images.
    fn curves(&self, area: Area, most: usize, images: &[usize]) -> Vec<Curve> {
        (0..self.classes)
            .filter_map(|class| {
                let matches = self.of_class(area, class);
                Curve::of(images.iter().map(|image| &matches[*image]), most)
            })
            .collect()
    }

    fn all_images(&self) -> Vec<usize> {
        (0..self.images).collect()
    }

    /// The numbers that COCO prints.
    pub fn summary(&self) -> Summary {
        let images = self.all_images();
        let curves = |area, most| self.curves(area, most, &images);
        let precision = |curves: &[Curve], thresholds: Range<usize>| {
            mean_of(curves, |curve| curve.precision(thresholds.clone()))
        };
        let recall = |curves: &[Curve]| mean_of(curves, Curve::recall);
        let every = 0..matching::THRESHOLDS;
        let all = curves(Area::All, MOST_DETECTIONS);
        let [small, medium, large] =
            [Area::Small, Area::Medium, Area::Large].map(|area| curves(area, MOST_DETECTIONS));
        Summary {
            ap: precision(&all, every.clone()),
            ap_50: precision(&all, 0..1),
            ap_75: precision(&all, 5..6),
            ap_small: precision(&small, every.clone()),
            ap_medium: precision(&medium, every.clone()),
            ap_large: precision(&large, every),
            ar_1: recall(&curves(Area::All, 1)),
            ar_10: recall(&curves(Area::All, 10)),
            ar_100: recall(&all),
            ar_small: recall(&small),
            ar_medium: recall(&medium),
            ar_large: recall(&large),
        }
    }

    /// Average precision of each class over the thresholds 0.50 to 0.95; `None` where it has no true
    /// box.
    pub fn per_class(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|class| {
                let matches = self.of_class(Area::All, class).iter();
                let curve = Curve::of(matches, MOST_DETECTIONS)?;
                Some(curve.precision(0..matching::THRESHOLDS))
            })
            .collect()
    }

    /// The interval of the mean average precision (thresholds 0.50 to 0.95): jackknife over images.
    ///
    /// # Errors
    /// Fewer than ten images, or a block of images without which no true box is left.
    pub fn interval(&self, level: Level) -> Result<Interval, ScoringError> {
        jackknife::over_images("mean average precision", self.images, level, |images| {
            let curves = self.curves(Area::All, MOST_DETECTIONS, images);
            let mean = mean_of(&curves, |curve| curve.precision(0..matching::THRESHOLDS));
            mean.ok_or(ScoringError::TooFew {
                score: "mean average precision",
                units: "true boxes",
                needed: 1,
                got: 0,
                instead: "judge images with objects",
            })
        })
    }
}

/// Refuses a box that belongs nowhere.
fn require(
    what: &'static str,
    index: usize,
    (image, images): (usize, usize),
    (class, classes): (usize, usize),
    is_usable: bool,
) -> Result<(), ScoringError> {
    let expected = if image >= images {
        format!("an image below {images}, got {image}")
    } else if class >= classes {
        format!("a class below {classes}, got {class}")
    } else if !is_usable {
        "finite numbers and sides of at least zero".to_owned()
    } else {
        return Ok(());
    };
    Err(ScoringError::Value {
        what,
        found: format!("number {index} of the list"),
        expected,
    })
}

#[cfg(test)]
mod tests;
