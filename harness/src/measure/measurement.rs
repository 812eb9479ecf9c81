//! The measurement of one command: warm-up, idle baseline, runs, idle baseline.

use model::sample::Sample;
use model::units::Nanos;
use serde::Serialize;

use super::bench::{Bench, IdlePower, RunResult};
use super::execution::{Executor, Repetition};
use super::record::MeasureError;
use super::repeat::{WindowPlan, first_repetition};
use super::size::{PilotOutcome, Precision};

/// How many runs are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunCount {
    /// So many.
    Fixed(u32),
    /// A pilot, one look at its scatter, and the runs that are then needed.
    Precision(Precision),
}

impl RunCount {
    /// Runs that are taken for certain.
    pub const fn at_least(self) -> u32 {
        match self {
            Self::Fixed(runs) => runs,
            Self::Precision(precision) => precision.pilot,
        }
    }
}

/// How a command is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Runs that count.
    pub runs: RunCount,
    /// Runs before them that do not.
    pub warmup_runs: u32,
    /// Idle baseline on each side.
    pub idle_s: f64,
    /// A command that is shorter is repeated inside the window of a run.
    pub shortest_window_s: f64,
    /// Half width of the instrument's part in one run, at 95 % and by the energy, for which a command
    /// is repeated; absent where the shortest window alone decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument_budget: Option<f64>,
    /// Whether a failing command is measured all the same.
    pub ignore_failure: bool,
}

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The idle device, before or after.
    Idle,
    /// A run that does not count, from 1.
    WarmUp(u32),
    /// The run that shows how often the command has to be repeated.
    Sizing,
    /// A run, from 1, of so many.
    Run {
        /// Its number.
        number: u32,
        /// How many there will be, as far as is known.
        of: u32,
    },
}

/// Hears how a measurement goes on.
pub trait MeasureObserver {
    /// A step begins.
    fn begins(&mut self, step: Step);
    /// A reading was taken while the command ran.
    fn sampled(&mut self, sample: &Sample);
    /// A run is over.
    fn run_ended(&mut self, run: &RunResult);
    /// The pilot was looked at: so many runs in all.
    fn sized(&mut self, runs: u32);
}

/// Nobody watches.
impl MeasureObserver for () {
    fn begins(&mut self, _step: Step) {}
    fn sampled(&mut self, _sample: &Sample) {}
    fn run_ended(&mut self, _run: &RunResult) {}
    fn sized(&mut self, _runs: u32) {}
}

/// What was measured of one command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The runs, in order.
    pub runs: Vec<RunResult>,
    /// The device without the command.
    pub idle: IdlePower,
    /// Processes on the device before the first run, as far as the driver tells.
    pub foreign_processes: Option<u32>,
    /// What the look at the pilot said.
    pub pilot: Option<PilotOutcome>,
    /// How the windows were planned, where a budget of the instrument was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowPlan>,
}

/// Measures one command.
///
/// # Errors
/// Where the device is lost, the command cannot be started, or fails without leave.
pub fn measure(
    bench: &mut Bench<'_>,
    executor: &mut dyn Executor,
    settings: &Settings,
    observer: &mut dyn MeasureObserver,
) -> Result<Measurement, MeasureError> {
    if let Some(asked) = settings.instrument_budget {
        bench.check_budget(asked)?;
    }
    let foreign_processes = bench.process_count()?;
    let idle = Nanos::from_seconds(settings.idle_s);
    observer.begins(Step::Idle);
    let before_w = bench.idle_power(idle)?;
    let is_planned = settings.instrument_budget.is_some();
    let mut series = Series {
        bench,
        executor,
        settings,
        observer,
        repetition: first_repetition(settings.shortest_window_s, is_planned),
        runs: Vec::new(),
    };
    let mut warm = None;
    for number in 1..=settings.warmup_runs {
        series.observer.begins(Step::WarmUp(number));
        warm = Some(series.take()?);
    }
    let window = series.plan_windows(warm, before_w)?;
    let pilot = series.all()?;
    let runs = series.runs;
    observer.begins(Step::Idle);
    let after_w = bench.idle_power(idle)?;
    Ok(Measurement {
        runs,
        idle: IdlePower { before_w, after_w },
        foreign_processes,
        pilot,
        window,
    })
}

