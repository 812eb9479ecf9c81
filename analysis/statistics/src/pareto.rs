//! Which trade-offs between several objectives, such as energy and time, are worth having.
//!
//! The front of the means is a description. How often a configuration is on the front of resampled
//! blocks ([`membership_probabilities`]) shows how firm that is, but it is no confidence statement.
//! That is the confidence set ([`confidence_set`]): it holds every true member of the front at once
//! with the stated level.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::blocks::Blocks;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::Level;
use crate::selection::{Critical, Simultaneous};
use crate::sum::number;

/// The protocol's margin for practical dominance: 1 %, as a difference of logarithms.
pub const ONE_PERCENT: f64 = 0.009_950_330_853_168_083;

/// The protocol's number of resamples.
pub const RESAMPLES: usize = 9_999;

/// Tables of two or more objectives over the same blocks and configurations; smaller is better in
/// each.
#[derive(Clone, Copy, Debug)]
pub struct Objectives<'a> {
    tables: &'a [Blocks<'a>],
}

impl<'a> Objectives<'a> {
    /// Objectives from their tables.
    ///
    /// # Errors
    /// Fewer than two tables, or tables of different shape.
    pub fn new(tables: &'a [Blocks<'a>]) -> Result<Self, StatisticsError> {
        require_count("objectives", 2, tables.len())?;
        let sizes = |table: &Blocks<'_>| [table.configurations(), table.count()];
        for table in &tables[1..] {
            for (left, right) in sizes(&tables[0]).into_iter().zip(sizes(table)) {
                if left != right {
                    return Err(StatisticsError::UnequalLengths { left, right });
                }
            }
        }
        Ok(Self { tables })
    }

    /// Number of configurations.
    pub fn configurations(&self) -> usize {
        self.tables[0].configurations()
    }

    /// Mean of each configuration in each objective.
    pub fn means(&self) -> Means {
        let mut means = Means::zeros(self.configurations(), self.tables.len());
        let weight = 1.0 / number(self.tables[0].count());
        for block in 0..self.tables[0].count() {
            means.add(self.tables, block, weight);
        }
        means
    }
}

/// One point per configuration in the space of the objectives.
#[derive(Clone, Debug, PartialEq)]
pub struct Means {
    /// One row per configuration.
    values: Vec<f64>,
    objectives: usize,
}

impl Means {
    fn zeros(configurations: usize, objectives: usize) -> Self {
        Self {
            values: vec![0.0; configurations * objectives],
            objectives,
        }
    }

    /// Points from their rows, one after the other.
    ///
    /// # Errors
    /// No objective, a last row that is not complete, or a value that is not finite.
    pub fn from_rows(values: Vec<f64>, objectives: usize) -> Result<Self, StatisticsError> {
        require_count("objectives", 1, objectives)?;
        require_finite("objectives", &values)?;
        if values.len().is_multiple_of(objectives) {
            Ok(Self { values, objectives })
        } else {
            let right = values.len() % objectives;
            Err(StatisticsError::UnequalLengths {
                left: objectives,
                right,
            })
        }
    }

    fn add(&mut self, tables: &[Blocks<'_>], block: usize, weight: f64) {
        for (objective, table) in tables.iter().enumerate() {
            let sums = self.values[objective..].iter_mut().step_by(self.objectives);
            for (sum, value) in sums.zip(table.row(block)) {
                *sum += weight * value;
            }
        }
    }

    /// The objectives of one configuration.
    pub fn row(&self, configuration: usize) -> &[f64] {
        &self.values[configuration * self.objectives..(configuration + 1) * self.objectives]
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.objectives)
    }

