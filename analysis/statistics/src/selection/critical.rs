//! Critical values of several comparisons at once.

use std::f64::consts::{SQRT_2, TAU};

use serde::{Deserialize, Serialize};

use crate::blocks::{Blocks, Difference};
use crate::distribution::{normal_cdf, student_t_quantile};
use crate::interval::Level;
use crate::sum::number;

/// How several one-sided comparisons share one error probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simultaneous {
    /// Each comparison is paired by block with its own scatter, and has its share of the error
    /// probability. Valid whatever the configurations have in common.
    Bonferroni,
    /// The law of the largest t statistic, with one scatter for all: the interaction of blocks and
    /// configurations. Narrower where blocks are few; exact if a block adds the same to all
    /// configurations and all scatter alike, and not to be used otherwise: where the best of eleven
    /// scatters three times as much as the others, its set holds it in 83 % of cases, not in 95 %.
    MaxT,
}

/// What a set of comparisons is held against. It depends on the shape of the table only, so it can
/// be computed once for many tables.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Critical {
    /// Standard errors by which a difference must lie above zero.
    pub value: f64,
    /// How the comparisons share their error probability.
    pub simultaneous: Simultaneous,
    /// Simultaneous confidence.
    pub level: Level,
}

impl Critical {
    /// For all comparisons with one configuration, such as the true best.
    pub fn with_one(
        simultaneous: Simultaneous,
        configurations: usize,
        blocks: usize,
        level: Level,
    ) -> Self {
        let comparisons = configurations.saturating_sub(1).max(1);
        let value = match simultaneous {
            Simultaneous::Bonferroni => bonferroni(comparisons, blocks, level.alpha()),
            Simultaneous::MaxT => {
                Law::OneAgainstAll.quantile(configurations, blocks, level.alpha())
            }
        };
        Self {
            value,
            simultaneous,
            level,
        }
    }

    /// For all ordered pairs of configurations in several objectives, where a pair counts in one
    /// objective that is not known beforehand.
    pub fn all_pairs(
        simultaneous: Simultaneous,
        configurations: usize,
        objectives: usize,
        blocks: usize,
        level: Level,
    ) -> Self {
        let value = match simultaneous {
            Simultaneous::Bonferroni => {
                let pairs = configurations * configurations.saturating_sub(1);
                bonferroni(pairs.max(1), blocks, level.alpha())
            }
            Simultaneous::MaxT => {
                let alpha = level.alpha() / number(objectives.max(1));
                Law::AllPairs.quantile(configurations, blocks, alpha)
            }
        };
        Self {
            value,
            simultaneous,
            level,
        }
    }

    /// The differences of a table with the scatter that belongs to this value.
    pub(crate) fn comparisons(self, blocks: Blocks<'_>) -> Comparisons<'_> {
        let common_error = match self.simultaneous {
            Simultaneous::Bonferroni => None,
            Simultaneous::MaxT => {
                let variance = blocks.interaction_mean_square();
                Some((2.0 * variance / number(blocks.count())).sqrt())
            }
        };
        Comparisons {
            blocks,
            means: blocks.means(),
            common_error,
            critical: self.value,
        }
    }
}

/// The differences of a table, each with its standard error.
pub(crate) struct Comparisons<'a> {
    blocks: Blocks<'a>,
    means: Vec<f64>,
    common_error: Option<f64>,
    critical: f64,
}

impl Comparisons<'_> {
    fn difference(&self, left: usize, right: usize) -> Difference {
        match self.common_error {
            Some(standard_error) => Difference {
                mean: self.means[left] - self.means[right],
                standard_error,
            },
            None => self.blocks.difference(left, right),
        }
    }

    /// Whether `left` is larger than `right`, with simultaneous confidence.
    pub(crate) fn is_larger(&self, left: usize, right: usize) -> bool {
        // Most pairs are settled by the sign alone.
        self.means[left] > self.means[right] && {
            let difference = self.difference(left, right);
            difference.mean > self.critical * difference.standard_error
        }
    }

    /// Simultaneous upper limit of `left` less `right`.
    pub(crate) fn upper_limit(&self, left: usize, right: usize) -> f64 {
        let difference = self.difference(left, right);
        difference.mean + self.critical * difference.standard_error
    }
}

fn bonferroni(comparisons: usize, blocks: usize, alpha: f64) -> f64 {
    student_t_quantile(1.0 - alpha / number(comparisons), number(blocks - 1))
}

/// Whose largest t statistic it is.
#[derive(Clone, Copy)]
enum Law {
    /// One configuration less each other (Dunnett, with correlation one half).
    OneAgainstAll,
    /// Any configuration less any other (studentised range, over √2).
    AllPairs,
}

