//! The clock that makes an objective smallest, and how sure that is.
//!
//! The smallest of many noisy means lies below its own true value (the winner's curse). So beside
//! the best clock stand all clocks that the runs cannot tell from it: those whose ratio to it,
//! paired by block, has an interval that reaches 1. No correction for the number of clocks is made,
//! which errs on the side of a wider set being called narrower; the table says so.

use serde::{Deserialize, Serialize};

use super::curve::{Curve, CurveKey, Measured, Objective, Stat, ratio, value};

/// The best clock of a curve for one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimum {
    /// Name of the sweep.
    pub sweep: String,
    /// Product name of the board.
    pub device: String,
    /// `prefill` or `decode`.
    pub phase: String,
    /// What is smallest there.
    pub objective: Objective,
    /// The best clock.
    pub sm_clock_mhz: u32,
    /// Lowest clock that cannot be told from it.
    pub lowest_mhz: u32,
    /// Highest clock that cannot be told from it.
    pub highest_mhz: u32,
    /// Highest clock of the curve, which is what the ratios are relative to.
    pub reference_mhz: u32,
    /// Energy relative to the highest clock.
    pub energy: Stat,
    /// Time relative to the highest clock.
    pub time: Stat,
    /// Runs at the best clock.
    pub n: usize,
}

/// The best clock of a curve for an objective.
pub(super) fn optimum(
    key: &CurveKey,
    curve: &Curve,
    measured: &Measured,
    objective: Objective,
) -> Option<Optimum> {
    let best = curve.points.iter().min_by(|a, b| {
        a.objectives[&objective]
            .value
            .total_cmp(&b.objectives[&objective].value)
    })?;
    let best_runs = &measured.clocks[&best.sm_clock_mhz];
    let is_as_good = |clock: &u32| {
        let ratio = ratio(&measured.clocks[clock], best_runs, |run| {
            value(objective, run)
        });
        *clock == best.sm_clock_mhz
            || ratio.is_some_and(|ratio| ratio.low.is_none_or(|low| low <= 1.0))
    };
    let alike: Vec<u32> = measured.clocks.keys().copied().filter(is_as_good).collect();
    let (sweep, device, phase) = key.clone();
    Some(Optimum {
        sweep,
        device,
        phase,
        objective,
        sm_clock_mhz: best.sm_clock_mhz,
        lowest_mhz: *alike.first()?,
        highest_mhz: *alike.last()?,
        reference_mhz: curve.points.last()?.sm_clock_mhz,
        energy: best.relative[&Objective::Energy],
        time: best.relative_time,
        n: best.n,
    })
}