/// Takes a run and refuses a failure without leave.
pub(super) fn take_well(
    bench: &mut Bench<'_>,
    executor: &mut dyn Executor,
    repetition: Repetition,
    ignore_failure: bool,
    watch: &mut dyn FnMut(&Sample),
) -> Result<RunResult, MeasureError> {
    let run = bench.run(executor, repetition, watch)?;
    match &run.failure {
        Some(failure) if !ignore_failure => Err(MeasureError::Failed {
            command: executor.name(),
            ending: failure.ending,
            last_words: failure.last_words.clone(),
        }),
        _ => Ok(run),
    }
}

struct Series<'a, 'b> {
    bench: &'a mut Bench<'b>,
    executor: &'a mut dyn Executor,
    settings: &'a Settings,
    observer: &'a mut dyn MeasureObserver,
    repetition: Repetition,
    runs: Vec<RunResult>,
}

impl Series<'_, '_> {
    fn take(&mut self) -> Result<RunResult, MeasureError> {
        let observer = &mut *self.observer;
        let run = take_well(
            self.bench,
            self.executor,
            self.repetition,
            self.settings.ignore_failure,
            &mut |sample| observer.sampled(sample),
        )?;
        self.repetition = Repetition::Times(run.executions);
        Ok(run)
    }

    /// Plans the windows by the last run of the warm-up, or by a first run. One that is already as
    /// long as it has to be counts.
    fn plan_windows(
        &mut self,
        warm: Option<RunResult>,
        idle_w: Option<f64>,
    ) -> Result<Option<WindowPlan>, MeasureError> {
        let Some(asked) = self.settings.instrument_budget else {
            return Ok(None);
        };
        let is_warm_up = warm.is_some();
        let run = if let Some(run) = warm {
            run
        } else {
            self.observer.begins(Step::Sizing);
            self.take()?
        };
        let at_least = least_executions(&run, self.settings);
        let plan = self.bench.plan_windows(&run, idle_w, asked, at_least)?;
        if let Some(plan) = &plan {
            self.repetition = plan.repetition();
        }
        if !is_warm_up && self.repetition == Repetition::Times(run.executions) {
            self.observer.run_ended(&run);
            self.runs.push(run);
        }
        Ok(plan)
    }

    fn up_to(&mut self, of: u32) -> Result<(), MeasureError> {
        let from = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        for number in from + 1..=of {
            self.observer.begins(Step::Run { number, of });
            let run = self.take()?;
            self.observer.run_ended(&run);
            self.runs.push(run);
        }
        Ok(())
    }

    fn all(&mut self) -> Result<Option<PilotOutcome>, MeasureError> {
        match self.settings.runs {
            RunCount::Fixed(runs) => {
                self.up_to(runs)?;
                Ok(None)
            }
            RunCount::Precision(precision) => {
                self.up_to(precision.pilot)?;
                let Ok(outcome) = PilotOutcome::look(precision, &primary(&self.runs)) else {
                    return Ok(None);
                };
                self.observer.sized(outcome.runs);
                self.up_to(outcome.runs)?;
                Ok(Some(outcome))
            }
        }
    }
}

/// Executions that the shortest window asks for, by a run that was as long.
pub(super) fn least_executions(run: &RunResult, settings: &Settings) -> u32 {
    if settings.shortest_window_s > 0.0 {
        run.executions
    } else {
        1
    }
}

/// Energies of the runs; times where a run has none.
pub(super) fn primary(runs: &[RunResult]) -> Vec<f64> {
    let energies: Option<Vec<f64>> = runs.iter().map(RunResult::energy_j).collect();
    energies.unwrap_or_else(|| runs.iter().map(|run| run.time_s).collect())
}