impl Law {
    /// The value that the largest statistic exceeds with probability `alpha`, by secant steps from
    /// Bonferroni's bound.
    fn quantile(self, configurations: usize, blocks: usize, alpha: f64) -> f64 {
        let degrees = number((blocks - 1) * configurations.saturating_sub(1).max(1));
        let comparisons = match self {
            Self::OneAgainstAll => number(configurations.saturating_sub(1).max(1)),
            Self::AllPairs => number((configurations * configurations.saturating_sub(1)).max(1)),
        };
        let scatter = ScatterNodes::of(degrees);
        let excess = |c: f64| (1.0 - scatter.mean(|s| self.below(c * s, configurations))) - alpha;
        let mut high = student_t_quantile(1.0 - alpha / comparisons, degrees);
        let mut low = student_t_quantile(1.0 - alpha, degrees);
        let (mut at_low, mut at_high) = (excess(low), excess(high));
        // The quantile lies between; the Illinois rule keeps both ends moving.
        for _ in 0..40 {
            if (high - low).abs() < 1e-9 || at_high.total_cmp(&at_low).is_eq() {
                break;
            }
            let middle = (low * at_high - high * at_low) / (at_high - at_low);
            let at_middle = excess(middle);
            if (at_middle > 0.0) == (at_high > 0.0) {
                at_low *= 0.5;
            } else {
                (low, at_low) = (high, at_high);
            }
            (high, at_high) = (middle, at_middle);
            if at_middle.abs() < 1e-12 {
                break;
            }
        }
        high
    }

    /// Probability that no statistic exceeds `c` if the scatter is known:
    /// `∫ φ(z) Φ(z + √2 c)^(k−1) dz`, or `k ∫ φ(z) (Φ(z + √2 c) − Φ(z))^(k−1) dz` for all pairs.
    fn below(self, c: f64, configurations: usize) -> f64 {
        const STEP: f64 = 0.25;
        const NODES: i32 = 32;
        let k = number(configurations);
        let power = |base: f64| libm::pow(base.max(0.0), k - 1.0);
        let sum: f64 = (-NODES..=NODES)
            .map(|node| {
                let z = STEP * f64::from(node);
                let density = libm::exp(-z * z / 2.0);
                density
                    * match self {
                        Self::OneAgainstAll => power(normal_cdf(z + SQRT_2 * c)),
                        Self::AllPairs => k * power(normal_cdf(z + SQRT_2 * c) - normal_cdf(z)),
                    }
            })
            .sum();
        sum * STEP / TAU.sqrt()
    }
}

/// Nodes and weights for means over the law of `√(χ² / ν)`: the trapezoid rule in the logarithm,
/// which converges exponentially for such integrands.
struct ScatterNodes(Vec<(f64, f64)>);

impl ScatterNodes {
    fn of(degrees: f64) -> Self {
        let step = 0.5 / (2.0 * degrees).sqrt();
        // Logarithm of s^ν exp(−ν s² / 2), less its maximum at s = 1.
        let height = |u: f64| degrees * (u - 0.5 * libm::exp(2.0 * u) + 0.5);
        let mut nodes = Vec::new();
        for direction in [-1.0, 1.0] {
            let mut u = if direction < 0.0 { -step } else { 0.0 };
            while height(u) > -36.0 {
                nodes.push((libm::exp(u), libm::exp(height(u))));
                u += direction * step;
            }
        }
        let total: f64 = nodes.iter().map(|node| node.1).sum();
        for node in &mut nodes {
            node.1 /= total;
        }
        Self(nodes)
    }

    fn mean(&self, function: impl Fn(f64) -> f64) -> f64 {
        self.0.iter().map(|&(s, weight)| weight * function(s)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two configurations have one comparison: the law is Student's.
    #[test]
    fn one_comparison_is_student() {
        for blocks in [3, 5, 10, 30] {
            let found = Law::OneAgainstAll.quantile(2, blocks, 0.05);
            let expected = student_t_quantile(0.95, number(blocks - 1));
            assert!(
                (found - expected).abs() < 1e-7,
                "{blocks}: {found} for {expected}"
            );
            let found = Law::AllPairs.quantile(2, blocks, 0.05);
            let expected = student_t_quantile(0.975, number(blocks - 1));
            assert!(
                (found - expected).abs() < 1e-7,
                "{blocks}: {found} for {expected}"
            );
        }
    }

    /// Tables of the studentised range (q = √2 c) and of Dunnett's one-sided test, at α = 5 %.
    #[test]
    fn published_tables() {
        // q(0.05; 3 groups, 10 degrees) = 3.877; blocks 6 of 3 give 10 degrees.
        let range = SQRT_2 * Law::AllPairs.quantile(3, 6, 0.05);
        assert!((range - 3.877).abs() < 6e-4, "{range}");
        // q(0.05; 5, 20) = 4.232; blocks 6 of 5.
        let range = SQRT_2 * Law::AllPairs.quantile(5, 6, 0.05);
        assert!((range - 4.232).abs() < 6e-4, "{range}");
        // q(0.05; 11, 20) = 5.11; blocks 3 of 11.
        let range = SQRT_2 * Law::AllPairs.quantile(11, 3, 0.05);
        assert!((range - 5.11).abs() < 6e-3, "{range}");
        // Dunnett's one-sided d(0.05; 3 treatments, 12 degrees) = 2.29; blocks 5 of 4.
        let dunnett = Law::OneAgainstAll.quantile(4, 5, 0.05);
        assert!((dunnett - 2.29).abs() < 6e-3, "{dunnett}");
    }

    #[test]
    fn max_t_is_narrower_than_bonferroni() {
        for (configurations, blocks) in [(3, 5), (11, 5), (11, 10), (40, 10)] {
            let of = |s| Critical::with_one(s, configurations, blocks, Level::P95).value;
            assert!(of(Simultaneous::MaxT) < of(Simultaneous::Bonferroni));
            let of = |s| Critical::all_pairs(s, configurations, 2, blocks, Level::P95).value;
            assert!(of(Simultaneous::MaxT) < of(Simultaneous::Bonferroni));
        }
    }
}
