//! Which detection finds which object, in one image and class.

use statistics::sum::number;

use super::{Area, Detection, MOST_DETECTIONS, Truth};

/// Number of thresholds of overlap.
pub(super) const THRESHOLDS: usize = 10;

/// Thresholds 0.50, 0.55, …, 0.95, with the bits that numpy's `linspace` gives.
fn threshold(index: usize) -> f64 {
    if index == THRESHOLDS - 1 {
        return 0.95;
    }
    0.5 + number(index) * ((0.95 - 0.5) / 9.0)
}

/// What became of a detection at each threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It found an object.
    Right,
    /// It found none.
    Wrong,
    /// It found a crowd, or an object of another size, or is of another size itself: it counts
    /// neither way.
    Ignored,
}

/// The detections of one image and class, the surest first.
#[derive(Clone, Debug)]
pub(super) struct Matches {
    pub(super) scores: Vec<f64>,
    pub(super) fates: Vec<[Fate; THRESHOLDS]>,
    /// Objects that are to be found.
    pub(super) objects: usize,
}

impl Matches {
    /// Matches greedily: the surest detection first takes the object that it overlaps most.
    pub(super) fn of(truths: &[Truth], found: &[Detection], area: Area) -> Self {
        let ignored = |truth: &Truth| truth.crowd || !area.holds(truth.area);
        // Objects that count come first; the sort is stable, as canonical.
        let mut truths = truths.to_vec();
        truths.sort_by_key(ignored);
        let mut found = found.to_vec();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MOST_DETECTIONS);
        let overlaps: Vec<Vec<f64>> = found
            .iter()
            .map(|found| {
                truths
                    .iter()
                    .map(|truth| found.bounds.overlap(truth))
                    .collect()
            })
            .collect();
        let mut fates = vec![[Fate::Wrong; THRESHOLDS]; found.len()];
        for index in 0..THRESHOLDS {
            let mut taken = vec![false; truths.len()];
            let least = threshold(index);
            for ((fates, overlaps), found) in fates.iter_mut().zip(&overlaps).zip(&found) {
                fates[index] = match best(&truths, overlaps, &taken, least, ignored) {
                    Some(object) => {
                        taken[object] = true;
                        if ignored(&truths[object]) {
                            Fate::Ignored
                        } else {
                            Fate::Right
                        }
                    }
                    None if area.holds(found.bounds.area()) => Fate::Wrong,
                    None => Fate::Ignored,
                };
            }
        }
        Self {
            scores: found.iter().map(|found| found.score).collect(),
            fates,
            objects: truths.iter().filter(|truth| !ignored(truth)).count(),
        }
    }
}

/// The object that a detection takes. One that counts is never given up for one that does not, and
/// of equal overlaps the later wins.
fn best(
    truths: &[Truth],
    overlaps: &[f64],
    taken: &[bool],
    threshold: f64,
    ignored: impl Fn(&Truth) -> bool,
) -> Option<usize> {
    let mut least = threshold.min(1.0 - 1e-10);
    let mut best: Option<usize> = None;
    for (object, truth) in truths.iter().enumerate() {
        if taken[object] && !truth.crowd {
            continue;
        }
        if best.is_some_and(|best| !ignored(&truths[best])) && ignored(truth) {
            break;
        }
        if overlaps[object] >= least {
            least = overlaps[object];
            best = Some(object);
        }
    }
    best
}
