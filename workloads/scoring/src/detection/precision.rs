//! From ranked detections of a class to its average precision and its recall.

use std::ops::Range;

use statistics::sum::number;

use super::matching::{Fate, Matches, THRESHOLDS};

/// Recalls at which precision is read: 0.00, 0.01, …, 1.00.
const RECALLS: usize = 101;

/// Average precision and greatest recall of one class at each threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    precision: [f64; THRESHOLDS],
    recall: [f64; THRESHOLDS],
}

impl Curve {
    /// The curve of a class over images, with at most `most` detections of each image; `None` where
    /// there is no object to be found.
    pub(super) fn of<'a>(images: impl Iterator<Item = &'a Matches>, most: usize) -> Option<Self> {
        let mut objects = 0;
        let mut ranked: Vec<(f64, [Fate; THRESHOLDS])> = Vec::new();
        for image in images {
            objects += image.objects;
            let scores = image.scores.iter().copied();
            ranked.extend(scores.zip(image.fates.iter().copied()).take(most));
        }
        if objects == 0 {
            return None;
        }
        // Stable: of equal scores the earlier image comes first, as canonical.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut curve = Self {
            precision: [0.0; THRESHOLDS],
            recall: [0.0; THRESHOLDS],
        };
        for threshold in 0..THRESHOLDS {
            let fates = ranked.iter().map(|(_, fates)| fates[threshold]);
            (curve.precision[threshold], curve.recall[threshold]) = average(fates, objects);
        }
        Some(curve)
    }

    /// Mean average precision over some thresholds.
    pub(super) fn precision(&self, thresholds: Range<usize>) -> f64 {
        let count = number(thresholds.len());
        self.precision[thresholds].iter().sum::<f64>() / count
    }

    /// Mean recall over all thresholds.
    pub(super) fn recall(&self) -> f64 {
        self.recall.iter().sum::<f64>() / number(THRESHOLDS)
    }
}

/// The mean over classes of what is read from their curves; `None` without classes.
pub(super) fn mean_of(curves: &[Curve], read: impl Fn(&Curve) -> f64) -> Option<f64> {
    let total: f64 = curves.iter().map(read).sum();
    (!curves.is_empty()).then(|| total / number(curves.len()))
}

/// Precision averaged over the recalls, and the greatest recall.
fn average(fates: impl Iterator<Item = Fate>, objects: usize) -> (f64, f64) {
    let (mut right, mut wrong) = (0, 0);
    let mut points: Vec<(f64, f64)> = Vec::new();
    for fate in fates {
        match fate {
            Fate::Right => right += 1,
            Fate::Wrong => wrong += 1,
            // An ignored detection repeats the point before it.
            Fate::Ignored => {}
        }
        // The small number of the canonical program, against no detection that counts.
        let precision = number(right) / (number(right + wrong) + f64::EPSILON);
        points.push((number(right) / number(objects), precision));
    }
    let recall = points.last().map_or(0.0, |(recall, _)| *recall);
    for index in (1..points.len()).rev() {
        points[index - 1].1 = points[index - 1].1.max(points[index].1);
    }
    let total: f64 = (0..RECALLS)
        .map(|index| {
            let wanted = number(index) * 0.01;
            let reached = points.partition_point(|(recall, _)| *recall < wanted);
            points.get(reached).map_or(0.0, |(_, precision)| *precision)
        })
        .sum();
    (total / number(RECALLS), recall)
}
