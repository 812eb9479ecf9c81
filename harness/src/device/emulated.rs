//! An emulated card as an instrument in virtual time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use gpu_sim::{ActivityCounters, Board, Card, Gpu, Seeds};
use model::axis::Axis;
use model::machine::{Device, Machine};
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::reason::Absence;
use model::run::{Run, hex};
use model::sample::Sample;
use model::units::{Joules, Megahertz, Nanos, Seconds, Watts};
use sha2::{Digest, Sha256};

use super::{Control, DeviceError, Instrument, Sense};
use crate::clock::{Clock, VirtualClock};
use crate::host;
use crate::worker::{EmulatedWorker, LaunchError, Worker};

/// Virtual time begins here, so that windows before it stay representable.
const ORIGIN: Nanos = Nanos::from_millis(10_000);
/// How long an emulated read of all sensors takes.
const READ_TIME: Nanos = Nanos::new(200_000);

/// Steps of the card's past that are kept at most: days of work take hours of memory otherwise. The
/// truth about what was forgotten is not known any more.
const MOST_STEPS: usize = 1 << 15;
/// The past that is kept then; no sensor looks back so far.
const KEPT: Nanos = Nanos::from_millis(600_000);

/// An emulated card, its clock and its settings.
pub(super) struct EmulatedInstrument {
    clock: VirtualClock,
    gpu: Rc<RefCell<Gpu>>,
    board: Arc<Board>,
    identity: String,
    activity: ActivityCounters,
    /// Before this moment the card has forgotten.
    known_from: Nanos,
}

impl EmulatedInstrument {
    /// A card of a board on one of its days.
    pub(super) fn new(board: &Arc<Board>, index: u32, day: u64) -> Self {
        let identity = hex(&Sha256::digest(format!("{} {index}", board.slug))[..8]);
        let card = u64::from_str_radix(&identity, 16).expect("sixteen hexadecimal digits");
        let card = Card::new(Arc::clone(board), Seeds { card, run: day });
        Self::of(card, identity)
    }

    /// A card of nominal silicon with perfect scales.
    #[cfg(test)]
    pub(super) fn ideal(board: &Arc<Board>) -> Self {
        Self::of(Card::ideal(Arc::clone(board)), "ideal".to_owned())
    }

    fn of(card: Card, identity: String) -> Self {
        let board = Arc::clone(card.board());
        let gpu = Gpu::with_card(card, ORIGIN);
        Self {
            clock: VirtualClock::starting_at(ORIGIN),
            activity: gpu.activity_counters(),
            gpu: Rc::new(RefCell::new(gpu)),
            board,
            identity,
            known_from: ORIGIN,
        }
    }
}

impl Instrument for EmulatedInstrument {
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
        EmulatedWorker::start(run, self.clock.clone(), Rc::clone(&self.gpu))
            .map(|worker| Box::new(worker) as Box<dyn Worker>)
    }

    fn true_energy(&self, from: Nanos, to: Nanos) -> Option<Joules> {
        (from >= self.known_from).then(|| self.gpu.borrow().timeline().energy_between(from, to))
    }
}

impl Sense for EmulatedInstrument {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        let at = self.clock.now();
        let mut gpu = self.gpu.borrow_mut();
        gpu.advance(at);
        if gpu.timeline().len() > MOST_STEPS {
            self.known_from = self.known_from.max(at.saturating_sub(KEPT));
            gpu.forget_before(self.known_from);
        }
        let readings = gpu.read();
        let mut sample = Sample {
            at_ns: at,
            read_ns: READ_TIME,
            energy_mj: Some(readings.energy),
            power_mw: Some(readings.power_usage),
            power_average_mw: readings.power_average,
            power_instant_mw: Some(readings.power_instant),
            memory_power_mw: readings.memory_power_average,
            sm_clock_mhz: Some(readings.sm_clock),
            memory_clock_mhz: Some(readings.memory_clock),
            temperature_c: Some(readings.temperature_c),
            event_reasons: Some(readings.event_reasons),
            ..Sample::default()
        };
        let now = gpu.activity_counters();
        let seconds = Seconds::from(now.at.saturating_sub(self.activity.at)).get();
        if self.board.sensors.gpm.value && seconds > 0.0 {
            let before = self.activity.active_s;
            let share = |now_s: f64, before_s: f64| {
                Some(((now_s - before_s) / seconds * 100.0).clamp(0.0, 100.0))
            };
            sample.sm_util_pct = share(now.active_s.sm, before.sm);
            sample.sm_occupancy_pct = share(now.active_s.occupancy, before.occupancy);
            sample.tensor_util_pct = share(now.active_s.any_tensor, before.any_tensor);
            sample.dram_util_pct = share(now.active_s.dram, before.dram);
        }
        self.activity = now;
        Ok(sample)
    }

    fn machine(&self) -> Machine {
        let board = &self.board;
        let gpu = self.gpu.borrow();
        // Nothing of the real machine may show: emulated traces are the same bytes everywhere.
        Machine {
            harness: host::harness_version(),
            kernel: "emulated".to_owned(),
            cpu: "emulated".to_owned(),
            cpu_count: 1,
            memory_mib: 1,
            device: Device {
                kind: DeviceKind::Emulated,
                name: format!("{} (emulated)", board.product_name),
                board_id: Some(self.identity.clone()),
                driver: None,
                cuda: None,
                vbios: None,
                memory_mib: Some(board.identity.memory_mib.value),
                power_limit_mw: Some(milliwatts(gpu.settings().power_limit_w)),
                max_sm_clock_mhz: Some(board.clocks.core_max_mhz.value),
                max_memory_clock_mhz: Some(board.memory_max_mhz()),
                ecc: Some(true),
                mig: Some(false),
                persistence: Some(gpu.settings().persistence),
                package_energy_range_uj: None,
                true_window_energy_mj: None,
            },
            absent: absent(board)
                .map(|sensor| (sensor.to_owned(), Absence::NotSupported))
                .collect(),
        }
    }

    fn has_ticking_counter(&self) -> bool {
        true
    }

    fn process_count(&self) -> Result<Option<u32>, DeviceError> {
        Ok(None)
    }
}

