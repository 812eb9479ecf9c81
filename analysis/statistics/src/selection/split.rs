//! Choosing on half of the blocks and estimating on the other half.

use serde::{Deserialize, Serialize};

use super::smallest;
use crate::blocks::Blocks;
use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count};
use crate::interval::{Interval, Level, Method};
use crate::sum::number;

/// A winner, and what it saves by blocks that did not choose it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitEstimate {
    /// Configuration with the smallest mean over the choosing blocks.
    pub chosen: usize,
    /// Mean of the chosen less the reference over the estimating blocks, with its t interval; on
    /// logarithms, a log-ratio.
    pub difference: Interval,
}

/// Chooses on the blocks 0, 2, 4 … and estimates on the blocks 1, 3, 5 …, so that a drift over the
/// campaign falls on both alike. The estimate is free of the winner's curse.
///
/// # Errors
/// Fewer than four blocks, or a reference that is no configuration.
pub fn select_and_estimate(
    blocks: Blocks<'_>,
    reference: usize,
    level: Level,
) -> Result<SplitEstimate, StatisticsError> {
    require_count("blocks to divide", 4, blocks.count())?;
    require_count(
        "configurations up to the reference",
        reference + 1,
        blocks.configurations(),
    )?;
    let mut sums = vec![0.0; blocks.configurations()];
    for row in blocks.rows().step_by(2) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let chosen = smallest(&sums);
    let differences = || {
        blocks
            .rows()
            .skip(1)
            .step_by(2)
            .map(|row| row[chosen] - row[reference])
    };
    let count = differences().count();
    let n = number(count);
    let mean = differences().sum::<f64>() / n;
    let squares: f64 = differences()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let half_width =
        student_t_quantile(level.upper_point(), n - 1.0) * (squares / (n - 1.0) / n).sqrt();
    let method = Method::PairedDifferenceT;
    Ok(SplitEstimate {
        chosen,
        difference: Interval::symmetric(mean, half_width, level, count, method),
    })
}
