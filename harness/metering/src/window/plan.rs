//! How long a window must be for the instrument's share of its uncertainty to meet a target.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::factor::coverage_factor;
use crate::instrument::Instrument;

/// Where windows will begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// At ticks, with idle time around the work, as the harness takes them.
    AtTicks,
    /// The same, but what the idle device takes from the end of the work to the closing tick is taken
    /// off: a tick at most, of which is not known when the clock fell.
    AtTicksLessIdle {
        /// Power of the idle device in watts.
        idle_w: f64,
    },
    /// Anywhere, as marks of a program that nobody can hold back.
    Anywhere,
}

/// What a window needs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Least length of the window in seconds.
    pub window_s: f64,
    /// How often the work is repeated in it.
    pub repeats: u64,
    /// Half of the 95 % interval by the energy, from the instrument alone, at that length.
    pub relative_half_width: f64,
}

/// Why no window suffices.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// A part of the uncertainty grows with the energy.
    #[error(
        "target of {:.2} % cannot be met: the drift alone comes to {:.2} % at any length; ask for more than that",
        .target * 100.0, .floor * 100.0
    )]
    BelowFloor {
        /// What was asked for, relative.
        target: f64,
        /// What stays at any length, relative.
        floor: f64,
    },
    /// A number that makes no sense.
    #[error("{name} is {value}, expected more than zero")]
    NotPositive {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

/// The instrument's part of the uncertainty of windows before they are taken, without gain and
/// offset, which are the card's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreseen {
    /// Standard uncertainty that each window brings, whatever its length, in joules.
    pub fixed_j: f64,
    /// Standard uncertainty that grows with the energy, relative.
    pub growing: f64,
}

impl Foreseen {
    /// Of windows with this mean power.
    pub fn of(instrument: &Instrument, mean_w: f64, edges: Edges) -> Self {
        let counter = &instrument.counter;
        let resolution_j = counter.resolution_j / 6_f64.sqrt();
        let latency_j = counter.latency_s.standard_uncertainty * mean_w;
        let edge_j = match edges {
            Edges::AtTicks => 0.0,
            // Between what the idle device draws and twice that, for a tick at most.
            Edges::AtTicksLessIdle { idle_w } => {
                0.5 * idle_w * counter.period_s.value / 3_f64.sqrt()
            }
            // Nothing is known of the load: as if it switched between nothing and twice its mean,
            // whose variance is P². The mean of (4x(1−x))^1.5 / 12 over a tick is 0.0491, and a
            // window has two edges. A load that is steady around the edges has a small part of that.
            Edges::Anywhere => mean_w * counter.period_s.value * (2.0_f64 * 0.0491).sqrt(),
        };
        Self {
            fixed_j: libm::hypot(libm::hypot(resolution_j, latency_j), edge_j),
            growing: instrument.drift.standard_uncertainty,
        }
    }

    /// Half of the 95 % interval by the energy, of a window with this energy.
    pub fn relative_half_width(&self, energy_j: f64) -> f64 {
        coverage_factor(0.0) * libm::hypot(self.fixed_j / energy_j, self.growing)
    }

    /// The least energy of a window whose half width meets a relative target.
    ///
    /// k·√(u₀²/E² + r²) ≤ target, so E ≥ k·u₀ / √(target² − k²r²), with u₀ what each window brings and
    /// r what grows.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn least_energy_j(&self, target: f64) -> Result<f64, PlanError> {
        positive("target", target)?;
        let k = coverage_factor(0.0);
        let floor = k * self.growing;
        let left = target * target - floor * floor;
        if left <= 0.0 {
            return Err(PlanError::BelowFloor { target, floor });
        }
        Ok(k * self.fixed_j / left.sqrt())
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), PlanError> {
    if value > 0.0 {
        Ok(())
    } else {
        Err(PlanError::NotPositive { name, value })
    }
}