/// Sensors that a board does not have.
fn absent(board: &Board) -> impl Iterator<Item = &'static str> {
    const GPM: [&str; 4] = [
        "sm_util_pct",
        "sm_occupancy_pct",
        "tensor_util_pct",
        "dram_util_pct",
    ];
    let sensors = &board.sensors;
    let no_average = sensors.average_window_ms.is_none();
    std::iter::once("package_energy_uj")
        .chain(no_average.then_some("power_average_mw"))
        .chain((no_average || !sensors.memory_power.value).then_some("memory_power_mw"))
        .chain(GPM.into_iter().filter(|_| !sensors.gpm.value))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a power limit is a small positive number"
)]
fn milliwatts(watts: f64) -> u64 {
    (watts * 1e3).round() as u64
}

impl Control for EmulatedInstrument {
    fn lock_sm_clock(&mut self, clock: Megahertz) -> Result<(), DeviceError> {
        let clocks = self.board.core_clocks();
        let (low, high) = (clocks[0], clocks[clocks.len() - 1]);
        if !(low..=high).contains(&clock.get()) {
            return Err(DeviceError::OutOfRange {
                axis: Axis::SmClockMhz,
                value: clock.to_string(),
                low: Megahertz::new(low).to_string(),
                high: Megahertz::new(high).to_string(),
            });
        }
        if let Err(above) = clocks.binary_search(&clock.get()) {
            return Err(DeviceError::UnsupportedClock {
                clock: clock.get(),
                below: clocks[above - 1],
                above: clocks[above],
            });
        }
        let range = (clock.get(), clock.get());
        self.at_present(|gpu| gpu.lock_core_clocks(Some(range)));
        Ok(())
    }

    fn set_power_cap(&mut self, cap: Watts) -> Result<(), DeviceError> {
        let limits = &self.board.limits;
        let (low, high) = (limits.power_min_w.value, limits.power_max_w.value);
        if !(low..=high).contains(&cap.get()) {
            return Err(DeviceError::OutOfRange {
                axis: Axis::PowerCapW,
                value: cap.to_string(),
                low: Watts::new(low).to_string(),
                high: Watts::new(high).to_string(),
            });
        }
        self.at_present(|gpu| gpu.set_power_limit_w(cap.get()));
        Ok(())
    }

    fn release(&mut self) -> Result<(), DeviceError> {
        let default_w = self.board.limits.power_default_w.value;
        self.at_present(|gpu| {
            gpu.lock_core_clocks(None);
            gpu.set_power_limit_w(default_w);
        });
        Ok(())
    }
}

impl EmulatedInstrument {
    /// Settings act at the present moment of the instrument's clock.
    fn at_present(&self, change: impl FnOnce(&mut Gpu)) {
        let mut gpu = self.gpu.borrow_mut();
        gpu.advance(self.clock.now());
        change(&mut gpu);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(board: &str) -> EmulatedInstrument {
        EmulatedInstrument::new(&Board::named(board).unwrap(), 0, 0)
    }

    #[test]
    fn settings_out_of_range_are_refused_and_release_restores() {
        let mut device = device("h200");
        let refusal = |device: &mut EmulatedInstrument, mhz| {
            let error = device.lock_sm_clock(Megahertz::new(mhz)).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            refusal(&mut device, 5_000),
            "sm_clock_mhz = 5000 MHz: expected a value from 345 MHz to 1980 MHz, the range of this device"
        );
        assert_eq!(
            refusal(&mut device, 1_000),
            "sm_clock_mhz = 1000: expected a clock that the device supports; the next ones are 990 and 1005 MHz"
        );
        let before = device.gpu.borrow().settings();
        device
            .lock_sm_clock(Megahertz::new(990))
            .expect("supported");
        device.set_power_cap(Watts::new(300.0)).expect("in range");
        assert_ne!(device.gpu.borrow().settings(), before);
        device.release().expect("always possible");
        assert_eq!(device.gpu.borrow().settings(), before);
    }

    #[test]
    fn a_board_has_the_sensors_of_its_generation() {
        let mut volta = device("v100");
        let sample = volta.sample().unwrap();
        assert_eq!(sample.power_average_mw, None);
        assert_eq!(sample.power_mw, sample.power_instant_mw);
        let absent = volta.machine().absent;
        assert!(absent.contains_key("power_average_mw") && absent.contains_key("sm_util_pct"));
        let mut hopper = device("h100-nvl");
        let sample = hopper.sample().unwrap();
        assert_eq!(sample.power_mw, sample.power_average_mw);
        assert!(sample.memory_power_mw.is_some());
        assert_eq!(
            hopper.machine().absent.len(),
            1,
            "only the processor's energy"
        );
    }

    #[test]
    fn cards_and_days_differ_and_are_the_same_every_time() {
        let board = Board::named("h100-sxm").unwrap();
        let ambient = |index, day| {
            let device = EmulatedInstrument::new(&board, index, day);
            let card = device.gpu.borrow().card().clone();
            (card.gain.to_bits(), card.ambient_c.to_bits())
        };
        assert_eq!(ambient(0, 5), ambient(0, 5));
        assert_eq!(ambient(0, 5).0, ambient(0, 6).0);
        assert_ne!(ambient(0, 5).1, ambient(0, 6).1);
        assert_ne!(ambient(0, 5).0, ambient(1, 5).0);
    }
}
