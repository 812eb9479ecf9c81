//! A worker in virtual time: it computes nothing, says the marks that a LLaMA worker would say,
//! and loads the emulated GPU meanwhile. Its speeds and powers are round numbers of no model.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gpu_sim::Gpu;
use model::axis::{Axis, AxisValue};
use model::mark::{Command, Mark, WorkerInfo};
use model::point::Point;
use model::run::Run;
use model::units::{Nanos, Seconds, Watts};

use super::{LaunchError, Worker, WorkerEvent};
use crate::clock::{Clock, VirtualClock};

/// Time to load before the warm-up.
const LOAD_TIME: Nanos = Nanos::from_millis(500);
/// Time from the last mark to the end of the process.
const EXIT_TIME: Nanos = Nanos::from_millis(50);
const PREFILL_TOKENS_PER_S: f64 = 20_000.0;
const DECODE_STEP: Seconds = Seconds::new(0.006);
const DECODE_STEP_PER_SEQUENCE: Seconds = Seconds::new(0.000_2);
const PREFILL_DYNAMIC_POWER: Watts = Watts::new(450.0);
const DECODE_DYNAMIC_POWER: Watts = Watts::new(250.0);
const WARM_UP_DYNAMIC_POWER: Watts = Watts::new(300.0);

/// A phase that is to come.
#[derive(Clone, Debug)]
struct Phase {
    name: &'static str,
    work: u64,
    duration: Nanos,
    dynamic_power: Watts,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Loading { until: Nanos },
    WarmingUp { until: Nanos },
    Waiting,
    Inside { phase: usize, until: Nanos },
    Leaving { until: Nanos },
    Gone,
}

/// The worker of the emulated GPU.
pub struct EmulatedWorker {
    clock: VirtualClock,
    gpu: Rc<RefCell<Gpu>>,
    phases: [Phase; 2],
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
    /// Where the point lacks an axis that the emulated worker needs.
    pub fn start(
        run: &Run,
        clock: VirtualClock,
        gpu: Rc<RefCell<Gpu>>,
    ) -> Result<Self, LaunchError> {
        let phases = phases(&run.point, gpu.borrow().slowdown())?;
        let until = clock.now() + LOAD_TIME;
        Ok(Self {
            clock,
            gpu,
            phases,
            warm_up: Nanos::from_seconds(run.session.warmup_s),
            state: State::Loading { until },
            events: Vec::new(),
            work_done: 0,
            stopping: false,
        })
    }

    fn load(&self, at: Nanos, dynamic_power: Watts) {
        self.gpu.borrow_mut().set_load(at, dynamic_power);
    }

    fn say(&mut self, mark: Mark) {
        self.events.push(WorkerEvent::Said {
            received_ns: mark.at(),
            mark,
        });
    }

    fn begin_phase(&mut self, phase: usize, at_ns: Nanos) {
        let Phase {
            name,
            duration,
            dynamic_power,
            ..
        } = self.phases[phase];
        self.load(at_ns, dynamic_power);
        self.say(Mark::Begin {
            at_ns,
            phase: name.to_owned(),
        });
        self.state = State::Inside {
            phase,
            until: at_ns + duration,
        };
    }

    fn end_phase(&mut self, phase: usize, at_ns: Nanos) {
        let Phase { name, work, .. } = self.phases[phase];
        self.say(Mark::End {
            at_ns,
            phase: name.to_owned(),
            work,
        });
        let is_last = phase + 1 == self.phases.len();
        if !is_last {
            return self.begin_phase(phase + 1, at_ns);
        }
        self.work_done += work;
        if self.stopping {
            return self.leave(at_ns);
        }
        self.begin_phase(0, at_ns);
    }

    fn leave(&mut self, at_ns: Nanos) {
        self.load(at_ns, Watts::new(0.0));
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

    /// Takes the next step that is due by now; false where there is none.
    fn advance(&mut self, now: Nanos) -> bool {
        match self.state {
            State::Loading { until } if until <= now => {
                self.load(until, WARM_UP_DYNAMIC_POWER);
                self.state = State::WarmingUp {
                    until: until + self.warm_up,
                };
            }
            State::WarmingUp { until } if until <= now => {
                self.load(until, Watts::new(0.0));
                self.say(Mark::Ready {
                    at_ns: until,
                    worker: info(),
                });
                self.state = State::Waiting;
            }
            State::Inside { phase, until } if until <= now => self.end_phase(phase, until),
            State::Leaving { until } if until <= now => {
                self.events.push(WorkerEvent::Exited {
                    received_ns: until,
                    success: true,
                    detail: "emulated".to_owned(),
                });
                self.state = State::Gone;
            }
            _ => return false,
        }
        true
    }
}

impl Worker for EmulatedWorker {
    fn poll(&mut self) -> Vec<WorkerEvent> {
        let now = self.clock.now();
        while self.advance(now) {}
        std::mem::take(&mut self.events)
    }

    fn send(&mut self, command: Command) {
        match (command, self.state) {
            (Command::Go, State::Waiting) => self.begin_phase(0, self.clock.now()),
            (Command::Stop, State::Waiting) => self.leave(self.clock.now()),
            (Command::Stop, _) => self.stopping = true,
            (Command::Go, _) => {}
        }
    }

    fn kill(&mut self) {
        self.load(self.clock.now(), Watts::new(0.0));
        self.state = State::Gone;
    }
}

fn info() -> WorkerInfo {
    WorkerInfo {
        name: "emulated worker".to_owned(),
        engine: "emulated".to_owned(),
        device: "emulated".to_owned(),
        weights: "none".to_owned(),
        output_phase: "decode".to_owned(),
        unit: "token".to_owned(),
    }
}

fn phases(point: &Point, slowdown: f64) -> Result<[Phase; 2], LaunchError> {
    let batch = integer(point, Axis::Batch)?;
    let prompt_tokens = integer(point, Axis::PromptTokens)?;
    let decode_tokens = integer(point, Axis::DecodeTokens)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "token counts are far below 2^53"
    )]
    let [sequences, prompts, tokens] =
        [batch, batch * prompt_tokens, decode_tokens].map(|n| n as f64);
    let step = DECODE_STEP + DECODE_STEP_PER_SEQUENCE * sequences;
    Ok([
        Phase {
            name: "prefill",
            work: batch * prompt_tokens,
            duration: Nanos::from_seconds(prompts / PREFILL_TOKENS_PER_S * slowdown),
            dynamic_power: PREFILL_DYNAMIC_POWER,
        },
        Phase {
            name: "decode",
            work: batch * decode_tokens,
            duration: Nanos::from_seconds(step.get() * tokens * slowdown),
            dynamic_power: DECODE_DYNAMIC_POWER,
        },
    ])
}

fn integer(point: &Point, axis: Axis) -> Result<u64, LaunchError> {
    point
        .get(axis)
        .and_then(AxisValue::as_integer)
        .ok_or_else(|| LaunchError {
            program: "emulated worker".to_owned(),
            reason: format!("axis '{axis}' is missing; the emulated worker needs batch, prompt_tokens and decode_tokens"),
        })
}
