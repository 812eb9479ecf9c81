//! Tests on ranks: Wilcoxon's signed ranks for pairs, Mann and Whitney's U for independent samples.

use serde::{Deserialize, Serialize};

use crate::distribution::normal_upper_tail;
use crate::error::{StatisticsError, require_count, require_finite, require_pairs};
use crate::sum::number;

/// Where a rank test's p-value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankLaw {
    /// Counting every arrangement of the ranks.
    Exact,
    /// The normal law, with variance corrected for ties.
    Normal,
}

/// A rank test against "no difference".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankTest {
    /// W, the smaller of the two rank sums; or U, the pairs in which the first sample is larger.
    pub statistic: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Differences that are not zero; or values of both samples together.
    pub n: usize,
    /// Where the p-value comes from.
    pub law: RankLaw,
}

/// Up to this many differences, [`wilcoxon`] counts arrangements.
pub const WILCOXON_EXACT_UP_TO: usize = 50;

/// Up to this many values together, [`mann_whitney`] counts arrangements; beyond, their number
/// leaves 128 bits.
pub const MANN_WHITNEY_EXACT_UP_TO: usize = 120;

/// Wilcoxon's signed-rank test of differences, zeros left out: exact up to
/// [`WILCOXON_EXACT_UP_TO`] differences, normal beyond.
///
/// # Errors
/// A difference that is not finite, or none that is not zero.
pub fn wilcoxon(differences: &[f64]) -> Result<RankTest, StatisticsError> {
    let nonzero = differences.iter().filter(|value| **value != 0.0).count();
    if nonzero <= WILCOXON_EXACT_UP_TO {
        wilcoxon_exact(differences)
    } else {
        wilcoxon_normal(differences)
    }
}

/// [`wilcoxon`] by counting all 2ⁿ signs; ties share their middle rank, and the law is that of the
/// ranks so shared.
///
/// # Errors
/// As [`wilcoxon`].
pub fn wilcoxon_exact(differences: &[f64]) -> Result<RankTest, StatisticsError> {
    let signed = SignedRanks::of(differences)?;
    // probability[s]: chance that doubled ranks on the positive side add to s.
    let mut probability = vec![0.0; signed.doubled.iter().sum::<usize>() + 1];
    probability[0] = 1.0;
    let mut reach = 0;
    for &rank in &signed.doubled {
        for sum in (0..=reach + rank).rev() {
            let with = if sum >= rank {
                probability[sum - rank]
            } else {
                0.0
            };
            probability[sum] = f64::midpoint(probability[sum], with);
        }
        reach += rank;
    }
    let tail: f64 = probability[..=signed.smaller()].iter().sum();
    Ok(signed.test((2.0 * tail).min(1.0), RankLaw::Exact))
}

/// [`wilcoxon`] by the normal law, without continuity correction (as scipy's default).
///
/// # Errors
/// As [`wilcoxon`].
pub fn wilcoxon_normal(differences: &[f64]) -> Result<RankTest, StatisticsError> {
    let signed = SignedRanks::of(differences)?;
    let n = number(signed.doubled.len());
    let mean = n * (n + 1.0) / 4.0;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - signed.ties / 48.0;
    let z = (mean - number(signed.smaller()) / 2.0) / variance.sqrt();
    Ok(signed.test((2.0 * normal_upper_tail(z)).min(1.0), RankLaw::Normal))
}

