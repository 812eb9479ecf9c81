//! Whether the readings of a window can be believed, and whether the device did what the point asked
//! for: the one judge of the harness, which watches the window while it is open, and of the analysis,
//! which watches the trace of it go by again.
//!
//! Every finding carries the numbers that led to it. What makes a run unusable is a [`Fault`]; what a
//! reader must know of a good run is a [`Flag`]; the codes of both are those of [`model::reason`].
//! What no reading shows (foreign processes, a host that slept, a worker whose work does not add up)
//! is found by those who see it.

mod clock_reason;
mod still;
mod watch;

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::reason::RunFault;
use model::sample::Sample;
use model::trace::{Fault, Flag, Span};
use model::units::Nanos;

pub use clock_reason::ClockReason;
pub use watch::Watch;

/// Clocks of NVIDIA boards move in steps of 15 MHz on Volta and newer (of 7 or 8 before).
const CLOCK_STEP_MHZ: u64 = 15;
/// Longest wait for a tick of the energy counter; a healthy one ticks every 20 to 100 ms.
pub const LONGEST_TICK: Nanos = Nanos::from_millis(2_000);

/// The clock that a point asks for.
pub fn requested_mhz(point: &Point) -> Option<u64> {
    point.get(Axis::SmClockMhz).and_then(AxisValue::as_integer)
}

/// Whether a clock is where it was asked to be: within a step.
pub fn is_held(clock_mhz: u32, requested_mhz: u64) -> bool {
    u64::from(clock_mhz).abs_diff(requested_mhz) <= CLOCK_STEP_MHZ
}

/// What is asked of the readings of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing but an energy: a plan without a tier.
    Energy,
    /// That the device was in the state that the plan names: a plan with a tier, sampled with this
    /// period.
    State(Nanos),
}

/// What was found in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What makes it unusable.
    pub faults: Vec<Fault>,
    /// What a reader must know of it.
    pub flags: Vec<Flag>,
}

/// Judges a recorded window, samples in the order of time. The reading before it holds into it.
pub fn judge(
    samples: &[Sample],
    window: Span,
    requested_mhz: Option<u64>,
    demand: Demand,
) -> Findings {
    let after_begin = samples.partition_point(|sample| sample.at_ns <= window.begin_ns);
    let from = after_begin.saturating_sub(1);
    let to = samples.partition_point(|sample| sample.at_ns <= window.end_ns);
    let mut watch = Watch::new(requested_mhz);
    for sample in &samples[from.min(to)..to] {
        watch.see(sample);
    }
    watch.findings(demand)
}

fn fault(fault: RunFault, detail: String) -> Fault {
    Fault { fault, detail }
}

#[cfg(test)]
mod tests;
