//! Sessions on an instrument that misbehaves.

use std::cell::RefCell;
use std::rc::Rc;

use gpu_sim::{Board, Gpu};
use model::axis::Axis;
use model::machine::Machine;
use model::provenance::Provenance;
use model::reason::RunFault;
use model::sample::Sample;
use model::units::{Megahertz, Millijoules, Watts};

use super::super::*;
use crate::clock::{Clock, VirtualClock};
use crate::device::{Control, DEFAULT_BOARD, Sense};
use crate::fixture::{EMULATED_AXES, plan, plan_text};
use crate::worker::{EmulatedWorker, LaunchError, Worker};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// The counter never ticks.
    Frozen,
    /// It stops answering after so many samples.
    Lost(usize),
    /// So many processes use it already.
    Shared(u32),
    /// Its counter ticks, and after so many samples another process joins the worker.
    Joined(usize),
    /// It takes a clock and no power limit.
    RefusesCap,
}

/// A device with an emulated worker that writes down which settings it was given.
struct Fake {
    manner: Manner,
    clock: VirtualClock,
    samples: usize,
    settings: Vec<String>,
}

impl Fake {
    fn new(manner: Manner) -> Self {
        Self {
            manner,
            clock: VirtualClock::starting_at(Nanos::from_seconds(10.0)),
            samples: 0,
            settings: Vec::new(),
        }
    }
}

impl Instrument for Fake {
    fn sense(&mut self) -> &mut dyn Sense {
        self
    }

    fn control(&mut self) -> Option<&mut dyn Control> {
        Some(self)
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn provenance(&self) -> Provenance {
        Provenance::Emulated
    }

    fn launch(&mut self, run: &Run) -> Result<Box<dyn Worker>, LaunchError> {
        let gpu = Rc::new(RefCell::new(Gpu::ideal(
            Board::named(DEFAULT_BOARD).expect("compiled in"),
            self.clock.now(),
        )));
        Ok(Box::new(EmulatedWorker::start(
            run,
            self.clock.clone(),
            gpu,
        )?))
    }

    fn true_energy(&self, _from: Nanos, _to: Nanos) -> Option<Joules> {
        None
    }
}

impl Sense for Fake {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        if self.manner == Manner::Lost(self.samples) {
            return Err(DeviceError::Call {
                call: "sample",
                reason: "GPU is lost".to_owned(),
            });
        }
        self.samples += 1;
        Ok(Sample {
            at_ns: self.clock.now(),
            energy_mj: Some(Millijoules::new(match self.manner {
                Manner::Joined(_) => 1_000 + 5_000 * self.samples as u64,
                _ => 1_000,
            })),
            ..Sample::default()
        })
    }

    fn machine(&self) -> Machine {
        crate::fixture::emulated()
            .open(0)
            .expect("always there")
            .sense()
            .machine()
    }

    fn has_ticking_counter(&self) -> bool {
        true
    }

    fn process_count(&self) -> Result<Option<u32>, DeviceError> {
        Ok(match self.manner {
            Manner::Shared(count) => Some(count),
            _ => None,
        })
    }

    fn process_ids(&self) -> Result<Option<Vec<u32>>, DeviceError> {
        // Numbers above the kernel's highest, as those of another namespace may be.
        Ok(match self.manner {
            Manner::Joined(after) if self.samples > after => Some(vec![5_000_001, 5_000_002]),
            Manner::Joined(_) => Some(vec![5_000_001]),
            _ => None,
        })
    }
}

impl Control for Fake {
    fn lock_sm_clock(&mut self, clock: Megahertz) -> Result<(), DeviceError> {
        self.settings.push(format!("clock {clock}"));
        Ok(())
    }

    fn set_power_cap(&mut self, cap: Watts) -> Result<(), DeviceError> {
        if self.manner == Manner::RefusesCap {
            return Err(DeviceError::OutOfRange {
                axis: Axis::PowerCapW,
                value: cap.to_string(),
                low: "200 W".to_owned(),
                high: "250 W".to_owned(),
            });
        }
        self.settings.push(format!("cap {cap}"));
        Ok(())
    }

    fn release(&mut self) -> Result<(), DeviceError> {
        self.settings.push("release".to_owned());
        Ok(())
    }
}

fn controlled_run() -> Run {
    let axes = format!("{EMULATED_AXES}\nsm_clock_mhz = [990]\npower_cap_w = [300]");
    plan(&plan_text("emulated", &axes, ""))
        .runs()
        .swap_remove(0)
}

