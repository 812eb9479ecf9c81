//! The sampler: reads on a fixed grid of deadlines, says how late it was, keeps every reading as
//! the driver gave it and every mark as the worker said it. It interprets nothing.

use model::mark::Mark;
use model::reason::RunFault;
use model::run::Run;
use model::sample::Sample;
use model::trace::{Fault, ReceivedMark};
use model::units::{Millijoules, Nanos};
use thiserror::Error;

use crate::device::{DeviceError, Instrument};
use crate::worker::{LaunchError, MarkOrder, Worker, WorkerEvent};

/// Marks that a run may have: two for every 165 ms of a day. They stand in the header of the trace,
/// which is in memory as a whole.
const MOST_MARKS: usize = 1 << 20;

/// Whether the worker said something between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Silence,
    Marks,
}

/// Where samples go as they are taken: into memory, or into a file.
pub trait SampleSink {
    /// Takes the next sample.
    ///
    /// # Errors
    /// Where it cannot be kept; the recording has failed then.
    fn take(&mut self, sample: Sample) -> Result<(), Unwritable>;
}

/// A sample that cannot be kept; the sink knows more when it is asked for the recording.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the samples cannot be kept: {reason}")]
pub struct Unwritable {
    /// Why.
    pub reason: String,
}

impl SampleSink for Vec<Sample> {
    fn take(&mut self, sample: Sample) -> Result<(), Unwritable> {
        self.push(sample);
        Ok(())
    }
}

/// Samples and marks of one run, as they come. It keeps the last sample only; all go to the sink.
pub(super) struct Recorder<'a> {
    instrument: &'a mut dyn Instrument,
    sink: &'a mut dyn SampleSink,
    period: Nanos,
    deadline: Nanos,
    last: Option<Sample>,
    marks: Vec<ReceivedMark>,
    order: MarkOrder,
    ready: bool,
    done: bool,
    left: bool,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        instrument: &'a mut dyn Instrument,
        sink: &'a mut dyn SampleSink,
        period: Nanos,
    ) -> Self {
        let deadline = instrument.clock().now();
        Self {
            instrument,
            sink,
            period,
            deadline,
            last: None,
            marks: Vec::new(),
            order: MarkOrder::default(),
            ready: false,
            done: false,
            left: false,
        }
    }

    /// Waits for the next deadline, hears the worker, takes a sample.
    pub(super) fn step(&mut self, worker: Option<&mut dyn Worker>) -> Result<Talk, Fault> {
        self.instrument.clock().sleep_until(self.deadline);
        let events = worker.map(Worker::poll).unwrap_or_default();
        let mut sample = self
            .instrument
            .sense()
            .sample()
            .map_err(|error| lost(&error))?;
        sample.late_ns = sample.at_ns.saturating_sub(self.deadline);
        // The grid stays fixed: deadlines that passed during a slow read are left out, and the
        // lateness of this sample says so.
        let missed = sample.late_ns.get() / self.period.get();
        self.deadline = self.deadline + Nanos::new((missed + 1) * self.period.get());
        self.last = Some(sample.clone());
        self.sink.take(sample).map_err(|error| unwritable(&error))?;
        self.hear(events)
    }

    fn hear(&mut self, events: Vec<WorkerEvent>) -> Result<Talk, Fault> {
        let mut talk = Talk::Silence;
        for event in events {
            match event {
                WorkerEvent::Said { received_ns, mark } => {
                    self.take_mark(received_ns, mark)?;
                    talk = Talk::Marks;
                }
                WorkerEvent::Garbage { line, reason } => {
                    return Err(Fault {
                        fault: RunFault::WorkerGarbage,
                        detail: format!(
                            "the line '{line}' is no mark: {reason}; standard output is for marks only"
                        ),
                    });
                }
                WorkerEvent::Exited {
                    success, detail, ..
                } => {
                    self.left = true;
                    if !self.done || !success {
                        return Err(Fault {
                            fault: RunFault::WorkerCrashed,
                            detail,
                        });
                    }
                }
            }
        }
        Ok(talk)
    }

    fn take_mark(&mut self, received_ns: Nanos, mark: Mark) -> Result<(), Fault> {
        self.order.follow(&mark).map_err(|error| Fault {
            fault: RunFault::WorkerGarbage,
            detail: error.to_string(),
        })?;
        let failure = match &mark {
            Mark::Failed { message, .. } => Some(message.clone()),
            Mark::Ready { .. } => {
                self.ready = true;
                None
            }
            Mark::Done { .. } => {
                self.done = true;
                None
            }
            Mark::Begin { .. } | Mark::End { .. } => None,
        };
        if self.marks.len() >= MOST_MARKS {
            return Err(Fault {
                fault: RunFault::WorkerGarbage,
                detail: format!(
                    "more than {MOST_MARKS} marks; measure longer phases, or several at once"
                ),
            });
        }
        self.marks.push(ReceivedMark { received_ns, mark });
        match failure {
            Some(detail) => Err(Fault {
                fault: RunFault::WorkerFailed,
                detail,
            }),
            None => Ok(()),
        }
    }

    pub(super) fn launch(&mut self, run: &Run) -> Result<Box<dyn Worker>, LaunchError> {
        self.instrument.launch(run)
    }

    pub(super) fn now(&self) -> Nanos {
        self.instrument.clock().now()
    }

    pub(super) fn has_ticking_counter(&mut self) -> bool {
        self.instrument.sense().has_ticking_counter()
    }

    pub(super) fn process_count(&mut self) -> Result<Option<u32>, Fault> {
        self.instrument
            .sense()
            .process_count()
            .map_err(|error| lost(&error))
    }

    pub(super) fn last_energy(&self) -> Option<Millijoules> {
        self.last.as_ref().and_then(|sample| sample.energy_mj)
    }

    pub(super) fn last_sample_at(&self) -> Nanos {
        self.last
            .as_ref()
            .map_or_else(|| self.now(), |sample| sample.at_ns)
    }

    pub(super) fn last_end(&self) -> Option<Nanos> {
        self.marks
            .iter()
            .rev()
            .find_map(|received| match received.mark {
                Mark::End { at_ns, .. } => Some(at_ns),
                _ => None,
            })
    }

    pub(super) const fn worker_is_ready(&self) -> bool {
        self.ready
    }

    /// Where the worker computes, once it is ready.
    pub(super) fn worker_device(&self) -> Option<&str> {
        self.marks.iter().find_map(|received| match &received.mark {
            Mark::Ready { worker, .. } => Some(worker.device.as_str()),
            _ => None,
        })
    }

    pub(super) const fn worker_is_done(&self) -> bool {
        self.done
    }

    pub(super) const fn worker_left(&self) -> bool {
        self.left
    }

    pub(super) fn finish(self) -> Vec<ReceivedMark> {
        self.marks
    }
}

/// Ends the session. Nobody reads this fault: a recording that cannot be written cannot be sealed,
/// and says so itself.
fn unwritable(error: &Unwritable) -> Fault {
    Fault {
        fault: RunFault::DeviceLost,
        detail: error.to_string(),
    }
}

/// The fault of a device that stopped answering.
pub(super) fn lost(error: &DeviceError) -> Fault {
    Fault {
        fault: RunFault::DeviceLost,
        detail: error.to_string(),
    }
}
