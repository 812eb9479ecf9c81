//! Runs of a command, one by one, on one device.

use metering::class::BoardClass;
use metering::profile::SensorProfile;
use metering::window::{Edges, Foreseen, PlanError};
use model::machine::Machine;
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::sample::Sample;
use model::units::{Nanos, Seconds, Watts};
use serde::Serialize;

use super::condition::Condition;
use super::energy::{self, NoEnergy, Source, WindowEnergy};
use super::execution::{Ending, Executor, Repetition};
use super::record::{self, MeasureError};
use super::repeat::{First, WindowPlan};
use super::sampler::Sampler;
use crate::device::{DeviceError, Instrument};

/// One run: one window with one or more executions of the command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunResult {
    /// Begin of the first execution.
    pub begin_ns: Nanos,
    /// End of the last.
    pub end_ns: Nanos,
    /// Executions in the window.
    pub executions: u32,
    /// Time of one execution: mean over the window.
    pub time_s: f64,
    /// Energy of the window on the measured device, or why there is none.
    pub energy: Result<WindowEnergy, NoEnergy>,
    /// Energy of the window on the processor packages beside a measured GPU.
    pub package: Result<WindowEnergy, NoEnergy>,
    /// State of the device.
    pub condition: Condition,
    /// How an execution failed, where one did.
    pub failure: Option<Failure>,
}

/// An execution that did not end with exit code 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// How the first of them ended.
    pub ending: Ending,
    /// Its last lines on standard error.
    pub last_words: Vec<String>,
}

impl RunResult {
    /// From the begin of the first execution to the end of the last.
    pub fn window(&self) -> Seconds {
        Seconds::from(self.end_ns.saturating_sub(self.begin_ns))
    }

    /// Energy of one execution, gross.
    pub fn energy_j(&self) -> Option<f64> {
        let energy = self.energy.as_ref().ok()?;
        Some(energy.energy_j / f64::from(self.executions))
    }

    /// Energy of one execution on the processor packages, gross.
    pub fn package_j(&self) -> Option<f64> {
        let energy = self.package.as_ref().ok()?;
        Some(energy.energy_j / f64::from(self.executions))
    }

    /// Mean power over the window.
    pub fn power_w(&self) -> Option<f64> {
        Some(self.energy.as_ref().ok()?.energy_j / self.window().get())
    }
}

/// What the device does when nothing runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct IdlePower {
    /// Before the first run.
    pub before_w: Option<f64>,
    /// After the last.
    pub after_w: Option<f64>,
}

impl IdlePower {
    /// The mean of what there is.
    pub fn mean_w(&self) -> Option<f64> {
        match (self.before_w, self.after_w) {
            (Some(before), Some(after)) => Some(f64::midpoint(before, after)),
            (one, other) => one.or(other),
        }
    }
}

/// A device on which commands are measured.
pub struct Bench<'a> {
    sampler: Sampler<'a>,
    source: Source,
    model: metering::instrument::Instrument,
}

impl<'a> Bench<'a> {
    /// A bench on an instrument that is sampled with this period.
    pub fn new(instrument: &'a mut dyn Instrument, sample_period: Nanos) -> Self {
        let sampler = Sampler::new(instrument, sample_period);
        let source = match sampler.machine().device.kind {
            DeviceKind::Cpu => Source::Packages,
            DeviceKind::Nvml | DeviceKind::Emulated => Source::GpuCounter,
        };
        let class = BoardClass::of_product(&sampler.machine().device.name);
        let model = metering::instrument::Instrument::of_class(class);
        Self {
            sampler,
            source,
            model,
        }
    }

    /// The same with what a calibration found about this very device.
    #[must_use]
    pub fn with_profile(mut self, profile: &SensorProfile) -> Self {
        self.model = profile.instrument(BoardClass::of_product(&self.machine().device.name));
        self
    }

    /// The machine, with the reasons of absent sensors.
    pub const fn machine(&self) -> &Machine {
        self.sampler.machine()
    }

    /// Whether readings are measured or emulated.
    pub fn provenance(&self) -> Provenance {
        self.sampler.provenance()
    }

    /// Why there will be no energy, as far as that is known beforehand.
    pub fn energy_absence(&self) -> Option<NoEnergy> {
        let column = match self.source {
            Source::GpuCounter => "energy_mj",
            Source::Packages => "package_energy_uj",
        };
        self.machine()
            .absent
            .get(column)
            .copied()
            .map(NoEnergy::Sensor)
    }

    /// Whether there is a window whose instrument's part is as small as is asked for, whatever the
    /// load.
    ///
    /// # Errors
    /// Where there is none.
    pub fn check_budget(&self, asked: f64) -> Result<(), PlanError> {
        match self.source {
            Source::GpuCounter => Foreseen::of(&self.model, 1.0, Edges::AtTicks)
                .least_energy_j(asked)
                .map(|_| ()),
            Source::Packages => Ok(()),
        }
    }

    /// The windows of all runs by a first one, so that each meets the budget that is asked for;
    /// absent where the run has no energy. `at_least` executions go into each.
    ///
    /// # Errors
    /// Where no window meets it.
    pub fn plan_windows(
        &self,
        run: &RunResult,
        idle_w: Option<f64>,
        asked: f64,
        at_least: u32,
    ) -> Result<Option<WindowPlan>, PlanError> {
        let (Some(first), Some(mean_w)) = (First::of(run), run.power_w()) else {
            return Ok(None);
        };
        let foreseen = match self.source {
            Source::GpuCounter => {
                // An idle device that nobody looked at draws no more than one that works.
                let edges = Edges::AtTicksLessIdle {
                    idle_w: idle_w.unwrap_or(mean_w),
                };
                Some(Foreseen::of(&self.model, mean_w, edges))
            }
            Source::Packages => None,
        };
        WindowPlan::of(&first, foreseen, asked, at_least).map(Some)
    }

    /// Processes on the device that are not ours.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn process_count(&mut self) -> Result<Option<u32>, DeviceError> {
        self.sampler.process_count()
    }

    /// Mean power over a while in which nothing is run; absent where there is no energy, or for no
    /// time at all.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn idle_power(&mut self, duration: Nanos) -> Result<Option<f64>, DeviceError> {
        let samples = record::idle(&mut self.sampler, duration)?;
        Ok(energy::mean_power(self.source, self.machine(), &samples).map(Watts::get))
    }

    /// Takes one run.
    ///
    /// # Errors
    /// Where the device is lost or the command cannot be started.
    pub fn run(
        &mut self,
        executor: &mut dyn Executor,
        repetition: Repetition,
        watch: &mut dyn FnMut(&Sample),
    ) -> Result<RunResult, MeasureError> {
        let record = record::take(&mut self.sampler, executor, repetition, watch)?;
        let (begin, end) = (record.executions.begin(), record.executions.end());
        let of = |source| match source {
            // Power alone would do; but a counter that stands still is a board in disorder.
            Source::GpuCounter if !record.has_ticks => Err(NoEnergy::CounterFrozen),
            _ => energy::of_window(
                source,
                &self.model,
                self.machine(),
                &record.samples,
                begin,
                end,
            ),
        };
        let executions = record.executions.count();
        Ok(RunResult {
            begin_ns: begin,
            end_ns: end,
            executions,
            time_s: Seconds::from(end.saturating_sub(begin)).get() / f64::from(executions.max(1)),
            energy: of(self.source),
            package: of(Source::Packages),
            condition: Condition::of(&record.samples, begin, end),
            failure: record.executions.failure().map(|ending| Failure {
                ending,
                last_words: record.executions.last_words,
            }),
        })
    }
}
