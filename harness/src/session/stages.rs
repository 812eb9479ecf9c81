//! The stages of a session, one after the other: idle, pre-soak, worker, window, cool-down, idle. What
//! the window itself is lies in [`super::window`].

use model::mark::Command;
use model::reason::RunFault;
use model::run::{Protocol, Run};
use model::trace::{Fault, Flag, Span, Stage};
use model::units::Nanos;

use super::company::Company;
use super::recorder::{Recorder, Talk};
use super::soak::Soak;
use super::window::OpenWindow;
use super::{Part, SampleSink, SessionObserver};
use crate::device::Instrument;
use crate::worker::Worker;

/// Longest wait for a worker to leave after `done`.
const EXIT_TIMEOUT: Nanos = Nanos::from_millis(20_000);

/// A session while it is taken.
pub(super) struct Session<'a> {
    pub(super) recorder: Recorder<'a>,
    pub(super) run: &'a Run,
    pub(super) observer: &'a mut dyn SessionObserver,
    pub(super) spans: Vec<Span>,
    pub(super) faults: Vec<Fault>,
    pub(super) flags: Vec<Flag>,
    pub(super) company: Company,
    /// Of the window, while it is taken.
    pub(super) window: Option<OpenWindow>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        instrument: &'a mut dyn Instrument,
        run: &'a Run,
        period: Nanos,
        sink: &'a mut dyn SampleSink,
        observer: &'a mut dyn SessionObserver,
    ) -> Self {
        Self {
            recorder: Recorder::new(instrument, sink, period),
            run,
            observer,
            spans: Vec::new(),
            faults: Vec::new(),
            flags: Vec::new(),
            company: Company::default(),
            window: None,
        }
    }

    /// Takes a part of the session to its end, or to its first fault.
    pub(super) fn take(mut self, part: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Part {
        if let Err(fault) = part(&mut self) {
            self.faults.push(fault);
        }
        Part {
            spans: self.spans,
            marks: self.recorder.finish(),
            faults: self.faults,
            flags: self.flags,
        }
    }

    pub(super) fn open(&mut self) -> Result<(), Fault> {
        self.refuse_company()?;
        let idle = Nanos::from_seconds(self.run.session.idle_s);
        self.pause(Stage::IdleBefore, idle)
    }

    pub(super) fn measure(&mut self) -> Result<(), Fault> {
        let mut worker = match self.run.engine.protocol {
            Protocol::Marks => self.window_of_marks()?,
            Protocol::None => self.window_of_command()?,
        };
        worker.kill();
        self.pause(
            Stage::CoolDown,
            Nanos::from_seconds(self.run.session.cooldown_s),
        )?;
        let idle = Nanos::from_seconds(self.run.session.idle_s);
        self.pause(Stage::IdleAfter, idle)
    }

    pub(super) fn soak(&mut self, soak: &mut Soak) -> Result<(), Fault> {
        let start = self.begin(Stage::PreSoak);
        let cap_s = self
            .run
            .rules
            .as_ref()
            .and_then(|rules| rules.pre_soak.as_ref())
            .map_or(0.0, |rule| rule.cap_s);
        let deadline = start + Nanos::from_seconds(cap_s);
        let mut worker = self.launch()?;
        self.listen(worker.as_mut(), Recorder::worker_is_ready)?;
        worker.send(Command::Go);
        while !soak.is_over()
            && !soak.is_blind()
            && !self.recorder.worker_left()
            && self.recorder.now() < deadline
        {
            self.step(Some(worker.as_mut()))?;
            if let Some(sample) = self.recorder.last_sample() {
                soak.see(sample.at_ns, sample.temperature_c);
            }
        }
        // A command without marks knows no `stop`.
        if self.run.engine.protocol == Protocol::Marks {
            worker.send(Command::Stop);
            self.await_done(worker.as_mut())?;
            self.await_exit(worker.as_mut())?;
        }
        worker.kill();
        self.end(Stage::PreSoak, start);
        Ok(())
    }

    /// A process that is on the device before the worker is would be measured with it.
    fn refuse_company(&mut self) -> Result<(), Fault> {
        match self.recorder.process_count()? {
            None | Some(0) => Ok(()),
            Some(count) => Err(Fault {
                fault: RunFault::ForeignProcess,
                detail: format!("{count} processes used the device before the worker was started"),
            }),
        }
    }

    pub(super) fn listen_until(
        &mut self,
        worker: &mut dyn Worker,
        moment: Nanos,
    ) -> Result<(), Fault> {
        self.listen(worker, |recorder| {
            recorder.worker_is_done() || recorder.now() >= moment
        })
    }

    pub(super) fn launch(&mut self) -> Result<Box<dyn Worker>, Fault> {
        self.recorder.launch(self.run).map_err(|error| Fault {
            fault: RunFault::WorkerNotStarted,
            detail: error.to_string(),
        })
    }

    /// Samples until something is true; a worker that says nothing for too long is a fault. For a
    /// command that prints no marks, this limits its whole time.
    pub(super) fn listen(
        &mut self,
        worker: &mut dyn Worker,
        is_over: impl Fn(&Recorder<'a>) -> bool,
    ) -> Result<(), Fault> {
        let timeout = Nanos::from_seconds(self.run.session.timeout_s);
        let mut heard = self.recorder.now();
        while !is_over(&self.recorder) {
            if self.step(Some(worker))? == Talk::Marks {
                heard = self.recorder.now();
            }
            if self.recorder.now().saturating_sub(heard) > timeout {
                return Err(Fault {
                    fault: RunFault::WorkerTimeout,
                    detail: format!(
                        "no mark for {} s (timeout_s of [session]); the worker was killed",
                        self.run.session.timeout_s
                    ),
                });
            }
        }
        Ok(())
    }

    /// Samples until `done`. Marks do not prolong this wait, so that a worker that is deaf to `stop`
    /// comes to an end as well.
    pub(super) fn await_done(&mut self, worker: &mut dyn Worker) -> Result<(), Fault> {
        let deadline = self.recorder.now() + Nanos::from_seconds(self.run.session.timeout_s);
        while !self.recorder.worker_is_done() {
            self.step(Some(worker))?;
            if self.recorder.now() > deadline {
                return Err(Fault {
                    fault: RunFault::WorkerTimeout,
                    detail: format!(
                        "no done within {} s of stop (timeout_s of [session]); the worker was killed",
                        self.run.session.timeout_s
                    ),
                });
            }
        }
        Ok(())
    }

    pub(super) fn await_exit(&mut self, worker: &mut dyn Worker) -> Result<(), Fault> {
        let deadline = self.recorder.now() + EXIT_TIMEOUT;
        while !self.recorder.worker_left() {
            self.step(Some(worker))?;
            if self.recorder.now() > deadline {
                return Err(Fault {
                    fault: RunFault::WorkerTimeout,
                    detail: "the worker did not leave within 20 s of done; it was killed"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    fn pause(&mut self, stage: Stage, duration: Nanos) -> Result<(), Fault> {
        let start = self.begin(stage);
        while self.recorder.now() < start + duration {
            self.step(None)?;
        }
        self.end(stage, start);
        Ok(())
    }

    pub(super) fn step(&mut self, worker: Option<&mut dyn Worker>) -> Result<Talk, Fault> {
        self.observer.sampled();
        let talk = self.recorder.step(worker)?;
        self.see_sample();
        self.look_for_company()?;
        Ok(talk)
    }

    pub(super) fn begin(&mut self, stage: Stage) -> Nanos {
        self.observer.stage(stage);
        self.recorder.now()
    }

    pub(super) fn end(&mut self, stage: Stage, begin_ns: Nanos) {
        let end_ns = self.recorder.now();
        self.span(stage, begin_ns, end_ns);
    }

    pub(super) fn span(&mut self, stage: Stage, begin_ns: Nanos, end_ns: Nanos) {
        self.spans.push(Span {
            stage,
            begin_ns,
            end_ns,
        });
    }
}
