//! The energy of a window between any two moments, with the uncertainty of its instrument.
//!
//! Of a GPU it is the counter between the two ticks around the window, as [`metering`] has it, less
//! what the idle device took between these and the window: there it draws what it draws in the tick
//! beside. Of the processor packages it is their counter, interpolated.

mod counter;
mod packages;

use metering::instrument::Instrument;
use metering::window::Source as Cause;
use model::machine::Machine;
use model::reason::Absence;
use model::sample::Sample;
use model::units::{Joules, Nanos, Seconds, Watts};
use serde::Serialize;

/// Every cause of uncertainty, in the order in which budgets are shown.
pub const CAUSES: [Cause; 9] = [
    Cause::Gain,
    Cause::Offset,
    Cause::Edge,
    Cause::EdgeTime,
    Cause::TickTime,
    Cause::Latency,
    Cause::Drift,
    Cause::Integration,
    Cause::Resolution,
];

/// A cause in words.
pub const fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Gain => "scale of the sensor",
        Cause::Offset => "zero of the sensor",
        Cause::Edge => "idle time in outer ticks",
        Cause::EdgeTime => "stamps of begin and end",
        Cause::TickTime => "moments of the ticks",
        Cause::Latency => "lateness of the counter",
        Cause::Drift => "drift within a run",
        Cause::Integration => "gaps between readings",
        Cause::Resolution => "resolution of the counter",
    }
}

/// One line of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BudgetLine {
    /// What it is about.
    pub cause: Cause,
    /// Standard uncertainty.
    pub standard_j: f64,
}

/// Why there is no energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason", content = "absence")]
pub enum NoEnergy {
    /// The sensor gives nothing.
    Sensor(Absence),
    /// The counter did not tick on both sides of the window.
    CounterFrozen,
    /// Several ticks pass between two samples.
    SampledTooSlowly,
    /// The counter fell.
    CounterBackwards,
    /// No execution took any time.
    NoTime,
    /// The run took no more than the idle device around it.
    NotResolved,
}

impl NoEnergy {
    /// The code in data.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sensor(absence) => absence.code(),
            Self::CounterFrozen => "counter_frozen",
            Self::SampledTooSlowly => "sampled_too_slowly",
            Self::CounterBackwards => "counter_backwards",
            Self::NoTime => "no_time",
            Self::NotResolved => "not_resolved",
        }
    }

    /// The code in one sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Sensor(absence) => absence.description(),
            Self::CounterFrozen => "the energy counter did not tick on both sides of the run",
            Self::SampledTooSlowly => {
                "the energy counter ticks between two samples; a shorter --sample-period-ms sees it"
            }
            Self::CounterBackwards => "the energy counter went backwards during the run",
            Self::NoTime => "the run took no time",
            Self::NotResolved => {
                "the run took less than can be told from the idle device around it"
            }
        }
    }
}

/// The energy of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowEnergy {
    /// All that the device took, idle power included, as its sensor has it.
    pub energy_j: f64,
    /// The same with what is known of the sensor's scale and zero; equal where nothing is.
    pub corrected_j: f64,
    /// Why it may be wrong.
    pub budget: Vec<BudgetLine>,
    /// Integrated power by the counter, less one; absent where they cannot be compared.
    pub integral_off: Option<f64>,
    /// Whether they differ by more than their uncertainties explain.
    pub sensors_disagree: bool,
}

/// Which counter the energy is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The GPU's own.
    GpuCounter,
    /// The processor packages', by RAPL.
    Packages,
}

/// The energy of the device between two moments, from the readings around.
///
/// # Errors
/// Why there is none.
pub fn of_window(
    source: Source,
    instrument: &Instrument,
    machine: &Machine,
    samples: &[Sample],
    begin: Nanos,
    end: Nanos,
) -> Result<WindowEnergy, NoEnergy> {
    match source {
        Source::GpuCounter => counter::energy(instrument, machine, samples, begin, end),
        Source::Packages => packages::energy(machine, samples, begin, end),
    }
}

/// The least window in which the refreshes of the packages' counter leave this half of the 95 %
/// interval of the energy, by the energy and without the counter's scale; in seconds.
pub fn least_package_window_s(target: f64) -> f64 {
    packages::least_window_s(target)
}

/// Mean power over readings of an idle device, from the first tick to the last.
pub fn mean_power(source: Source, machine: &Machine, samples: &[Sample]) -> Option<Watts> {
    let (first, last) = match source {
        Source::GpuCounter => {
            let ticks = counter::ticks(samples);
            (*ticks.first()?, *ticks.last()?)
        }
        Source::Packages => {
            let points = packages::points(machine, samples).ok()?;
            (*points.first()?, *points.last()?)
        }
    };
    let time = Seconds::from(last.at.saturating_sub(first.at));
    (time.get() > 0.0 && last.energy >= first.energy).then(|| (last.energy - first.energy) / time)
}

/// A value of a counter and when it was reached.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: Nanos,
    energy: Joules,
}
