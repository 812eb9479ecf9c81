//! Instruments: what can be read and what can be set.
//!
//! [`Backend::load`] finds the driver of a kind of device, [`Backend::open`] one device of it.

mod cpu;
mod emulated;
mod nvml;
pub mod powercap;

use model::axis::Axis;
use model::machine::Machine;
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::run::Run;
use model::sample::Sample;
use model::units::{Joules, Megahertz, Nanos, Watts};
use thiserror::Error;

use crate::clock::Clock;
use crate::worker::{LaunchError, Worker};

pub use nvml::NvmlDriver;

/// Reads a device. Implementations give what the driver says and interpret nothing.
pub trait Sense {
    /// One reading of every sensor. Sensors that the device lacks are `None` in each sample.
    ///
    /// # Errors
    /// Where the device as a whole no longer answers.
    fn sample(&mut self) -> Result<Sample, DeviceError>;

    /// The machine and the device; sensors that give nothing are listed with their reason.
    fn machine(&self) -> Machine;

    /// Whether samples carry an energy counter that ticks.
    fn has_ticking_counter(&self) -> bool;

    /// Processes that use the device now, as far as the driver tells.
    ///
    /// # Errors
    /// Where the device no longer answers.
    fn process_count(&self) -> Result<Option<u32>, DeviceError>;
}

/// Changes settings of a device. Whoever sets something gives it back with `release`.
pub trait Control {
    /// Locks the multiprocessor clock.
    ///
    /// # Errors
    /// Where the clock is out of the device's range.
    fn lock_sm_clock(&mut self, clock: Megahertz) -> Result<(), DeviceError>;

    /// Sets the board power limit.
    ///
    /// # Errors
    /// Where the limit is out of the device's range.
    fn set_power_cap(&mut self, cap: Watts) -> Result<(), DeviceError>;

    /// Puts every setting back to what it was at the start.
    ///
    /// # Errors
    /// Where the device refuses.
    fn release(&mut self) -> Result<(), DeviceError>;
}

/// A device with everything that a session needs of it.
pub trait Instrument {
    /// Its readings.
    fn sense(&mut self) -> &mut dyn Sense;
    /// Its settings, where this version may change them.
    fn control(&mut self) -> Option<&mut dyn Control>;
    /// Its clock.
    fn clock(&self) -> &dyn Clock;
    /// Whether its readings are measured or emulated.
    fn provenance(&self) -> Provenance;
    /// Starts the worker of a run where this device can see it work.
    ///
    /// # Errors
    /// Where the worker's command cannot be started.
    fn launch(&mut self, run: &Run) -> Result<Box<dyn Worker>, LaunchError>;
    /// The true energy between two moments, where the device knows it.
    fn true_energy(&self, from: Nanos, to: Nanos) -> Option<Joules>;
}

/// The driver of a kind of device; owns what the devices borrow.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process holds one")]
pub enum Backend {
    /// NVML.
    Nvml(NvmlDriver),
    /// This machine's processor.
    Cpu,
    /// The emulated GPU.
    Emulated,
}

impl Backend {
    /// Finds the driver.
    ///
    /// # Errors
    /// [`DeviceError::DriverAbsent`] where there is none.
    pub fn load(kind: DeviceKind) -> Result<Self, DeviceError> {
        Ok(match kind {
            DeviceKind::Nvml => Self::Nvml(NvmlDriver::load()?),
            DeviceKind::Cpu => Self::Cpu,
            DeviceKind::Emulated => Self::Emulated,
        })
    }

    /// Opens the device of this index.
    ///
    /// # Errors
    /// Where there is no such device or it may not be read.
    pub fn open(&self, index: u32) -> Result<Box<dyn Instrument + '_>, DeviceError> {
        match self {
            Self::Nvml(driver) => Ok(Box::new(driver.open(index)?)),
            Self::Cpu => only_one(index).map(|()| Box::new(cpu::CpuInstrument::open()) as _),
            Self::Emulated => {
                only_one(index).map(|()| Box::new(emulated::EmulatedInstrument::new()) as _)
            }
        }
    }
}

fn only_one(index: u32) -> Result<(), DeviceError> {
    if index == 0 {
        Ok(())
    } else {
        Err(DeviceError::NoSuchDevice { index, count: 1 })
    }
}

/// A device that is absent, refuses, or stopped answering.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The driver library cannot be loaded.
    #[error(
        "nvml is absent: {reason}; install the NVIDIA driver, or set 'device' of [session] to 'cpu' or 'emulated'"
    )]
    DriverAbsent {
        /// What the loader said.
        reason: String,
    },
    /// The driver may not be used by this user.
    #[error(
        "no permission for nvml: {reason}; the user needs read access to /dev/nvidiactl and /dev/nvidia0"
    )]
    NoPermission {
        /// What the driver said.
        reason: String,
    },
    /// The index is too high.
    #[error(
        "device_index = {index}: expected a number below {count}, the count of devices of this kind"
    )]
    NoSuchDevice {
        /// The index asked for.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// A call failed.
    #[error("{call} failed: {reason}; the run cannot go on without the device")]
    Call {
        /// Name of the call.
        call: &'static str,
        /// What the driver said.
        reason: String,
    },
    /// A setting is out of range.
    #[error("{axis} = {value}: expected a value from {low} to {high}, the range of this device")]
    OutOfRange {
        /// Axis whose value was to be set.
        axis: Axis,
        /// The value.
        value: String,
        /// Lowest value accepted.
        low: String,
        /// Highest value accepted.
        high: String,
    },
}
