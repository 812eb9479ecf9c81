//! How often a command is repeated in the window of each run, so that the instrument's part of the
//! uncertainty of one run meets a target.
//!
//! A first run shows what one execution takes, in time and energy, and what the budget of its window
//! is made of. What each window brings (edges, stamps, the lateness of the counter) is then spread
//! over as many executions as it needs. That is planned for the worst edges that a run can have: one
//! that ends just before a tick knows less of its energy than one that ends just after, and every
//! run is to meet the target. Most do better.

use metering::window::{Foreseen, PlanError, Source as Cause, repetitions};
use model::units::Nanos;
use serde::Serialize;

use super::bench::RunResult;
use super::execution::Repetition;

/// Longest window that is planned, in seconds: that of the long runs of a headline.
pub const LONGEST_WINDOW_S: f64 = 600.0;
/// Window of the first run where nothing else says how long it is to be, in seconds.
const FIRST_WINDOW_S: f64 = 1.0;

/// What a first run decided about the windows of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WindowPlan {
    /// Half width that is asked for: of the 95 % interval of one run's energy, by the energy, from
    /// the instrument alone and without the scale of the board.
    pub asked: f64,
    /// Executions in the window of each run.
    pub executions: u32,
    /// How long these take, in seconds.
    pub window_s: f64,
    /// Half width that is expected of such a window.
    pub expected: f64,
}

impl WindowPlan {
    /// Plans by a first run of `executions` that took `energy_j` and `window_s`.
    ///
    /// # Errors
    /// Where no window meets what is asked for.
    pub(super) fn of(
        first: &First,
        foreseen: Option<Foreseen>,
        asked: f64,
        at_least: u32,
    ) -> Result<Self, PlanError> {
        let (foreseen, seen) = (foreseen.unwrap_or(first.budget), first.budget);
        // The first window may have been lucky with its edges; and nobody foresees every line.
        let budget = Foreseen {
            fixed_j: foreseen.fixed_j.max(seen.fixed_j),
            growing: foreseen.growing.max(seen.growing),
        };
        let needed = repetitions(budget.least_energy_j(asked)?, first.energy_j);
        let most = repetitions(LONGEST_WINDOW_S, first.time_s);
        let executions = u32::try_from(needed.min(most))
            .unwrap_or(u32::MAX)
            .max(at_least);
        let times = f64::from(executions);
        Ok(Self {
            asked,
            executions,
            window_s: times * first.time_s,
            expected: budget.relative_half_width(times * first.energy_j),
        })
    }

    /// Whether the longest window is too short for what is asked for.
    pub fn is_capped(&self) -> bool {
        self.expected > self.asked
    }

    /// The repetition of every run.
    pub const fn repetition(&self) -> Repetition {
        Repetition::Times(self.executions)
    }
}

/// What a first run showed of one execution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct First {
    pub(super) time_s: f64,
    pub(super) energy_j: f64,
    /// The budget of its window.
    pub(super) budget: Foreseen,
}

impl First {
    /// Absent where the run has no energy.
    pub(super) fn of(run: &RunResult) -> Option<Self> {
        let window = run.energy.as_ref().ok()?;
        let grows = |cause: Cause| cause == Cause::Drift;
        let together = |of_drift: bool| {
            window
                .budget
                .iter()
                .filter(|line| !line.cause.is_of_the_card() && grows(line.cause) == of_drift)
                .fold(0.0, |sum, line| libm::hypot(sum, line.standard_j))
        };
        Some(Self {
            time_s: run.time_s,
            energy_j: run.energy_j()?,
            budget: Foreseen {
                fixed_j: together(false),
                growing: together(true) / window.energy_j,
            },
        })
    }
}

/// The repetition of the first run: as long as any run has to be, and long enough to show something
/// where windows are planned by it.
pub(super) fn first_repetition(shortest_window_s: f64, is_planned: bool) -> Repetition {
    let window_s = match shortest_window_s {
        none if none <= 0.0 && is_planned => FIRST_WINDOW_S,
        given => given,
    };
    if window_s > 0.0 {
        Repetition::AtLeast(Nanos::from_seconds(window_s))
    } else {
        Repetition::Times(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 ms at 400 W; 1 J that each window brings, and no drift.
    const FIRST: First = First {
        time_s: 0.01,
        energy_j: 4.0,
        budget: Foreseen {
            fixed_j: 1.0,
            growing: 0.0,
        },
    };

    #[test]
    fn what_each_window_brings_is_spread_over_executions() {
        // 1.96 J by 1 % of 4 J.
        let plan = WindowPlan::of(&FIRST, None, 0.01, 1).unwrap();
        assert_eq!(plan.executions, 49);
        assert!((plan.window_s - 0.49).abs() < 1e-12);
        assert!((plan.expected - 1.96 / 196.0).abs() < 1e-12);
        assert!(!plan.is_capped());
        let worse = Foreseen {
            fixed_j: 2.0,
            growing: 0.0,
        };
        let plan = WindowPlan::of(&FIRST, Some(worse), 0.01, 1).unwrap();
        assert_eq!(plan.executions, 98, "the worse of seen and foreseen");
        assert_eq!(WindowPlan::of(&FIRST, None, 0.5, 1).unwrap().executions, 1);
        assert_eq!(WindowPlan::of(&FIRST, None, 0.5, 7).unwrap().executions, 7);
    }

    #[test]
    fn no_window_is_longer_than_the_longest_and_none_helps_against_drift() {
        let plan = WindowPlan::of(&FIRST, None, 1e-6, 1).unwrap();
        assert_eq!(plan.executions, 60_000);
        assert!(plan.is_capped() && plan.window_s <= LONGEST_WINDOW_S);
        let drifting = Foreseen {
            fixed_j: 0.0,
            growing: 0.01,
        };
        let refused = WindowPlan::of(&FIRST, Some(drifting), 0.01, 1);
        assert!(matches!(refused, Err(PlanError::BelowFloor { .. })));
    }

    #[test]
    fn a_first_run_is_as_long_as_it_must_be_to_show_something() {
        let second = Repetition::AtLeast(Nanos::from_millis(1_000));
        assert_eq!(first_repetition(0.0, false), Repetition::Times(1));
        assert_eq!(first_repetition(0.0, true), second);
        assert_eq!(first_repetition(1.0, false), second);
        let longer = Repetition::AtLeast(Nanos::from_millis(3_000));
        assert_eq!(first_repetition(3.0, true), longer);
    }
}
