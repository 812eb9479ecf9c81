//! Claims with a margin: superiority, non-inferiority and equivalence, each with three verdicts.
//!
//! A claim is *supported* where the one-sided limit lies beyond the margin, *refuted* where the
//! opposite limit does, and *inconclusive* otherwise, with the number of runs that would decide it.
//! Ratios are judged on the logarithmic scale: "at least 95 % retained" is `ln θ > ln 0.95`.

mod contrast;
mod power;

use serde::{Deserialize, Serialize};

pub use contrast::Contrast;
pub use power::{PLANNED_POWER, power, runs_needed};

use crate::distribution::{student_t_cdf, student_t_upper_tail};
use crate::error::StatisticsError;
use crate::interval::Level;

/// What is claimed of a contrast, on its own scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// It lies below the margin: less energy (margin 0), or loss below a margin.
    Below {
        /// The margin.
        margin: f64,
    },
    /// It lies above the margin: more quality, or enough of it retained.
    Above {
        /// The margin.
        margin: f64,
    },
    /// It lies between two margins: equivalence, by two one-sided tests.
    Within {
        /// The lower margin.
        low: f64,
        /// The upper margin.
        high: f64,
    },
}

impl Claim {
    /// A ratio above `share`, for a contrast of logarithms: 0.95 is "at least 95 % retained".
    ///
    /// # Errors
    /// A share that is not positive.
    pub fn retained(share: f64) -> Result<Self, StatisticsError> {
        Ok(Self::Above {
            margin: ln_of_margin(share)?,
        })
    }

    /// A ratio below `limit`, for a contrast of logarithms: 1.05 is "less than 5 % more".
    ///
    /// # Errors
    /// A limit that is not positive.
    pub fn at_most(limit: f64) -> Result<Self, StatisticsError> {
        Ok(Self::Below {
            margin: ln_of_margin(limit)?,
        })
    }

    /// A ratio between `1 / factor` and `factor`, for a contrast of logarithms.
    ///
    /// # Errors
    /// A factor that is not above 1.
    pub fn equivalent_within(factor: f64) -> Result<Self, StatisticsError> {
        let margin = ln_of_margin(factor)?;
        Self::Within {
            low: -margin,
            high: margin,
        }
        .checked()
    }

    /// The claim, where its margins are numbers in order.
    fn checked(self) -> Result<Self, StatisticsError> {
        let (low, high) = match self {
            Self::Below { margin } | Self::Above { margin } => (margin, margin),
            Self::Within { low, high } => (low, high),
        };
        crate::error::require_finite("margins", &[low, high])?;
        if matches!(self, Self::Within { .. }) && low >= high {
            return Err(StatisticsError::NotPositive {
                what: "distance between the margins",
                index: 0,
                value: high - low,
            });
        }
        Ok(self)
    }
}

fn ln_of_margin(ratio: f64) -> Result<f64, StatisticsError> {
    Ok(crate::error::logarithms("margin", &[ratio])?[0])
}

/// What the data say of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The one-sided limit lies beyond the margin.
    Supported,
    /// The opposite limit does.
    Refuted,
    /// Neither.
    Inconclusive,
}

/// A claim judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What was claimed.
    pub claim: Claim,
    /// What the data say.
    pub verdict: Verdict,
    /// The estimate, on the scale of the contrast.
    pub value: f64,
    /// One-sided lower limit at `level`.
    pub lower_limit: f64,
    /// One-sided upper limit at `level`.
    pub upper_limit: f64,
    /// Level of each limit.
    pub level: Level,
    /// p-value of the test against "the claim is not true"; of two tests, the larger.
    pub p: f64,
    /// Where inconclusive: runs (or pairs, or runs of each of two samples) for 80 % power if the
    /// estimate and its scatter are the truth. Nothing where the estimate itself contradicts the
    /// claim, or where a million would not do.
    pub runs_needed: Option<usize>,
}

/// The verdict alone, by one-sided limits at `level`; [`decide`] also says how sure, and what would
/// decide an open claim.
///
/// # Errors
/// Margins that are not finite or not in order, or a level of one half or less.
pub fn verdict(
    contrast: &Contrast,
    claim: Claim,
    level: Level,
) -> Result<Verdict, StatisticsError> {
    let claim = claim.checked()?;
    level.two_sided_of_one_sided()?;
    let (lower, upper) = contrast.one_sided_limits(level);
    Ok(match claim {
        Claim::Below { margin } if upper < margin => Verdict::Supported,
        Claim::Below { margin } if lower > margin => Verdict::Refuted,
        Claim::Above { margin } if lower > margin => Verdict::Supported,
        Claim::Above { margin } if upper < margin => Verdict::Refuted,
        Claim::Within { low, high } if low < lower && upper < high => Verdict::Supported,
        Claim::Within { low, high } if upper < low || lower > high => Verdict::Refuted,
        _ => Verdict::Inconclusive,
    })
}

/// Judges a claim by one-sided limits at `level` (95 % is the protocol's).
///
/// # Errors
/// As [`verdict`].
pub fn decide(
    contrast: &Contrast,
    claim: Claim,
    level: Level,
) -> Result<Decision, StatisticsError> {
    let verdict = verdict(contrast, claim, level)?;
    let (lower_limit, upper_limit) = contrast.one_sided_limits(level);
    let degrees = contrast.degrees();
    let below = |margin| student_t_cdf(contrast.statistic(margin), degrees);
    let above = |margin| student_t_upper_tail(contrast.statistic(margin), degrees);
    Ok(Decision {
        claim,
        verdict,
        value: contrast.value(),
        lower_limit,
        upper_limit,
        level,
        p: match claim {
            Claim::Below { margin } => below(margin),
            Claim::Above { margin } => above(margin),
            Claim::Within { low, high } => above(low).max(below(high)),
        },
        runs_needed: match verdict {
            Verdict::Inconclusive => runs_needed(contrast, claim, level, PLANNED_POWER),
            Verdict::Supported | Verdict::Refuted => None,
        },
    })
}

/// Several claims joined by "and" (intersection–union): supported only where each is, refuted where
/// any is. No correction is needed; the p-value is the largest. Nothing where there is no claim.
pub fn intersection_union(decisions: &[Decision]) -> Option<(Verdict, f64)> {
    let p = decisions
        .iter()
        .map(|decision| decision.p)
        .reduce(f64::max)?;
    let any = |verdict| decisions.iter().any(|decision| decision.verdict == verdict);
    let verdict = if any(Verdict::Refuted) {
        Verdict::Refuted
    } else if any(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Supported
    };
    Some((verdict, p))
}

#[cfg(test)]
mod tests;
