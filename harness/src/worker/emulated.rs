//! A worker in virtual time: it computes nothing, says the marks that a real worker would say, and
//! gives the emulated card the operations and bytes that its model counts.
//!
//! What it stands for is an engine without overhead: fused kernels at the efficiency that the board's
//! profile states, launched as one graph.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gpu_sim::{Gpu, Work};
use model::cost::error::CostError;
use model::cost::phase::Phase;
use model::cost::workload::{output, phases};
use model::mark::{Command, Mark, WorkerInfo};
use model::run::Run;
use model::units::Nanos;

use super::{LaunchError, Worker, WorkerEvent};
use crate::clock::{Clock, VirtualClock};

/// Time to load before the warm-up.
const LOAD_TIME: Nanos = Nanos::from_millis(500);
/// Time from the last mark to the end of the process.
const EXIT_TIME: Nanos = Nanos::from_millis(50);

#[derive(Clone, Copy, Debug)]
enum State {
    Loading {
        until: Nanos,
    },
    /// Iterations before `ready`; they go on until this moment has passed.
    WarmingUp {
        phase: usize,
        until: Nanos,
    },
    Waiting,
    Inside {
        phase: usize,
    },
    Leaving {
        until: Nanos,
    },
    Gone,
}

/// The worker of an emulated card.
pub struct EmulatedWorker {
    clock: VirtualClock,
    gpu: Rc<RefCell<Gpu>>,
    phases: Vec<Phase>,
    info: WorkerInfo,
    warm_up: Nanos,
    state: State,
    events: Vec<WorkerEvent>,
    work_done: u64,
    stopping: bool,
}

impl EmulatedWorker {
    /// A worker for the point of a run.
    ///
    /// # Errors
    /// Where the point lacks an axis that its model needs.
    pub fn start(
        run: &Run,
        clock: VirtualClock,
        gpu: Rc<RefCell<Gpu>>,
    ) -> Result<Self, LaunchError> {
        let refused = |error: CostError| LaunchError {
            program: "emulated worker".to_owned(),
            reason: error.to_string(),
        };
        let (output_phase, unit) = output(&run.point).map_err(refused)?;
        let phases = phases(&run.point).map_err(refused)?;
        let now = clock.now();
        gpu.borrow_mut().advance(now);
        gpu.borrow_mut().set_context(true);
        Ok(Self {
            phases,
            info: WorkerInfo {
                name: "emulated worker".to_owned(),
                engine: "emulated".to_owned(),
                device: "emulated".to_owned(),
                weights: "none".to_owned(),
                weights_id: None,
                inputs_id: None,
                output_phase: output_phase.to_owned(),
                unit: unit.to_owned(),
            },
            warm_up: Nanos::from_seconds(run.session.warmup_s),
            state: State::Loading {
                until: now + LOAD_TIME,
            },
            events: Vec::new(),
            work_done: 0,
            stopping: false,
            clock,
            gpu,
        })
    }

    fn say(&mut self, mark: Mark) {
        self.events.push(WorkerEvent::Said {
            received_ns: mark.at(),
            mark,
        });
    }

    fn give(&self, phase: Option<usize>) {
        let work = phase.map(|phase| Work::once(self.phases[phase].cost));
        self.gpu.borrow_mut().set_work(work);
    }

    fn begin_phase(&mut self, phase: usize, at_ns: Nanos) {
        self.give(Some(phase));
        self.say(Mark::Begin {
            at_ns,
            phase: self.phases[phase].name.to_owned(),
        });
        self.state = State::Inside { phase };
    }

    /// The card has done what it was given.
    fn end_phase(&mut self, at_ns: Nanos) {
        match self.state {
            State::WarmingUp { phase, until } => {
                let next = (phase + 1) % self.phases.len();
                if next == 0 && at_ns >= until {
                    self.say(Mark::Ready {
                        at_ns,
                        worker: self.info.clone(),
                    });
                    self.state = State::Waiting;
                } else {
                    self.give(Some(next));
                    self.state = State::WarmingUp { phase: next, until };
                }
            }
            State::Inside { phase } => {
                let Phase { name, units, .. } = self.phases[phase];
                self.say(Mark::End {
                    at_ns,
                    phase: name.to_owned(),
                    work: units,
                });
                if phase + 1 < self.phases.len() {
                    return self.begin_phase(phase + 1, at_ns);
                }
                self.work_done += units;
                if self.stopping {
                    self.leave(at_ns);
                } else {
                    self.begin_phase(0, at_ns);
                }
            }
            State::Loading { .. } | State::Waiting | State::Leaving { .. } | State::Gone => {}
        }
    }

    fn leave(&mut self, at_ns: Nanos) {
        self.say(Mark::Done {
            at_ns,
            work: self.work_done,
            digest: String::new(),
            quality: BTreeMap::new(),
        });
        self.state = State::Leaving {
            until: at_ns + EXIT_TIME,
        };
    }

    /// When the worker itself does something next, whatever the card does.
    fn alarm(&self) -> Option<Nanos> {
        match self.state {
            State::Loading { until } | State::Leaving { until } => Some(until),
            State::WarmingUp { .. } | State::Waiting | State::Inside { .. } | State::Gone => None,
        }
    }

    fn wake(&mut self, at_ns: Nanos) {
        match self.state {
            State::Loading { .. } => {
                self.give(Some(0));
                self.state = State::WarmingUp {
                    phase: 0,
                    until: at_ns + self.warm_up,
                };
            }
            State::Leaving { .. } => {
                self.gpu.borrow_mut().set_context(false);
                self.events.push(WorkerEvent::Exited {
                    received_ns: at_ns,
                    success: true,
                    detail: "emulated".to_owned(),
                });
                self.state = State::Gone;
            }
            State::WarmingUp { .. } | State::Waiting | State::Inside { .. } | State::Gone => {}
        }
    }
}

impl Worker for EmulatedWorker {
    fn poll(&mut self) -> Vec<WorkerEvent> {
        let now = self.clock.now();
        loop {
            let alarm = self.alarm().filter(|alarm| *alarm <= now);
            let ended = self.gpu.borrow_mut().advance(alarm.unwrap_or(now));
            match (ended, alarm) {
                (Some(at), _) => self.end_phase(at),
                (None, Some(at)) => self.wake(at),
                (None, None) => return std::mem::take(&mut self.events),
            }
        }
    }

    fn send(&mut self, command: Command) {
        match (command, self.state) {
            (Command::Go, State::Waiting) => {
                let now = self.clock.now();
                self.gpu.borrow_mut().advance(now);
                self.begin_phase(0, now);
            }
            (Command::Stop, State::Waiting) => self.leave(self.clock.now()),
            (Command::Stop, _) => self.stopping = true,
            (Command::Go, _) => {}
        }
    }

    fn kill(&mut self) {
        if matches!(self.state, State::Gone) {
            return;
        }
        let now = self.clock.now();
        let mut gpu = self.gpu.borrow_mut();
        gpu.advance(now);
        gpu.set_work(None);
        gpu.set_context(false);
        drop(gpu);
        self.state = State::Gone;
    }
}
