//! What the runs of a command amount to: values, intervals, and what the uncertainty is made of.

use metering::window::Source as Cause;
use serde::Serialize;
use statistics::interval::{Interval, Level};
use statistics::location::{geometric_mean_t, mean_t};

use super::bench::RunResult;
use super::energy::{CAUSES, WindowEnergy};
use super::measurement::Measurement;

/// Two-sided 95 % of a normal law, in standard uncertainties.
const COVERAGE: f64 = 1.959_963_984_540_054;

/// A quantity of one execution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Geometric mean of the runs; arithmetic for net energy, which may be negative.
    pub value: f64,
    /// Interval from the scatter between runs; absent with one run.
    pub scatter: Option<Interval>,
    /// Half width by the value that the instrument adds; absent where it adds nothing known.
    pub instrument: Option<Instrument>,
    /// Bounds of both together; absent where the scatter is.
    pub bounds: Option<[f64; 2]>,
}

/// The instrument's share, at 95 % and by the value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instrument {
    /// What more runs do not take away and ratios on one board do not have.
    pub common: f64,
    /// What differs from run to run; it is in the scatter already where there are several runs.
    pub each_run: f64,
    /// Energy with what is known of scale and zero, by the energy as the sensor has it: where the
    /// bounds lie around.
    pub correction: f64,
    /// The lines, by the value, for one run.
    pub lines: Vec<InstrumentLine>,
}

/// One line of the instrument's share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InstrumentLine {
    /// What it is about.
    pub cause: Cause,
    /// At 95 %, by the value.
    pub relative: f64,
}

/// The numbers of one command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Runs.
    pub runs: u32,
    /// Executions in each run.
    pub executions_per_run: u32,
    /// Energy of one execution in joules, gross.
    pub energy_j: Option<Estimate>,
    /// The same without the idle power over its time.
    pub net_energy_j: Option<Estimate>,
    /// Mean power in watts.
    pub power_w: Option<Estimate>,
    /// Time of one execution in seconds.
    pub time_s: Estimate,
    /// Energy of the processor packages in joules, beside a GPU.
    pub package_energy_j: Option<Estimate>,
}

impl Summary {
    /// Of a measurement.
    pub fn of(measurement: &Measurement) -> Self {
        let runs = &measurement.runs;
        let budgets = |of: fn(&RunResult) -> Option<&WindowEnergy>| {
            runs.iter().map(of).collect::<Option<Vec<&WindowEnergy>>>()
        };
        let all = |of: &dyn Fn(&RunResult) -> Option<f64>| {
            runs.iter().map(of).collect::<Option<Vec<f64>>>()
        };
        let interval = |values: &[f64]| match &measurement.pilot {
            Some(pilot) => pilot.interval(values),
            None => geometric_mean_t(values, Level::P95).ok(),
        };
        let own = |values: &[f64]| geometric_mean_t(values, Level::P95).ok();
        let instrument = budgets(|run| run.energy.as_ref().ok()).map(|list| share(&list));
        let energies = all(&RunResult::energy_j);
        let has_energy = energies.is_some();
        let time_interval = |values: &[f64]| {
            if has_energy {
                own(values)
            } else {
                interval(values)
            }
        };
        let idle_w = measurement.idle.mean_w();
        let net = |run: &RunResult| Some(run.energy_j()? - idle_w? * run.time_s);
        let package_share = budgets(|run| run.package.as_ref().ok()).map(|list| share(&list));
        Self {
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            executions_per_run: runs.iter().map(|run| run.executions).min().unwrap_or(0),
            energy_j: energies.and_then(|values| positive(&values, interval, instrument.clone())),
            net_energy_j: all(&net).and_then(|values| signed(&values)),
            power_w: all(&RunResult::power_w).and_then(|values| positive(&values, own, instrument)),
            time_s: positive(&times(runs), time_interval, None)
                .unwrap_or_else(|| plain(times(runs).first().copied().unwrap_or_default())),
            package_energy_j: all(&RunResult::package_j)
                .and_then(|values| positive(&values, own, package_share)),
        }
    }
}

fn times(runs: &[RunResult]) -> Vec<f64> {
    runs.iter().map(|run| run.time_s).collect()
}

const fn plain(value: f64) -> Estimate {
    Estimate {
        value,
        scatter: None,
        instrument: None,
        bounds: None,
    }
}

/// A geometric mean; absent where a value is not above zero.
fn positive(
    values: &[f64],
    interval: impl Fn(&[f64]) -> Option<Interval>,
    instrument: Option<Instrument>,
) -> Option<Estimate> {
    if values.is_empty()
        || values
            .iter()
            .any(|value| !value.is_finite() || *value <= 0.0)
    {
        return None;
    }
    let scatter = interval(values);
    let value = scatter.map_or(values[0], |interval| interval.value);
    let (common, correction) = instrument
        .as_ref()
        .map_or((0.0, 1.0), |share| (share.common, share.correction));
    let bounds = scatter.map(|interval| {
        let centre = value * correction;
        [
            centre * (1.0 - libm::hypot(1.0 - interval.low / value, common)),
            centre * (1.0 + libm::hypot(interval.high / value - 1.0, common)),
        ]
    });
    Some(Estimate {
        value,
        scatter,
        instrument,
        bounds,
    })
}

/// An arithmetic mean, for differences.
fn signed(values: &[f64]) -> Option<Estimate> {
    match values {
        [] => None,
        [only] => Some(plain(*only)),
        _ => {
            let interval = mean_t(values, Level::P95).ok()?;
            Some(Estimate {
                value: interval.value,
                scatter: Some(interval),
                instrument: None,
                bounds: Some([interval.low, interval.high]),
            })
        }
    }
}

/// The budgets of the runs, as the mean of their lines by the energy.
#[expect(clippy::cast_precision_loss, reason = "a count of runs")]
fn share(budgets: &[&WindowEnergy]) -> Instrument {
    let lines: Vec<InstrumentLine> = CAUSES
        .into_iter()
        .filter_map(|cause| {
            let relative: Vec<f64> = budgets
                .iter()
                .flat_map(|window| {
                    let of = window.energy_j.abs().max(f64::MIN_POSITIVE);
                    window
                        .budget
                        .iter()
                        .filter(move |line| line.cause == cause)
                        .map(move |line| COVERAGE * line.standard_j / of)
                })
                .collect();
            (!relative.is_empty()).then(|| InstrumentLine {
                cause,
                relative: relative.iter().sum::<f64>() / relative.len() as f64,
            })
        })
        .collect();
    let together = |is_common: bool| {
        lines
            .iter()
            .filter(|line| line.cause.is_of_the_card() == is_common)
            .fold(0.0, |sum, line| libm::hypot(sum, line.relative))
    };
    let corrections = budgets
        .iter()
        .map(|window| window.corrected_j / window.energy_j);
    Instrument {
        correction: corrections.sum::<f64>() / budgets.len().max(1) as f64,
        common: together(true),
        each_run: together(false),
        lines,
    }
}
