//! The emulated GPU as an instrument in virtual time.

use std::cell::RefCell;
use std::rc::Rc;

use gpu_sim::{Gpu, MAX_POWER_CAP, MAX_SM_CLOCK, MEMORY_CLOCK, MIN_SM_CLOCK};
use model::axis::Axis;
use model::machine::{Device, Machine};
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::reason::Absence;
use model::run::Run;
use model::sample::Sample;
use model::units::{Joules, Megahertz, Nanos, Watts};

use super::{Control, DeviceError, Instrument, Sense};
use crate::clock::{Clock, VirtualClock};
use crate::host;
use crate::worker::{EmulatedWorker, LaunchError, Worker};

/// Virtual time begins here, so that windows before it stay representable.
const ORIGIN: Nanos = Nanos::from_millis(10_000);
/// How long an emulated read of all sensors takes.
const READ_TIME: Nanos = Nanos::new(200_000);
/// Lowest power limit that is accepted.
const MIN_POWER_CAP: Watts = Watts::new(200.0);
/// Sensors that the simple GPU does not have.
const ABSENT: [&str; 6] = [
    "package_energy_uj",
    "memory_power_mw",
    "sm_util_pct",
    "sm_occupancy_pct",
    "tensor_util_pct",
    "dram_util_pct",
];

/// The emulated GPU, its clock and its settings.
pub(super) struct EmulatedInstrument {
    clock: VirtualClock,
    gpu: Rc<RefCell<Gpu>>,
}

impl EmulatedInstrument {
    pub(super) fn new() -> Self {
        Self {
            clock: VirtualClock::starting_at(ORIGIN),
            gpu: Rc::new(RefCell::new(Gpu::new(ORIGIN))),
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
        Some(self.gpu.borrow().timeline().energy_between(from, to))
    }
}

impl Sense for EmulatedInstrument {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        let at = self.clock.now();
        let gpu = self.gpu.borrow();
        let readings = gpu.read(at);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a temperature is a small number"
        )]
        let temperature_c = gpu.temperature_c(at).round() as i64;
        Ok(Sample {
            at_ns: at,
            read_ns: READ_TIME,
            energy_mj: Some(readings.energy_mj),
            power_mw: Some(readings.power_average_mw),
            power_average_mw: Some(readings.power_average_mw),
            power_instant_mw: Some(readings.power_instant_mw),
            sm_clock_mhz: Some(gpu.sm_clock()),
            memory_clock_mhz: Some(MEMORY_CLOCK),
            temperature_c: Some(temperature_c),
            event_reasons: Some(0),
            ..Sample::default()
        })
    }

    fn machine(&self) -> Machine {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a power limit is a small positive number"
        )]
        let power_limit_mw = (self.gpu.borrow().power_cap().get() * 1e3).round() as u64;
        // Nothing of the real machine may show: emulated traces are the same bytes everywhere.
        Machine {
            harness: host::harness_version(),
            kernel: "emulated".to_owned(),
            cpu: "emulated".to_owned(),
            cpu_count: 1,
            memory_mib: 1,
            device: Device {
                kind: DeviceKind::Emulated,
                name: "emulated GPU (simple)".to_owned(),
                board_id: None,
                driver: None,
                cuda: None,
                vbios: None,
                memory_mib: None,
                power_limit_mw: Some(power_limit_mw),
                max_sm_clock_mhz: Some(MAX_SM_CLOCK.get()),
                max_memory_clock_mhz: Some(MEMORY_CLOCK.get()),
                ecc: None,
                mig: None,
                persistence: None,
                package_energy_range_uj: None,
                true_window_energy_mj: None,
            },
            absent: ABSENT
                .into_iter()
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

impl Control for EmulatedInstrument {
    fn lock_sm_clock(&mut self, clock: Megahertz) -> Result<(), DeviceError> {
        if !(MIN_SM_CLOCK..=MAX_SM_CLOCK).contains(&clock) {
            return Err(DeviceError::OutOfRange {
                axis: Axis::SmClockMhz,
                value: clock.to_string(),
                low: MIN_SM_CLOCK.to_string(),
                high: MAX_SM_CLOCK.to_string(),
            });
        }
        self.gpu.borrow_mut().lock_sm_clock(Some(clock));
        Ok(())
    }

    fn set_power_cap(&mut self, cap: Watts) -> Result<(), DeviceError> {
        if !(MIN_POWER_CAP..=MAX_POWER_CAP).contains(&cap) {
            return Err(DeviceError::OutOfRange {
                axis: Axis::PowerCapW,
                value: cap.to_string(),
                low: MIN_POWER_CAP.to_string(),
                high: MAX_POWER_CAP.to_string(),
            });
        }
        self.gpu.borrow_mut().set_power_cap(cap);
        Ok(())
    }

    fn release(&mut self) -> Result<(), DeviceError> {
        let mut gpu = self.gpu.borrow_mut();
        gpu.lock_sm_clock(None);
        gpu.set_power_cap(MAX_POWER_CAP);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_and_release_restores() {
        let mut device = EmulatedInstrument::new();
        let error = device
            .lock_sm_clock(Megahertz::new(5_000))
            .expect_err("out of range");
        assert_eq!(
            error.to_string(),
            "sm_clock_mhz = 5000 MHz: expected a value from 345 MHz to 1980 MHz, the range of this device"
        );
        device.lock_sm_clock(Megahertz::new(990)).expect("in range");
        device.set_power_cap(Watts::new(300.0)).expect("in range");
        device.release().expect("always possible");
        assert_eq!(device.gpu.borrow().sm_clock(), MAX_SM_CLOCK);
        assert_eq!(device.gpu.borrow().power_cap(), MAX_POWER_CAP);
    }
}
