//! How long a window must be for the instrument's share of its uncertainty to meet a target.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::factor::coverage_factor;
use crate::instrument::Instrument;

/// Where windows will begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// At ticks, with idle time around the work, as the harness takes them.
    AtTicks,
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
        "target of {target:.4} cannot be met: the drift alone comes to {floor:.4} at any length; ask for more than that"
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

/// Parts of the combined variance: what is fixed for each window, in J², and what grows with energy.
fn parts(instrument: &Instrument, mean_w: f64, edges: Edges) -> (f64, f64) {
    let counter = &instrument.counter;
    let resolution_j = counter.resolution_j / 6_f64.sqrt();
    let latency_j = counter.latency_s.standard_uncertainty * mean_w;
    let edge_j = match edges {
        Edges::AtTicks => 0.0,
        // Nothing is known of the load: as if it switched between nothing and twice its mean, whose
        // variance is P². The mean of (4x(1−x))^1.5 / 12 over a tick is 0.0491, and a window has two
        // edges. A load that is steady around the edges has a small part of that.
        Edges::Anywhere => mean_w * counter.period_s.value * (2.0_f64 * 0.0491).sqrt(),
    };
    let fixed = resolution_j * resolution_j + latency_j * latency_j + edge_j * edge_j;
    let drift = instrument.drift.standard_uncertainty;
    (fixed, drift * drift)
}

/// Half of the 95 % interval by the energy that a window of this length will have from the
/// instrument, without gain and offset.
pub fn relative_half_width(
    instrument: &Instrument,
    mean_w: f64,
    window_s: f64,
    edges: Edges,
) -> f64 {
    let (fixed_j2, growing) = parts(instrument, mean_w, edges);
    let energy_j = mean_w * window_s;
    coverage_factor(0.0) * (fixed_j2 / (energy_j * energy_j) + growing).sqrt()
}

/// The least window, in whole repetitions of the work, that meets a relative target.
///
/// Half widths meet it: k·√(u₀²/(P·D)² + r²) ≤ target, so D ≥ k·u₀ / (P·√(target² − k²r²)), with u₀
/// what each window brings and r the drift.
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
    for (name, value) in [
        ("mean power", mean_w),
        ("time of the work", work_s),
        ("target", target),
    ] {
        if value.is_nan() || value <= 0.0 {
            return Err(PlanError::NotPositive { name, value });
        }
    }
    let k = coverage_factor(0.0);
    let (fixed_j2, growing) = parts(instrument, mean_w, edges);
    let left = target * target - k * k * growing;
    if left <= 0.0 {
        return Err(PlanError::BelowFloor {
            target,
            floor: k * growing.sqrt(),
        });
    }
    let least_s =
        (k * fixed_j2.sqrt() / (mean_w * left.sqrt())).max(instrument.counter.period_s.value);
    let repeats = whole((least_s / work_s - 1e-9).ceil().max(1.0));
    #[expect(clippy::cast_precision_loss, reason = "repetitions are far below 2^53")]
    let window_s = repeats as f64 * work_s;
    Ok(Planned {
        window_s,
        repeats,
        relative_half_width: relative_half_width(instrument, mean_w, window_s, edges),
    })
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
            for edges in [Edges::AtTicks, Edges::Anywhere] {
                let planned = needed_window(&instrument, mean_w, work_s, target, edges).expect("above the floor");
                prop_assert!(planned.relative_half_width <= target * (1.0 + 1e-9));
                let shorter_s = planned.window_s - work_s;
                if shorter_s > instrument.counter.period_s.value {
                    prop_assert!(relative_half_width(&instrument, mean_w, shorter_s, edges) > target);
                }
            }
        }
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
