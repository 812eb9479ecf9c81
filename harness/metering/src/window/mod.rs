//! The energy of a window with its error budget.
//!
//! The counter is exact at its ticks, so the energy of a window is what it counted between the ticks
//! around it, less the parts of the two outer ticks that lie outside. What those parts were is the
//! largest line of most budgets; a window that begins and ends at ticks has none.

mod budget;
mod error;
mod factor;
mod gate;
mod glimpse;
mod integral;
mod plan;
mod recording;
mod spread;
mod text;
mod ticks;

use model::units::Nanos;
use serde::{Deserialize, Serialize};

pub use budget::{Budget, BudgetLine, Combined, Distribution, Kind, Source};
pub use error::WindowError;
pub use factor::coverage_factor;
pub use gate::{Agreement, Gate, GateReason};
pub use plan::{
    Edges, Foreseen, PlanError, Planned, needed_window, relative_half_width, repetitions,
};
pub use recording::Recording;
pub(crate) use ticks::Ticks;

/// An end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The moment.
    pub at_ns: Nanos,
    /// How well it is known, in seconds.
    pub standard_uncertainty_s: f64,
}

impl Edge {
    /// A moment that is known to the nanosecond.
    pub const fn exact(at_ns: Nanos) -> Self {
        Self {
            at_ns,
            standard_uncertainty_s: 0.0,
        }
    }
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its begin.
    pub begin: Edge,
    /// Its end.
    pub end: Edge,
}

impl Window {
    /// A window between two moments that are known exactly.
    pub const fn exact(begin_ns: Nanos, end_ns: Nanos) -> Self {
        Self {
            begin: Edge::exact(begin_ns),
            end: Edge::exact(end_ns),
        }
    }
}

/// Which readings the energy stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The energy counter.
    Counter,
    /// Power over time, on boards without a counter.
    IntegratedPower,
}

/// The energy of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowEnergy {
    /// Which readings it stands on.
    pub method: Method,
    /// Energy as the board's sensor has it, in joules: what is reported.
    pub energy_j: f64,
    /// Length of the window in seconds.
    pub duration_s: f64,
    /// Its budget, with the interval of the sensed and of the true energy.
    pub budget: Budget,
    /// By the counter, in joules; absent where there is none.
    pub counter_j: Option<f64>,
    /// By power over time, in joules; absent where no reading of power falls near the window.
    pub integrated_j: Option<f64>,
    /// How the two agree.
    pub agreement: Agreement,
}

#[cfg(test)]
mod tests;
