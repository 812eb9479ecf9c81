//! Reads the instrument on a fixed grid of deadlines, and the processor's counter beside it.

use std::path::Path;

use model::machine::Machine;
use model::provenance::Provenance;
use model::reason::Absence;
use model::sample::Sample;
use model::units::Nanos;

use crate::device::powercap::{POWERCAP_ROOT, Packages};
use crate::device::{DeviceError, Instrument};

/// The sampler of one measurement.
pub struct Sampler<'a> {
    instrument: &'a mut dyn Instrument,
    packages: Result<Packages, Absence>,
    machine: Machine,
    period: Nanos,
    deadline: Nanos,
    samples: Vec<Sample>,
}

impl<'a> Sampler<'a> {
    /// A sampler of this period.
    pub fn new(instrument: &'a mut dyn Instrument, period: Nanos) -> Self {
        // The processor of a real machine says nothing about an emulated GPU.
        let packages = match instrument.provenance() {
            Provenance::Measured => Packages::find(Path::new(POWERCAP_ROOT)),
            Provenance::Emulated | Provenance::Imported => Err(Absence::NoDevice),
        };
        let mut machine = instrument.sense().machine();
        machine.absent.remove("package_energy_uj");
        match &packages {
            Ok(packages) => machine.device.package_energy_range_uj = Some(packages.range_uj()),
            Err(reason) => {
                machine
                    .absent
                    .insert("package_energy_uj".to_owned(), *reason);
            }
        }
        let deadline = instrument.clock().now();
        Self {
            instrument,
            packages,
            machine,
            period,
            deadline,
            samples: Vec::new(),
        }
    }

    /// Waits for the next deadline and takes a sample.
    ///
    /// # Errors
    /// Where the device no longer answers.
    pub fn step(&mut self) -> Result<(), DeviceError> {
        self.instrument.clock().sleep_until(self.deadline);
        let mut sample = self.instrument.sense().sample()?;
        sample.late_ns = sample.at_ns.saturating_sub(self.deadline);
        if sample.package_energy_uj.is_none() {
            sample.package_energy_uj = self.packages.as_ref().ok().and_then(Packages::energy);
        }
        let missed = sample.late_ns.get() / self.period.get();
        self.deadline = self.deadline + Nanos::new((missed + 1) * self.period.get());
        self.samples.push(sample);
        Ok(())
    }

    /// Samples until the energy counter shows a new value, at most for `longest`. Whether it did;
    /// without a counter that ticks, at once.
    ///
    /// # Errors
    /// Where the device no longer answers.
    pub fn step_to_tick(&mut self, longest: Nanos) -> Result<bool, DeviceError> {
        if !self.has_ticking_counter() {
            return Ok(true);
        }
        self.step()?;
        let deadline = self.now() + longest;
        let counter = |sampler: &Self| sampler.samples.last().and_then(|last| last.energy_mj);
        let before = counter(self);
        loop {
            self.step()?;
            if counter(self) != before {
                return Ok(true);
            }
            if self.now() > deadline {
                return Ok(false);
            }
        }
    }

    /// Now, on the instrument's clock.
    pub fn now(&self) -> Nanos {
        self.instrument.clock().now()
    }

    /// The machine, and which sensors are absent.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether readings are measured or emulated.
    pub fn provenance(&self) -> Provenance {
        self.instrument.provenance()
    }

    /// Whether there is an energy counter that ticks.
    pub fn has_ticking_counter(&mut self) -> bool {
        self.instrument.sense().has_ticking_counter()
    }

    /// Processes on the device, as far as the driver tells.
    ///
    /// # Errors
    /// Where the device no longer answers.
    pub fn process_count(&mut self) -> Result<Option<u32>, DeviceError> {
        self.instrument.sense().process_count()
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// What was sampled since the last call.
    pub fn take(&mut self) -> Vec<Sample> {
        std::mem::take(&mut self.samples)
    }
}