    /// Whether each configuration is on the front: none other is as good in all objectives and
    /// better in one.
    fn on_front(&self) -> impl Iterator<Item = bool> + '_ {
        self.rows()
            .map(|candidate| !self.rows().any(|rival| dominates(rival, candidate)))
    }

    /// The configurations that no other dominates, in ascending order.
    pub fn front(&self) -> Vec<usize> {
        positions(self.on_front())
    }

    /// The front and all that lies within `margin` of it: configurations that no other beats by more
    /// than the margin in every objective.
    pub fn front_within(&self, margin: f64) -> Vec<usize> {
        let beaten = |candidate: &[f64]| {
            self.rows().any(|rival| {
                rival
                    .iter()
                    .zip(candidate)
                    .all(|(better, worse)| *better < worse - margin)
            })
        };
        positions(self.rows().map(|candidate| !beaten(candidate)))
    }

    /// A part of the front that stands for all of it: every configuration has a representative that
    /// is worse by no more than `margin` in any objective (ε-dominance; Laumanns and others,
    /// Evolutionary Computation 10, 2002). Representatives are taken in the order of the first
    /// objective.
    pub fn representatives(&self, margin: f64) -> Vec<usize> {
        let mut front = self.front();
        front.sort_by(|&a, &b| self.row(a)[0].total_cmp(&self.row(b)[0]).then(a.cmp(&b)));
        let stands_for = |representative: usize, other: usize| {
            let pairs = self.row(representative).iter().zip(self.row(other));
            pairs
                .into_iter()
                .all(|(own, wanted)| *own <= wanted + margin)
        };
        let mut kept: Vec<usize> = Vec::new();
        for candidate in front {
            if !kept
                .iter()
                .any(|&representative| stands_for(representative, candidate))
            {
                kept.push(candidate);
            }
        }
        kept.sort_unstable();
        kept
    }
}

fn dominates(rival: &[f64], candidate: &[f64]) -> bool {
    let mut better = false;
    for (own, other) in rival.iter().zip(candidate) {
        if own > other {
            return false;
        }
        better |= own < other;
    }
    better
}

fn positions(flags: impl Iterator<Item = bool>) -> Vec<usize> {
    flags
        .enumerate()
        .filter_map(|(index, flag)| flag.then_some(index))
        .collect()
}

/// For each configuration, the share of resamples in which it is on the front of the means. Blocks
/// are drawn with replacement, the same for all configurations and objectives, so that what they
/// share within a block stays together.
///
/// # Errors
/// No resamples.
pub fn membership_probabilities(
    objectives: Objectives<'_>,
    resamples: usize,
    seed: u64,
) -> Result<Vec<f64>, StatisticsError> {
    require_count("resamples", 1, resamples)?;
    let tables = objectives.tables;
    let blocks = tables[0].count();
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = vec![0usize; objectives.configurations()];
    let mut means = Means::zeros(objectives.configurations(), tables.len());
    let mut drawn = vec![0usize; blocks];
    for _ in 0..resamples {
        drawn.fill(0);
        for _ in 0..blocks {
            drawn[index_below(&mut generator, blocks)] += 1;
        }
        means.values.fill(0.0);
        for (block, &times) in drawn.iter().enumerate().filter(|(_, times)| **times > 0) {
            means.add(tables, block, number(times) / number(blocks));
        }
        for (count, member) in counts.iter_mut().zip(means.on_front()) {
            *count += usize::from(member);
        }
    }
    Ok(counts
        .into_iter()
        .map(|count| number(count) / number(resamples))
        .collect())
}

/// A uniform index below `count`, by the high word of a product; its bias is below `count / 2⁶⁴`.
fn index_below(generator: &mut ChaCha8Rng, count: usize) -> usize {
    let product = u128::from(generator.next_u64()) * count as u128;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the high word is below `count`"
    )]
    let index = (product >> 64) as usize;
    index
}

/// The configurations that may be on the front. A configuration leaves only if one other is better
/// in every objective, with simultaneous one-sided limits over all pairs; the set holds the whole
/// true front with the level's confidence.
///
/// # Errors
/// Fewer than two configurations.
pub fn confidence_set(
    objectives: Objectives<'_>,
    simultaneous: Simultaneous,
    level: Level,
) -> Result<Vec<usize>, StatisticsError> {
    let tables = objectives.tables;
    let (count, blocks) = (objectives.configurations(), tables[0].count());
    let critical = Critical::all_pairs(simultaneous, count, tables.len(), blocks, level);
    confidence_set_by(objectives, critical)
}

/// [`confidence_set`] with a critical value that was computed before, by [`Critical::all_pairs`] for
/// tables of this shape.
///
/// # Errors
/// Fewer than two configurations.
pub fn confidence_set_by(
    objectives: Objectives<'_>,
    critical: Critical,
) -> Result<Vec<usize>, StatisticsError> {
    let count = objectives.configurations();
    require_count("configurations", 2, count)?;
    let tables: Vec<_> = objectives
        .tables
        .iter()
        .map(|&table| critical.comparisons(table))
        .collect();
    let leaves = |candidate: usize| {
        (0..count).any(|rival| {
            rival != candidate && tables.iter().all(|table| table.is_larger(candidate, rival))
        })
    };
    Ok((0..count).filter(|&candidate| !leaves(candidate)).collect())
}

#[cfg(test)]
#[path = "pareto_tests.rs"]
mod tests;
