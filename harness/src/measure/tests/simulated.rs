//! A GPU of `gpu-sim` as an instrument, and a command that loads it.

use std::cell::RefCell;
use std::rc::Rc;

use gpu_sim::{Board, Gpu, Work};
use model::machine::{Device, Machine};
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::run::Run;
use model::sample::Sample;
use model::units::{Joules, Nanos};
use statistics::draws::NormalDraws;

use crate::clock::{Clock, VirtualClock};
use crate::device::{Control, DeviceError, Instrument, Sense};
use crate::measure::execution::{Ending, Execution, Executions, Executor, Repetition, StartError};
use crate::worker::{LaunchError, Worker};

/// Time between two executions of a window, for making a process.
const GAP: Nanos = Nanos::new(400_000);

/// How the command behaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// So long every time.
    Steady(Nanos),
    /// So long, and exit code 3.
    Fails(Nanos),
    /// About so long, with this relative scatter.
    Uneven(Nanos, f64),
    /// So long, and half as long again the first time.
    ColdStart(Nanos),
    /// So long, on a device whose counter stands still.
    FrozenCounter(Nanos),
}

struct State {
    gpu: Gpu,
    /// Executions that lie ahead or run now.
    planned: Vec<Execution>,
    started: u32,
    draws: NormalDraws,
}

impl State {
    /// Up to a moment, with the load of the executions on the way.
    fn advance(&mut self, now: Nanos) {
        for execution in self.planned.clone() {
            if execution.begin_ns <= now && self.gpu.now() <= execution.begin_ns {
                self.gpu.advance(execution.begin_ns);
                self.gpu.set_context(true);
                let cost = gpu_sim::kernels::named("triad").expect("a kernel of the table");
                self.gpu.set_work(Some(Work::endless(cost)));
            }
            if execution.end_ns <= now && self.gpu.now() <= execution.end_ns {
                self.gpu.advance(execution.end_ns);
                self.gpu.set_work(None);
                self.gpu.set_context(false);
            }
        }
        self.gpu.advance(now);
    }
}

/// GPU, clock and command.
#[derive(Clone)]
pub(super) struct Simulated {
    state: Rc<RefCell<State>>,
    clock: VirtualClock,
    manner: Manner,
}

impl Simulated {
    /// A card of perfect scale.
    pub(super) fn on(board: &str, manner: Manner, seed: u64) -> Self {
        let origin = Nanos::from_seconds(10.0);
        let gpu = Gpu::ideal(Board::named(board).unwrap(), origin);
        Self {
            state: Rc::new(RefCell::new(State {
                gpu,
                planned: Vec::new(),
                started: 0,
                draws: NormalDraws::new(seed, 0),
            })),
            clock: VirtualClock::starting_at(origin),
            manner,
        }
    }

    pub(super) fn instrument(&self) -> SimulatedInstrument {
        SimulatedInstrument(self.clone())
    }

    pub(super) fn command(&self) -> SimulatedCommand {
        SimulatedCommand(self.clone())
    }

    pub(super) fn true_energy(&self, from: Nanos, to: Nanos) -> Joules {
        self.state.borrow().gpu.timeline().energy_between(from, to)
    }

    fn length(&self) -> Nanos {
        let mut state = self.state.borrow_mut();
        state.started += 1;
        let stretched = |length: Nanos, by: f64| {
            Nanos::from_seconds(model::units::Seconds::from(length).get() * by)
        };
        match self.manner {
            Manner::Steady(length) | Manner::Fails(length) | Manner::FrozenCounter(length) => {
                length
            }
            Manner::Uneven(length, scatter) => {
                stretched(length, 1.0 + scatter * state.draws.draw())
            }
            Manner::ColdStart(length) if state.started == 1 => stretched(length, 1.5),
            Manner::ColdStart(length) => length,
        }
    }
}

pub(super) struct SimulatedCommand(Simulated);

impl Executor for SimulatedCommand {
    fn start(&mut self, repetition: Repetition) {
        let start = self.0.clock.now();
        let ending = match self.0.manner {
            Manner::Fails(_) => Ending::Code(3),
            _ => Ending::Code(0),
        };
        let mut list: Vec<Execution> = Vec::new();
        loop {
            let begin_ns = list.last().map_or(start, |last| last.end_ns + GAP);
            let end_ns = begin_ns + self.0.length();
            list.push(Execution {
                begin_ns,
                end_ns,
                ending,
            });
            let done = u32::try_from(list.len()).unwrap();
            if !repetition.goes_on(done, end_ns.saturating_sub(start)) {
                break;
            }
        }
        self.0.state.borrow_mut().planned = list;
    }

    fn poll(&mut self) -> Result<Option<Executions>, StartError> {
        let list = self.0.state.borrow().planned.clone();
        let is_over = list
            .last()
            .is_some_and(|last| last.end_ns <= self.0.clock.now());
        Ok(is_over.then(|| Executions {
            list,
            last_words: Vec::new(),
        }))
    }

    fn name(&self) -> String {
        "simulated".to_owned()
    }
}

pub(super) struct SimulatedInstrument(Simulated);

impl Instrument for SimulatedInstrument {
    fn sense(&mut self) -> &mut dyn Sense {
        self
    }

    fn control(&mut self) -> Option<&mut dyn Control> {
        None
    }

    fn clock(&self) -> &dyn Clock {
        &self.0.clock
    }

    fn provenance(&self) -> Provenance {
        Provenance::Emulated
    }

    fn launch(&mut self, _run: &Run) -> Result<Box<dyn Worker>, LaunchError> {
        unreachable!("a measurement runs its own command")
    }

    fn true_energy(&self, from: Nanos, to: Nanos) -> Option<Joules> {
        Some(self.0.true_energy(from, to))
    }
}

impl Sense for SimulatedInstrument {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        let at_ns = self.0.clock.now();
        let mut state = self.0.state.borrow_mut();
        state.advance(at_ns);
        let readings = state.gpu.read();
        let is_frozen = matches!(self.0.manner, Manner::FrozenCounter(_));
        let energy = if is_frozen {
            model::units::Millijoules::new(7)
        } else {
            readings.energy
        };
        Ok(Sample {
            at_ns,
            read_ns: Nanos::new(100_000),
            energy_mj: Some(energy),
            power_mw: Some(readings.power_usage),
            power_average_mw: readings.power_average,
            power_instant_mw: Some(readings.power_instant),
            sm_clock_mhz: Some(readings.sm_clock),
            memory_clock_mhz: Some(readings.memory_clock),
            temperature_c: Some(readings.temperature_c),
            event_reasons: Some(readings.event_reasons),
            ..Sample::default()
        })
    }

    fn machine(&self) -> Machine {
        let board = self.0.state.borrow().gpu.board().clone();
        Machine {
            harness: "joulebench".to_owned(),
            kernel: "emulated".to_owned(),
            cpu: "emulated".to_owned(),
            cpu_count: 1,
            memory_mib: 1,
            device: Device {
                kind: DeviceKind::Nvml,
                name: board.product_name.clone(),
                board_id: None,
                driver: None,
                cuda: None,
                vbios: None,
                memory_mib: None,
                power_limit_mw: None,
                max_sm_clock_mhz: None,
                max_memory_clock_mhz: None,
                ecc: None,
                mig: None,
                persistence: None,
                package_energy_range_uj: None,
                true_window_energy_mj: None,
            },
            absent: std::collections::BTreeMap::new(),
        }
    }

    fn has_ticking_counter(&self) -> bool {
        true
    }

    fn process_count(&self) -> Result<Option<u32>, DeviceError> {
        Ok(Some(0))
    }
}