/// Half of the 95 % interval by the energy that a window of this length will have from the
/// instrument, without gain and offset.
pub fn relative_half_width(
    instrument: &Instrument,
    mean_w: f64,
    window_s: f64,
    edges: Edges,
) -> f64 {
    Foreseen::of(instrument, mean_w, edges).relative_half_width(mean_w * window_s)
}

/// The least window, in whole repetitions of the work, that meets a relative target; at least a tick.
///
/// # Errors
/// [`PlanError`].
pub fn needed_window(
    instrument: &Instrument,
    mean_w: f64,
    work_s: f64,
    target: f64,
    edges: Edges,
) -> Result<Planned, PlanError> {
    positive("mean power", mean_w)?;
    positive("time of the work", work_s)?;
    let foreseen = Foreseen::of(instrument, mean_w, edges);
    let least_s =
        (foreseen.least_energy_j(target)? / mean_w).max(instrument.counter.period_s.value);
    let repeats = repetitions(least_s, work_s);
    #[expect(clippy::cast_precision_loss, reason = "repetitions are far below 2^53")]
    let window_s = repeats as f64 * work_s;
    Ok(Planned {
        window_s,
        repeats,
        relative_half_width: foreseen.relative_half_width(mean_w * window_s),
    })
}

/// How often work of this size goes into what is needed, one begun repetition counted whole; at least
/// once.
pub fn repetitions(needed: f64, of_work: f64) -> u64 {
    whole((needed / of_work - 1e-9).ceil().max(1.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least one; saturates far beyond any plan"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::class::BoardClass;

    proptest! {
        #[test]
        fn a_planned_window_meets_its_target_and_one_repetition_less_does_not(
            mean_w in 20.0f64..900.0, work_s in 0.001f64..3.0, target in 0.0015f64..0.1
        ) {
            let instrument = Instrument::of_class(BoardClass::Hopper);
            let less_idle = Edges::AtTicksLessIdle { idle_w: 75.0 };
            for edges in [Edges::AtTicks, less_idle, Edges::Anywhere] {
                let planned = needed_window(&instrument, mean_w, work_s, target, edges).expect("above the floor");
                prop_assert!(planned.relative_half_width <= target * (1.0 + 1e-9));
                let shorter_s = planned.window_s - work_s;
                if shorter_s > instrument.counter.period_s.value {
                    prop_assert!(relative_half_width(&instrument, mean_w, shorter_s, edges) > target);
                }
            }
        }
    }

    /// By hand: a latency of 2.5 ms and a drift of 0.055 % leave 1.96 · 2.5 ms / √(1 %² − 0.108 %²).
    #[test]
    fn a_percent_takes_half_a_second_between_ticks() {
        let instrument = Instrument::of_class(BoardClass::Hopper);
        let of = |edges| needed_window(&instrument, 400.0, 0.001, 0.01, edges).expect("sound");
        let planned = of(Edges::AtTicks);
        assert_eq!(planned.repeats, 493);
        assert!((planned.window_s - 0.493).abs() < 1e-9);
        // 75 W that may be 150 W for a tick: 2.2 J beside the 1 J of the latency.
        let planned = of(Edges::AtTicksLessIdle { idle_w: 75.0 });
        assert!((1.10..1.25).contains(&planned.window_s), "{planned:?}");
        assert!(of(Edges::Anywhere).window_s > 5.0);
        assert_eq!(repetitions(1.0, 0.25), 4);
        assert_eq!(repetitions(1.01, 0.25), 5);
        assert_eq!(repetitions(0.1, 7.0), 1);
    }

    #[test]
    fn targets_below_the_drift_are_refused() {
        let instrument = Instrument::of_class(BoardClass::Hopper);
        let refused = needed_window(&instrument, 400.0, 1.0, 0.0005, Edges::AtTicks);
        assert!(
            matches!(refused, Err(PlanError::BelowFloor { .. })),
            "{refused:?}"
        );
        let refused = needed_window(&instrument, 0.0, 1.0, 0.01, Edges::AtTicks);
        assert!(matches!(refused, Err(PlanError::NotPositive { .. })));
    }
}
