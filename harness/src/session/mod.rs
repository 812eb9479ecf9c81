//! One run: idle baseline, worker, warm-up, window between two ticks of the energy counter,
//! cool-down, idle again. Whatever goes wrong is recorded as a fault of the trace.

mod control;
mod recorder;
mod work;

use model::format::FORMAT_VERSION;
use model::mark::Command;
use model::plan::DeviceKind;
use model::reason::RunFault;
use model::run::{Protocol, Run};
use model::trace::{Fault, Span, Stage, Trace, TraceHeader};
use model::units::{Joules, Nanos};

use crate::device::{DeviceError, Instrument};
use crate::worker::Worker;

use self::recorder::{Recorder, Talk, lost};
pub use self::recorder::{SampleSink, Unwritable};

/// Longest wait for a tick of the energy counter; a healthy one ticks every 20 to 100 ms.
const TICK_TIMEOUT: Nanos = Nanos::from_millis(2_000);
/// Longest wait for a worker to leave after `done`.
const EXIT_TIMEOUT: Nanos = Nanos::from_millis(20_000);

/// Hears of the progress of a session.
pub trait SessionObserver {
    /// A stage begins.
    fn stage(&mut self, stage: Stage);
    /// A sample was taken.
    fn sampled(&mut self) {}
}

/// Nobody watches.
impl SessionObserver for () {
    fn stage(&mut self, _stage: Stage) {}
}

/// Takes one run on an instrument, with all of its samples in memory.
///
/// # Errors
/// As [`record_into`].
pub fn record(
    instrument: &mut dyn Instrument,
    run: &Run,
    started_unix_s: Option<u64>,
    observer: &mut dyn SessionObserver,
) -> Result<Trace, DeviceError> {
    let mut samples = Vec::new();
    let header = record_into(instrument, run, started_unix_s, &mut samples, observer)?;
    Ok(Trace { header, samples })
}

/// Takes one run on an instrument. Samples go to the sink as they come; the rest of the trace is
/// given back.
///
/// # Errors
/// Where the device refuses a setting of the point before anything is measured. Everything later
/// ends as a fault in the header. A sink that fails ends the session, and has to be asked why.
pub fn record_into(
    instrument: &mut dyn Instrument,
    run: &Run,
    started_unix_s: Option<u64>,
    sink: &mut dyn SampleSink,
    observer: &mut dyn SessionObserver,
) -> Result<TraceHeader, DeviceError> {
    let settings = control::apply(instrument, &run.point)?;
    let mut machine = instrument.sense().machine();
    let provenance = instrument.provenance();
    let mut session = Session {
        recorder: Recorder::new(
            instrument,
            sink,
            Nanos::from_millis(u64::from(run.session.sample_period_ms)),
        ),
        run,
        observer,
        spans: Vec::new(),
        faults: Vec::new(),
    };
    if let Err(fault) = session.take() {
        session.faults.push(fault);
    }
    let Session {
        recorder,
        spans,
        mut faults,
        ..
    } = session;
    let marks = recorder.finish();
    if faults.is_empty() {
        faults.extend(work::faults(&marks, &spans, &run.point));
    }
    if let Err(error) = control::release(instrument, settings) {
        faults.push(lost(&error));
    }
    // A sensor that failed on the way is absent with its reason, as one that was never there.
    machine.absent = instrument.sense().machine().absent;
    machine.device.true_window_energy_mj = spans
        .iter()
        .find(|span| span.stage == Stage::Window)
        .and_then(|window| instrument.true_energy(window.begin_ns, window.end_ns))
        .map(|energy: Joules| energy.get() * 1e3);
    Ok(TraceHeader {
        format: FORMAT_VERSION,
        run: run.clone(),
        provenance,
        machine,
        spans,
        marks,
        faults,
        started_unix_s,
    })
}

struct Session<'a> {
    recorder: Recorder<'a>,
    run: &'a Run,
    observer: &'a mut dyn SessionObserver,
    spans: Vec<Span>,
    faults: Vec<Fault>,
}

impl<'a> Session<'a> {
    fn take(&mut self) -> Result<(), Fault> {
        self.refuse_company()?;
        let idle = Nanos::from_seconds(self.run.session.idle_s);
        self.pause(Stage::IdleBefore, idle)?;
        let mut worker = match self.run.engine.protocol {
            Protocol::Marks => self.window_of_marks()?,
            Protocol::None => self.window_of_command()?,
        };
        worker.kill();
        self.pause(
            Stage::CoolDown,
            Nanos::from_seconds(self.run.session.cooldown_s),
        )?;
        self.pause(Stage::IdleAfter, idle)
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

    fn window_of_marks(&mut self) -> Result<Box<dyn Worker>, Fault> {
        let start = self.begin(Stage::WarmUp);
        let mut worker = self.launch()?;
        self.listen(worker.as_mut(), Recorder::worker_is_ready)?;
        self.refuse_elsewhere()?;
        self.end(Stage::WarmUp, start);

        self.observer.stage(Stage::Window);
        let begin = self.tick(Some(worker.as_mut()))?;
        worker.send(Command::Go);
        let shortest = begin + Nanos::from_seconds(self.run.session.window_s);
        self.listen(worker.as_mut(), |recorder| {
            recorder.worker_is_done() || recorder.now() >= shortest
        })?;
        worker.send(Command::Stop);
        self.await_done(worker.as_mut())?;
        let end = self.closing_tick(Some(worker.as_mut()))?;
        self.span(Stage::Window, begin, end);
        self.await_exit(worker.as_mut())?;
        Ok(worker)
    }

    fn window_of_command(&mut self) -> Result<Box<dyn Worker>, Fault> {
        self.observer.stage(Stage::Window);
        let begin = self.tick(None)?;
        let mut worker = self.launch()?;
        self.listen(worker.as_mut(), Recorder::worker_is_done)?;
        let end = self.closing_tick(None)?;
        self.span(Stage::Window, begin, end);
        Ok(worker)
    }

    fn launch(&mut self) -> Result<Box<dyn Worker>, Fault> {
        self.recorder.launch(self.run).map_err(|error| Fault {
            fault: RunFault::WorkerNotStarted,
            detail: error.to_string(),
        })
    }

    /// Samples until something is true; a worker that says nothing for too long is a fault. For a
    /// command that prints no marks, this limits its whole time.
    fn listen(
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
    fn await_done(&mut self, worker: &mut dyn Worker) -> Result<(), Fault> {
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

    /// Samples until the energy counter shows a new value; the moment of the sample that did.
    /// Without a counter that ticks, now.
    fn tick(&mut self, mut worker: Option<&mut dyn Worker>) -> Result<Nanos, Fault> {
        if !self.recorder.has_ticking_counter() {
            return Ok(self.recorder.now());
        }
        let deadline = self.recorder.now() + TICK_TIMEOUT;
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

    fn await_exit(&mut self, worker: &mut dyn Worker) -> Result<(), Fault> {
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

    fn step(&mut self, worker: Option<&mut dyn Worker>) -> Result<Talk, Fault> {
        self.observer.sampled();
        self.recorder.step(worker)
    }

    fn begin(&mut self, stage: Stage) -> Nanos {
        self.observer.stage(stage);
        self.recorder.now()
    }

    fn end(&mut self, stage: Stage, begin_ns: Nanos) {
        let end_ns = self.recorder.now();
        self.span(stage, begin_ns, end_ns);
    }

    fn span(&mut self, stage: Stage, begin_ns: Nanos, end_ns: Nanos) {
        self.spans.push(Span {
            stage,
            begin_ns,
            end_ns,
        });
    }
}

#[cfg(test)]
mod tests;
