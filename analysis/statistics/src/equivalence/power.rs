//! How likely a claim would be supported, and how many runs that takes.

use super::{Claim, Contrast};
use crate::distribution::{noncentral_t_cdf, student_t_quantile};
use crate::interval::Level;
use crate::sum::number;

/// Power for which the number of runs is planned.
pub const PLANNED_POWER: f64 = 0.8;

/// Beyond this many runs, no number is given.
const MOST_RUNS: usize = 1_000_000;

/// Chance that `runs` runs (of each sample) support the claim, if the contrast's estimate and
/// scatter are the truth. From the noncentral t law; for two margins the two chances of failing are
/// added, which is exact where they cannot both happen and otherwise errs towards more runs.
///
/// # Panics
/// With fewer than two runs.
pub fn power(contrast: &Contrast, claim: Claim, level: Level, runs: usize) -> f64 {
    assert!(runs >= 2, "{runs} runs have no scatter");
    let (standard_error, degrees) = contrast.at_size(number(runs));
    let critical = student_t_quantile(level.value(), degrees);
    // Chance that the t statistic of a distance, positive where the claim is true, is not large.
    let miss = |distance: f64| noncentral_t_cdf(critical, degrees, distance / standard_error);
    match claim {
        Claim::Below { margin } => 1.0 - miss(margin - contrast.value()),
        Claim::Above { margin } => 1.0 - miss(contrast.value() - margin),
        Claim::Within { low, high } => {
            (1.0 - miss(contrast.value() - low) - miss(high - contrast.value())).max(0.0)
        }
    }
}

/// The least number of runs (of each sample) with at least `wanted` power, or nothing where the
/// estimate contradicts the claim or a million runs would not do.
pub fn runs_needed(contrast: &Contrast, claim: Claim, level: Level, wanted: f64) -> Option<usize> {
    let value = contrast.value();
    let true_of_estimate = match claim {
        Claim::Below { margin } => value < margin,
        Claim::Above { margin } => value > margin,
        Claim::Within { low, high } => low < value && value < high,
    };
    let enough = |runs| power(contrast, claim, level, runs) >= wanted;
    if !true_of_estimate {
        return None;
    }
    let mut high = 2;
    while !enough(high) {
        if high >= MOST_RUNS {
            return None;
        }
        high = (high * 2).min(MOST_RUNS);
    }
    let mut low = high / 2;
    // Invariant: `high` is enough, `low` is not (or is below 2).
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
