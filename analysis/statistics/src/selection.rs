//! Which configuration is best, and how far that is known.
//!
//! The smallest mean among eleven frequencies belongs to the true best one about half of the time.
//! What can be claimed is a set that holds the true best with confidence ([`best_set`]), a limit on
//! what the choice costs ([`BestSet::regret_limit`]), and, where a parabola fits, the place of its
//! vertex ([`vertex::Vertex`]). A saving that is estimated from the blocks that chose the winner is
//! too good; [`split::select_and_estimate`] uses half of them for each.

mod critical;
pub mod split;
pub mod vertex;

use serde::{Deserialize, Serialize};

pub use critical::{Critical, Simultaneous};

use crate::blocks::Blocks;
use crate::error::{StatisticsError, require_count};
use crate::interval::Level;

/// The configurations that may be the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestSet {
    /// The configuration with the smallest mean; the first of equal ones.
    pub argmin: usize,
    /// Configurations that cannot be told from the best, in ascending order; the argmin is among
    /// them.
    pub members: Vec<usize>,
    /// Upper confidence limit of the mean of the argmin less that of the true best, in the unit of
    /// the values: on logarithms, `exp(limit) − 1` is the share of energy that the choice may waste.
    /// Never negative.
    pub regret_limit: f64,
    /// Simultaneous confidence that the best is a member and that the limit holds.
    pub level: Level,
    /// Blocks behind it.
    pub blocks: usize,
}

/// The multiple comparison with the best (Hsu, Annals of Statistics 12, 1984), by block.
///
/// A configuration leaves if another is better by more than the critical number of standard errors
/// of their difference. The true best leaves only if one of its own comparisons errs, so that the
/// critical value answers for these alone, not for all pairs.
///
/// # Errors
/// Fewer than two configurations.
pub fn best_set(
    blocks: Blocks<'_>,
    simultaneous: Simultaneous,
    level: Level,
) -> Result<BestSet, StatisticsError> {
    let critical = Critical::with_one(simultaneous, blocks.configurations(), blocks.count(), level);
    best_set_by(blocks, critical)
}

/// [`best_set`] with a critical value that was computed before, by [`Critical::with_one`] for tables
/// of this shape.
///
/// # Errors
/// Fewer than two configurations.
pub fn best_set_by(blocks: Blocks<'_>, critical: Critical) -> Result<BestSet, StatisticsError> {
    let configurations = blocks.configurations();
    require_count("configurations", 2, configurations)?;
    let comparisons = critical.comparisons(blocks);
    let argmin = smallest(&blocks.means());
    let others = |of: usize| (0..configurations).filter(move |&other| other != of);
    let members = (0..configurations)
        .filter(|&candidate| {
            !others(candidate).any(|other| comparisons.is_larger(candidate, other))
        })
        .collect();
    // Valid for whatever is chosen: were `other` the best, its own comparisons hold at once.
    let regret_limit = others(argmin)
        .map(|other| comparisons.upper_limit(argmin, other))
        .fold(0.0, f64::max);
    Ok(BestSet {
        argmin,
        members,
        regret_limit,
        level: critical.level,
        blocks: blocks.count(),
    })
}

/// Position of the smallest value, the first of equal ones.
fn smallest(values: &[f64]) -> usize {
    values.iter().enumerate().fold(
        0,
        |best, (index, value)| if *value < values[best] { index } else { best },
    )
}

#[cfg(test)]
mod tests;
