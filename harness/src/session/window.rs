//! The window of a session: from a tick of the energy counter to a tick, prolonged once where it must
//! settle, and judged when it is over.

use metering::validity::{Demand, LONGEST_TICK, Watch, requested_mhz};
use model::mark::Command;
use model::plan::DeviceKind;
use model::reason::{RunFault, RunFlag};
use model::trace::{Fault, Flag, Stage};
use model::units::Nanos;
use statistics::steady_state::{Attempt, SteadyState};

use super::company::descends_from_us;
use super::recorder::Recorder;
use super::stages::Session;
use super::steady::{self, Progress};
use crate::worker::Worker;

/// What is watched while the window is open.
pub(super) struct OpenWindow {
    watch: Watch,
    progress: Progress,
}

impl Session<'_> {
    pub(super) fn window_of_marks(&mut self) -> Result<Box<dyn Worker>, Fault> {
        let start = self.begin(Stage::WarmUp);
        let mut worker = self.launch()?;
        self.listen(worker.as_mut(), Recorder::worker_is_ready)?;
        self.refuse_elsewhere()?;
        self.end(Stage::WarmUp, start);

        self.observer.stage(Stage::Window);
        let begin = self.tick(Some(worker.as_mut()))?;
        self.open_window();
        worker.send(Command::Go);
        let planned = Nanos::from_seconds(self.run.session.window_s);
        self.listen_until(worker.as_mut(), begin + planned)?;
        if self.must_settle() && !self.has_settled(begin, Attempt::First) {
            self.listen_until(worker.as_mut(), begin + planned + planned)?;
            self.has_settled(begin, Attempt::Extended);
        }
        worker.send(Command::Stop);
        self.await_done(worker.as_mut())?;
        let end = self.closing_tick(Some(worker.as_mut()))?;
        self.close_window();
        self.span(Stage::Window, begin, end);
        self.await_exit(worker.as_mut())?;
        Ok(worker)
    }

    pub(super) fn window_of_command(&mut self) -> Result<Box<dyn Worker>, Fault> {
        self.observer.stage(Stage::Window);
        let begin = self.tick(None)?;
        self.open_window();
        let mut worker = self.launch()?;
        self.listen(worker.as_mut(), Recorder::worker_is_done)?;
        let end = self.closing_tick(None)?;
        self.close_window();
        self.span(Stage::Window, begin, end);
        Ok(worker)
    }

    /// From here on every sample is one of the window; the last one is its first.
    fn open_window(&mut self) {
        self.window = Some(OpenWindow {
            watch: Watch::new(requested_mhz(&self.run.point)),
            progress: Progress::default(),
        });
        self.see_sample();
    }

    /// The window is over, and what was seen of it is judged.
    fn close_window(&mut self) {
        let Some(window) = self.window.take() else {
            return;
        };
        let demand = if self.run.rules.is_some() {
            Demand::State(Nanos::from_millis(u64::from(
                self.run.session.sample_period_ms,
            )))
        } else {
            Demand::Energy
        };
        let findings = window.watch.findings(demand);
        self.faults.extend(findings.faults);
        self.flags.extend(findings.flags);
    }

    pub(super) fn see_sample(&mut self) {
        let must_settle = self.must_settle();
        if let (Some(window), Some(sample)) = (&mut self.window, self.recorder.last_sample()) {
            window.watch.see(sample);
            // The ticks of a window are kept only where somebody asks: a day has a million.
            if must_settle {
                window.progress.see(sample);
            }
        }
    }

    fn must_settle(&self) -> bool {
        let rules = self.run.rules.as_ref();
        rules.is_some_and(|rules| rules.tier.rules().steady_state)
    }

    /// Whether the window so far is steady. After the extension there is no more to do than to say so.
    fn has_settled(&mut self, begin: Nanos, attempt: Attempt) -> bool {
        let Some(window) = &self.window else {
            return true;
        };
        let marks = self.recorder.marks();
        let period = Nanos::from_millis(u64::from(self.run.session.sample_period_ms));
        let detail = match window.progress.verdict(marks, begin, period, attempt) {
            Ok(SteadyState::Steady { .. }) => return true,
            Ok(SteadyState::Extend(unsteady) | SteadyState::NoSteadyState(unsteady)) => {
                steady::describe(&unsteady)
            }
            Err(error) => format!("it cannot be judged: {error}"),
        };
        if attempt == Attempt::Extended {
            self.flags.push(Flag {
                flag: RunFlag::NoSteadyState,
                detail,
            });
        }
        false
    }

    /// A worker that fell back to the processor would leave the measured GPU idle.
    fn refuse_elsewhere(&self) -> Result<(), Fault> {
        match self.recorder.worker_device() {
            Some(device) if self.run.session.device == DeviceKind::Nvml && device == "cpu" => {
                Err(Fault {
                    fault: RunFault::WrongDevice,
                    detail: format!(
                        "the worker says that it computes on '{device}', expected the GPU; see its \
                         standard error, or set JOULEBENCH_DEVICE=cuda to make it fail at once"
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// Samples until the energy counter shows a new value; the moment of the sample that did.
    /// Without a counter that ticks, now.
    fn tick(&mut self, mut worker: Option<&mut dyn Worker>) -> Result<Nanos, Fault> {
        if !self.recorder.has_ticking_counter() {
            return Ok(self.recorder.now());
        }
        let deadline = self.recorder.now() + LONGEST_TICK;
        let before = self.recorder.last_energy();
        loop {
            // A worker that leaves while the last tick is awaited is as it should be; what it
            // says meanwhile is kept.
            match worker.as_mut() {
                Some(worker) => self.step(Some(&mut **worker))?,
                None => self.step(None)?,
            };
            if self.recorder.last_energy() != before {
                return Ok(self.recorder.last_sample_at());
            }
            if self.recorder.now() > deadline {
                return Err(Fault {
                    fault: RunFault::CounterFrozen,
                    detail: "the energy counter did not change for 2 s".to_owned(),
                });
            }
        }
    }

    /// The tick that closes the window. Without a counter: when the last phase ended.
    fn closing_tick(&mut self, worker: Option<&mut dyn Worker>) -> Result<Nanos, Fault> {
        let last_end = self.recorder.last_end().ok_or_else(|| Fault {
            fault: RunFault::NoWork,
            detail: "the worker said done without having ended a phase".to_owned(),
        })?;
        if self.recorder.has_ticking_counter() {
            self.tick(worker)
        } else {
            Ok(last_end)
        }
    }

    /// Once a second of the window: who uses the device?
    pub(super) fn look_for_company(&mut self) -> Result<(), Fault> {
        let now = self.recorder.now();
        if self.window.is_none() || !self.company.is_due(now) {
            return Ok(());
        }
        let users = self.recorder.process_ids()?;
        self.company.look(now, users, descends_from_us)
    }
}