/// Wilcoxon's test of pairs, `a_i − b_i`.
///
/// # Errors
/// As [`wilcoxon`], or unequal lengths.
pub fn wilcoxon_pairs(a: &[f64], b: &[f64]) -> Result<RankTest, StatisticsError> {
    require_pairs(a, b)?;
    wilcoxon(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

/// Mann and Whitney's test of two independent samples: exact without ties up to
/// [`MANN_WHITNEY_EXACT_UP_TO`] values, normal otherwise.
///
/// # Errors
/// An empty side, a value that is not finite, or values that are all equal.
pub fn mann_whitney(x: &[f64], y: &[f64]) -> Result<RankTest, StatisticsError> {
    let ranks = JointRanks::of(x, y)?;
    if ranks.ties > 0.0 || ranks.n() > MANN_WHITNEY_EXACT_UP_TO {
        ranks.normal()
    } else {
        ranks.exact()
    }
}

/// [`mann_whitney`] by counting all ways to deal the ranks to the two sides.
///
/// # Errors
/// As [`mann_whitney`], or ties, or more than [`MANN_WHITNEY_EXACT_UP_TO`] values.
pub fn mann_whitney_exact(x: &[f64], y: &[f64]) -> Result<RankTest, StatisticsError> {
    JointRanks::of(x, y)?.exact()
}

/// [`mann_whitney`] by the normal law, with continuity correction and the variance for ties (as
/// scipy's default).
///
/// # Errors
/// As [`mann_whitney`].
pub fn mann_whitney_normal(x: &[f64], y: &[f64]) -> Result<RankTest, StatisticsError> {
    JointRanks::of(x, y)?.normal()
}

/// Ranks of the sizes of differences, doubled so that middle ranks are whole numbers.
struct SignedRanks {
    doubled: Vec<usize>,
    /// Doubled rank sum of the positive differences.
    positive: usize,
    /// Σ(t³ − t) over groups of t equal sizes.
    ties: f64,
}

impl SignedRanks {
    fn of(differences: &[f64]) -> Result<Self, StatisticsError> {
        require_finite("differences", differences)?;
        let mut nonzero: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
        require_count("differences that are not zero", 1, nonzero.len())?;
        nonzero.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let sizes: Vec<f64> = nonzero.iter().map(|d| d.abs()).collect();
        let (doubled, ties) = doubled_ranks(&sizes);
        let positive = doubled
            .iter()
            .zip(&nonzero)
            .filter(|(_, d)| **d > 0.0)
            .map(|(r, _)| r)
            .sum();
        Ok(Self {
            doubled,
            positive,
            ties,
        })
    }

    /// The smaller of the two doubled rank sums.
    fn smaller(&self) -> usize {
        self.positive
            .min(self.doubled.iter().sum::<usize>() - self.positive)
    }

    fn test(&self, p: f64, law: RankLaw) -> RankTest {
        RankTest {
            statistic: number(self.smaller()) / 2.0,
            p,
            n: self.doubled.len(),
            law,
        }
    }
}

/// Two samples ranked together.
struct JointRanks {
    x: usize,
    y: usize,
    /// Twice the number of pairs in which x is larger; an equal pair counts as a half.
    doubled_u: usize,
    /// Σ(t³ − t) over groups of t equal values.
    ties: f64,
}

impl JointRanks {
    fn of(x: &[f64], y: &[f64]) -> Result<Self, StatisticsError> {
        for (what, side) in [("x", x), ("y", y)] {
            require_count(what, 1, side.len())?;
            require_finite(what, side)?;
        }
        let mut joint: Vec<(f64, bool)> = x.iter().map(|&value| (value, true)).collect();
        joint.extend(y.iter().map(|&value| (value, false)));
        joint.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = joint.iter().map(|(value, _)| *value).collect();
        let (doubled, ties) = doubled_ranks(&values);
        let rank_sum: usize = doubled
            .iter()
            .zip(&joint)
            .filter(|(_, (_, of_x))| *of_x)
            .map(|(r, _)| r)
            .sum();
        Ok(Self {
            x: x.len(),
            y: y.len(),
            doubled_u: rank_sum - x.len() * (x.len() + 1),
            ties,
        })
    }

    const fn n(&self) -> usize {
        self.x + self.y
    }

    fn exact(&self) -> Result<RankTest, StatisticsError> {
        if self.ties > 0.0 {
            return Err(StatisticsError::Ties {
                what: "Mann-Whitney",
            });
        }
        if self.n() > MANN_WHITNEY_EXACT_UP_TO {
            return Err(StatisticsError::TooMany {
                what: "Mann-Whitney",
                most: MANN_WHITNEY_EXACT_UP_TO,
                got: self.n(),
            });
        }
        let counts = arrangements(self.x, self.y);
        let u = self.doubled_u / 2;
        let tail: i128 = counts[u.max(self.x * self.y - u)..].iter().sum();
        let all: i128 = counts.iter().sum();
        Ok(self.test((2.0 * share(tail, all)).min(1.0), RankLaw::Exact))
    }

    fn normal(&self) -> Result<RankTest, StatisticsError> {
        let pairs = number(self.x) * number(self.y);
        let n = number(self.n());
        let variance = pairs / 12.0 * ((n + 1.0) - self.ties / (n * (n - 1.0)));
        if variance <= 0.0 {
            return Err(StatisticsError::NoVariance {
                what: "both samples",
            });
        }
        let u = number(self.doubled_u) / 2.0;
        let z = (u.max(pairs - u) - pairs / 2.0 - 0.5) / variance.sqrt();
        Ok(self.test((2.0 * normal_upper_tail(z)).min(1.0), RankLaw::Normal))
    }

    fn test(&self, p: f64, law: RankLaw) -> RankTest {
        RankTest {
            statistic: number(self.doubled_u) / 2.0,
            p,
            n: self.n(),
            law,
        }
    }
}

/// Twice the ranks of ascending values, equal ones sharing their middle rank; and Σ(t³ − t).
fn doubled_ranks(ascending: &[f64]) -> (Vec<usize>, f64) {
    let mut ranks = Vec::with_capacity(ascending.len());
    let mut ties = 0.0;
    for group in ascending.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
        let (first, last) = (ranks.len() + 1, ranks.len() + group.len());
        ranks.extend(std::iter::repeat_n(first + last, group.len()));
        let t = number(group.len());
        ties += t * t * t - t;
    }
    (ranks, ties)
}

/// How many ways of dealing ranks give each U from 0 to x·y: the coefficients of the Gaussian
/// binomial `Π (1 − q^(y+i)) / (1 − q^i)`, i = 1…x, in whole numbers.
fn arrangements(x: usize, y: usize) -> Vec<i128> {
    let most = x * y;
    let mut counts = vec![0; most + 1];
    counts[0] = 1;
    for i in 1..=x {
        for u in (y + i..=most).rev() {
            counts[u] -= counts[u - y - i];
        }
        for u in i..=most {
            counts[u] += counts[u - i];
        }
    }
    counts
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share keeps sixteen digits, whatever the size of the counts"
)]
fn share(part: i128, whole: i128) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
#[path = "rank_tests.rs"]
mod tests;
