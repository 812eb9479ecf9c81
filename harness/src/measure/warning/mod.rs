//! What a user should know about a measurement before believing it: a closed list, with the numbers
//! behind each warning and what to do about it.

mod hint;

use serde::Serialize;

use super::energy::NoEnergy;
use super::execution::Ending;
use super::measurement::{Measurement, RunCount, Settings};
use super::summary::Summary;
use metering::validity::ClockReason;

/// Largest share of the instrument in one run, at 95 %, that needs no word.
const RUN_SHARE: f64 = 0.01;
/// Largest rise of the temperature between first and last run that needs no word, in °C.
const DRIFT_C: f64 = 5.0;
/// Largest spread of the mean clock of the runs that needs no word.
const CLOCK_SPREAD: f64 = 0.02;
/// Largest share of time with a throttling reason that needs no word.
const THROTTLED: f64 = 0.05;
/// Largest relative change of idle power that needs no word.
const IDLE_CHANGE: f64 = 0.10;
/// Times the scatter of the other runs by which the first stands apart.
const FIRST_APART: f64 = 5.0;
/// Relative distance below which the first run does not stand apart.
const FIRST_DISTANCE: f64 = 0.02;
/// Tukey's far fence, in interquartile ranges.
const FAR_FENCE: f64 = 3.0;
/// Power above idle below which a GPU seems to have had nothing to do.
const IDLE_LIKE: f64 = 1.05;

/// Something to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
pub enum Warning {
    /// No joules, and why.
    NoEnergy {
        /// The reason code.
        reason: &'static str,
        /// In one sentence.
        description: &'static str,
    },
    /// Executions failed, and were measured all the same.
    CommandFailed {
        /// Runs with a failure.
        runs: u32,
        /// How the first of them ended.
        ending: Ending,
    },
    /// The window is short for the sensor.
    WindowTooShort {
        /// Mean window, in seconds.
        window_s: f64,
        /// Share of the instrument in one run, at 95 %.
        share: f64,
    },
    /// The instrument's part in one run is larger than was asked for.
    BudgetNotMet {
        /// What was asked for.
        asked: f64,
        /// Share of the instrument in one run, at 95 %.
        share: f64,
        /// Mean window, in seconds.
        window_s: f64,
    },
    /// Other processes were on the device.
    OtherProcesses {
        /// How many.
        count: u32,
    },
    /// The device got warmer from the first run to the last.
    ThermalDrift {
        /// At the end of the first run.
        first_c: f64,
        /// At the end of the last.
        last_c: f64,
    },
    /// The mean clock differs from run to run, or was held down.
    ClockNotSteady {
        /// Lowest mean of a run.
        low_mhz: f64,
        /// Highest mean of a run.
        high_mhz: f64,
        /// What held it down for more than a moment.
        reasons: Vec<ClockReason>,
    },
    /// The first run stands apart from the others.
    FirstRunApart {
        /// By how much, relative to the median of the others.
        by: f64,
    },
    /// Runs far from the others; they are kept.
    Outliers {
        /// How many.
        count: u32,
    },
    /// Integrated power says something else than the counter.
    SensorsDisagree {
        /// Runs in which they differ by more than their uncertainties explain.
        runs: u32,
        /// Integral by counter in these, less one.
        by: f64,
    },
    /// The idle power changed between the baselines.
    IdleChanged {
        /// Before.
        before_w: f64,
        /// After.
        after_w: f64,
    },
    /// The device drew hardly more than when idle.
    DeviceIdle {
        /// Mean power of the runs.
        power_w: f64,
        /// Idle power.
        idle_w: f64,
    },
    /// One run has no scatter.
    OneRun,
    /// The pilot asked for more runs than the cap allows.
    PrecisionNotMet {
        /// What was asked for.
        asked: f64,
        /// Runs that it needs.
        needed: u32,
        /// Runs that were taken.
        runs: u32,
    },
}

/// Everything to know about a measurement, the gravest first.
pub fn warnings(measurement: &Measurement, summary: &Summary, settings: &Settings) -> Vec<Warning> {
    let looks: [&dyn Fn() -> Option<Warning>; 13] = [
        &|| no_energy(measurement),
        &|| failed(measurement),
        &|| other_processes(measurement),
        &|| too_short(measurement, summary, settings),
        &|| first_apart(measurement),
        &|| drift(measurement),
        &|| unsteady(measurement),
        &|| outliers(measurement),
        &|| disagreement(measurement),
        &|| device_idle(measurement, summary),
        &|| idle_changed(measurement),
        &|| one_run(settings),
        &|| not_met(measurement),
    ];
    looks.iter().filter_map(|look| look()).collect()
}

fn no_energy(measurement: &Measurement) -> Option<Warning> {
    let reason: NoEnergy = measurement
        .runs
        .iter()
        .find_map(|run| run.energy.clone().err())?;
    Some(Warning::NoEnergy {
        reason: reason.code(),
        description: reason.description(),
    })
}

fn failed(measurement: &Measurement) -> Option<Warning> {
    let failures: Vec<_> = measurement
        .runs
        .iter()
        .filter_map(|run| run.failure.as_ref())
        .collect();
    Some(Warning::CommandFailed {
        ending: failures.first()?.ending,
        runs: count(failures.len()),
    })
}