/// The trace of a run and the settings that the device was given for it.
fn take(manner: Manner) -> (Result<Trace, DeviceError>, Vec<String>) {
    let mut fake = Fake::new(manner);
    let trace = record(&mut fake, &controlled_run(), None, &mut ());
    (trace, fake.settings)
}

fn only_fault(trace: Result<Trace, DeviceError>) -> (Fault, Vec<Stage>, usize) {
    let mut trace = trace.expect("a fault is part of a trace");
    assert_eq!(trace.header.faults.len(), 1, "{:?}", trace.header.faults);
    let stages = trace.header.spans.iter().map(|span| span.stage).collect();
    (
        trace.header.faults.swap_remove(0),
        stages,
        trace.samples.len(),
    )
}

const SET_AND_GIVEN_BACK: [&str; 3] = ["clock 990 MHz", "cap 300 W", "release"];

#[test]
fn a_counter_that_does_not_tick_is_a_fault_after_two_seconds() {
    let (trace, settings) = take(Manner::Frozen);
    let last = trace
        .as_ref()
        .expect("a trace")
        .samples
        .last()
        .expect("samples")
        .at_ns;
    let (fault, stages, _) = only_fault(trace);
    assert_eq!(fault.fault, RunFault::CounterFrozen);
    assert_eq!(stages, [Stage::IdleBefore, Stage::WarmUp]);
    // 0.3 s idle, 0.5 s loading, 0.2 s warm-up, 2 s of waiting.
    let waited = last.saturating_sub(Nanos::from_seconds(10.0));
    assert!(
        (Nanos::from_seconds(3.0)..Nanos::from_seconds(3.1)).contains(&waited),
        "{waited}"
    );
    assert_eq!(settings, SET_AND_GIVEN_BACK);
}

#[test]
fn a_device_that_is_lost_leaves_what_was_read_and_is_told_to_release() {
    for after in [0, 5, 50] {
        let (trace, settings) = take(Manner::Lost(after));
        let (fault, _, samples) = only_fault(trace);
        assert_eq!(fault.fault, RunFault::DeviceLost);
        assert!(
            fault.detail.contains("sample failed: GPU is lost"),
            "{}",
            fault.detail
        );
        assert_eq!(samples, after);
        assert_eq!(settings, SET_AND_GIVEN_BACK);
    }
}

#[test]
fn company_on_the_device_is_refused_before_anything_is_sampled() {
    let (fault, stages, samples) = only_fault(take(Manner::Shared(2)).0);
    assert_eq!(fault.fault, RunFault::ForeignProcess);
    assert!(
        fault.detail.starts_with("2 processes used the device"),
        "{}",
        fault.detail
    );
    assert_eq!((stages, samples), (vec![], 0));
    // Nobody else: the run goes on, to the counter that this device does not have.
    assert_eq!(
        only_fault(take(Manner::Shared(0)).0).0.fault,
        RunFault::CounterFrozen
    );
}

#[test]
fn company_in_the_window_is_found_within_a_second_and_ends_it() {
    let mut run = controlled_run();
    run.session.window_s = 10.0;
    let take = |after: usize| {
        let mut fake = Fake::new(Manner::Joined(after));
        record(&mut fake, &run, None, &mut ()).expect("a trace")
    };
    assert_eq!(take(usize::MAX).header.faults, []);
    // 0.3 s idle, 0.5 s loading, 0.2 s warm-up at 10 ms a sample, then two seconds of the window.
    let trace = take(300);
    let (fault, stages, samples) = only_fault(Ok(trace));
    assert_eq!(fault.fault, RunFault::ForeignProcess);
    assert!(
        fault.detail.starts_with("process 5000002 used the device"),
        "{}",
        fault.detail
    );
    assert_eq!(stages, [Stage::IdleBefore, Stage::WarmUp]);
    assert!((301..=401).contains(&samples), "{samples}");
}

#[test]
fn a_refused_setting_gives_back_the_ones_before_it_and_measures_nothing() {
    let (trace, settings) = take(Manner::RefusesCap);
    assert_eq!(
        trace.expect_err("refused").to_string(),
        "power_cap_w = 300 W: expected a value from 200 W to 250 W, the range of this device"
    );
    assert_eq!(settings, ["clock 990 MHz", "release"]);
}