fn other_processes(measurement: &Measurement) -> Option<Warning> {
    let count = measurement.foreign_processes.filter(|count| *count > 0)?;
    Some(Warning::OtherProcesses { count })
}

/// Where a budget is asked for, that is what needs no word.
fn too_short(measurement: &Measurement, summary: &Summary, settings: &Settings) -> Option<Warning> {
    let share = summary.energy_j.as_ref()?.instrument.as_ref()?.each_run;
    let windows: Vec<f64> = measurement
        .runs
        .iter()
        .map(|run| run.window().get())
        .collect();
    let window_s = mean(&windows);
    match settings.instrument_budget {
        Some(asked) => (share > asked).then_some(Warning::BudgetNotMet {
            asked,
            share,
            window_s,
        }),
        None => (share > RUN_SHARE).then_some(Warning::WindowTooShort { window_s, share }),
    }
}

fn first_apart(measurement: &Measurement) -> Option<Warning> {
    let values = super::measurement::primary(&measurement.runs);
    let (first, others) = values.split_first()?;
    if others.len() < 3 {
        return None;
    }
    let middle = median(others);
    let distances: Vec<f64> = others.iter().map(|value| (value - middle).abs()).collect();
    // 1.4826 times the median distance is the standard deviation of a normal law.
    let scatter = 1.4826 * median(&distances);
    let by = first / middle - 1.0;
    let is_apart = (first - middle).abs() > FIRST_APART * scatter && by.abs() > FIRST_DISTANCE;
    is_apart.then_some(Warning::FirstRunApart { by })
}

fn drift(measurement: &Measurement) -> Option<Warning> {
    let at_end = |index: usize| measurement.runs.get(index)?.condition.end_temperature_c;
    let (first_c, last_c) = (at_end(0)?, at_end(measurement.runs.len().checked_sub(1)?)?);
    ((last_c - first_c).abs() > DRIFT_C).then_some(Warning::ThermalDrift { first_c, last_c })
}

fn unsteady(measurement: &Measurement) -> Option<Warning> {
    let clocks: Vec<f64> = measurement
        .runs
        .iter()
        .filter_map(|run| Some(run.condition.sm_clock_mhz?.mean))
        .collect();
    let low_mhz = clocks.iter().copied().reduce(f64::min)?;
    let high_mhz = clocks.iter().copied().reduce(f64::max)?;
    let held = |reason: ClockReason| {
        let shares: Vec<f64> = measurement
            .runs
            .iter()
            .flat_map(|run| &run.condition.reasons)
            .filter(|share| share.reason == reason)
            .map(|share| share.share)
            .collect();
        shares.iter().sum::<f64>() > THROTTLED * f64::from(count(measurement.runs.len()))
    };
    let reasons: Vec<ClockReason> = ClockReason::ALL
        .into_iter()
        .filter(|reason| reason.is_throttling() && held(*reason))
        .collect();
    let is_steady = high_mhz - low_mhz <= CLOCK_SPREAD * high_mhz && reasons.is_empty();
    (!is_steady).then_some(Warning::ClockNotSteady {
        low_mhz,
        high_mhz,
        reasons,
    })
}

fn outliers(measurement: &Measurement) -> Option<Warning> {
    let values = super::measurement::primary(&measurement.runs);
    if values.len() < 8 {
        return None;
    }
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[sorted.len() / 4], sorted[sorted.len() * 3 / 4]);
    let reach = FAR_FENCE * (high - low);
    let far = values
        .iter()
        .filter(|value| **value < low - reach || **value > high + reach);
    let found = count(far.count());
    (found > 0).then_some(Warning::Outliers { count: found })
}

fn disagreement(measurement: &Measurement) -> Option<Warning> {
    let windows = measurement
        .runs
        .iter()
        .filter_map(|run| run.energy.as_ref().ok());
    let off: Vec<f64> = windows
        .filter(|window| window.sensors_disagree)
        .filter_map(|window| window.integral_off)
        .collect();
    (!off.is_empty()).then(|| Warning::SensorsDisagree {
        runs: count(off.len()),
        by: mean(&off),
    })
}

fn device_idle(measurement: &Measurement, summary: &Summary) -> Option<Warning> {
    let (power_w, idle_w) = (summary.power_w.as_ref()?.value, measurement.idle.mean_w()?);
    (power_w < IDLE_LIKE * idle_w).then_some(Warning::DeviceIdle { power_w, idle_w })
}

fn idle_changed(measurement: &Measurement) -> Option<Warning> {
    let (before_w, after_w) = (measurement.idle.before_w?, measurement.idle.after_w?);
    let change = (after_w - before_w).abs() / before_w;
    (change > IDLE_CHANGE).then_some(Warning::IdleChanged { before_w, after_w })
}

fn one_run(settings: &Settings) -> Option<Warning> {
    (settings.runs == RunCount::Fixed(1)).then_some(Warning::OneRun)
}

fn not_met(measurement: &Measurement) -> Option<Warning> {
    let pilot = measurement
        .pilot
        .filter(super::size::PilotOutcome::is_capped)?;
    Some(Warning::PrecisionNotMet {
        asked: pilot.precision.relative,
        needed: pilot.needed,
        runs: pilot.runs,
    })
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(count(values.len()))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}
