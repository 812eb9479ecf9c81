//! Instruments: what can be read and what can be set.
//!
//! [`Backend::load`] finds the driver of a kind of device, [`Backend::open`] one device of it.

mod cpu;
mod emulated;
mod nvml;
pub mod powercap;

use std::path::Path;
use std::sync::Arc;

use gpu_sim::Board;
use model::axis::Axis;
use model::machine::Machine;
use model::plan::{DeviceKind, SessionSettings};
use model::provenance::Provenance;
use model::run::Run;
use model::sample::Sample;
use model::units::{Joules, Megahertz, Nanos, Watts};
use thiserror::Error;

use crate::clock::Clock;
use crate::control::{ControlError, Folder, Knobs, Lease, PriorLock, Wish};
use crate::worker::{LaunchError, Worker};

use emulated::EmulatedInstrument;
pub use nvml::NvmlDriver;
use nvml::NvmlKnobs;

/// The board that is emulated where a plan names none.
pub const DEFAULT_BOARD: &str = "h200-sxm-141gb";

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

    /// Their numbers, in order, as far as the driver tells. In a container they may be those of the
    /// host.
    ///
    /// # Errors
    /// Where the device no longer answers.
    fn process_ids(&self) -> Result<Option<Vec<u32>>, DeviceError> {
        Ok(None)
    }
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
    /// Its settings, where they may be changed.
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
#[expect(clippy::large_enum_variant, reason = "a process holds one")]
pub enum Backend {
    /// NVML.
    Nvml(NvmlDriver),
    /// This machine's processor.
    Cpu,
    /// Emulated cards of a board.
    Emulated(Arc<Board>),
}

/// How many cards of a board are emulated: the index picks one, with scales and silicon of its own.
const EMULATED_CARDS: u32 = 16;

impl Backend {
    /// Finds the driver of a session's device, or the board that it emulates.
    ///
    /// # Errors
    /// [`DeviceError::DriverAbsent`] where there is no driver, [`DeviceError::Board`] where there is
    /// no such board.
    pub fn load(session: &SessionSettings) -> Result<Self, DeviceError> {
        Ok(match session.device {
            DeviceKind::Nvml => Self::Nvml(NvmlDriver::load()?),
            DeviceKind::Cpu => Self::Cpu,
            DeviceKind::Emulated => {
                Self::Emulated(board(session.board.as_deref().unwrap_or(DEFAULT_BOARD))?)
            }
        })
    }

    /// Opens the device of this index.
    ///
    /// # Errors
    /// Where there is no such device or it may not be read.
    pub fn open(&self, index: u32) -> Result<Box<dyn Instrument + '_>, DeviceError> {
        self.open_on_day(index, 0)
    }

    /// Opens the device that a run asks for. An emulated card has the run's own day: its air and
    /// the scatter of its times follow from the id of the run.
    ///
    /// # Errors
    /// As [`Backend::open`].
    pub fn open_for(&self, run: &Run) -> Result<Box<dyn Instrument + '_>, DeviceError> {
        let day = u64::from_str_radix(run.id.as_str(), 16).unwrap_or_default();
        self.open_on_day(run.session.device_index, day)
    }

    /// Takes the device of this index for this process alone, and with a wish for changes of its
    /// settings too; every instrument that is opened afterwards is used under this lease. `None`
    /// where there is nothing to take: a processor serves many, and an emulated card in virtual
    /// time belongs to its run.
    ///
    /// # Errors
    /// As [`Lease::take`].
    pub fn lease(
        &mut self,
        index: u32,
        wish: Option<(&Wish, PriorLock)>,
    ) -> Result<Option<Arc<Lease>>, ControlError> {
        let Self::Nvml(driver) = self else {
            return Ok(None);
        };
        let uuid = driver.uuid(index)?;
        let knobs = knobs_of(&uuid)?;
        let folder = Folder::of_this_process();
        let lease = Arc::new(Lease::take(&folder, &uuid, knobs, wish)?);
        driver.use_under(Arc::clone(&lease));
        Ok(Some(lease))
    }

    /// Whether runs on this device may be taken side by side: nothing of the machine is shared.
    pub const fn is_virtual(&self) -> bool {
        matches!(self, Self::Emulated(_))
    }

    fn open_on_day(&self, index: u32, day: u64) -> Result<Box<dyn Instrument + '_>, DeviceError> {
        match self {
            Self::Nvml(driver) => Ok(Box::new(driver.open(index)?)),
            Self::Cpu => below(index, 1).map(|()| Box::new(cpu::CpuInstrument::open()) as _),
            Self::Emulated(board) => below(index, EMULATED_CARDS)
                .map(|()| Box::new(EmulatedInstrument::new(board, index, day)) as _),
        }
    }
}

/// The settings of the NVIDIA GPU of this UUID.
///
/// # Errors
/// Where there is no driver, or no such GPU.
pub fn knobs_of(uuid: &str) -> Result<Box<dyn Knobs>, DeviceError> {
    Ok(Box::new(NvmlKnobs::of(uuid)?))
}

/// The board of this name, or of the profile at this path.
///
/// # Errors
/// [`DeviceError::Board`] where there is none, or the file makes none.
pub fn board(name: &str) -> Result<Arc<Board>, DeviceError> {
    let refused = |reason: String| DeviceError::Board {
        name: name.to_owned(),
        reason,
    };
    if Path::new(name)
        .extension()
        .is_none_or(|ending| ending != "toml")
    {
        return Board::named(name).map_err(|error| refused(error.to_string()));
    }
    let text = fs_err::read_to_string(name).map_err(|error| refused(error.to_string()))?;
    let board = Board::from_toml(&text).map_err(|error| refused(error.to_string()))?;
    Ok(Arc::new(board))
}

/// A card of nominal silicon with perfect scales.
#[cfg(test)]
pub(crate) fn ideal_card(name: &str) -> Box<dyn Instrument> {
    let board = board(name).expect("compiled in");
    Box::new(EmulatedInstrument::ideal(&board))
}

fn below(index: u32, count: u32) -> Result<(), DeviceError> {
    if index < count {
        Ok(())
    } else {
        Err(DeviceError::NoSuchDevice { index, count })
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
    /// A setting cannot be changed or given back.
    #[error(transparent)]
    Control(Box<ControlError>),
    /// A point asks for settings, and the instrument was opened without leave to change any.
    #[error(
        "the point sets {axes}, and this device was not taken for that: pass --allow-control, or leave the axes out"
    )]
    ControlNotAllowed {
        /// The axes.
        axes: String,
    },
    /// The board to emulate does not exist.
    #[error(
        "board '{name}': {reason}; set 'board' of [session], or leave it out for {DEFAULT_BOARD}"
    )]
    Board {
        /// Name or path that was asked for.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A clock that the device does not have.
    #[error(
        "sm_clock_mhz = {clock}: expected a clock that the device supports; the next ones are {below} and {above} MHz"
    )]
    UnsupportedClock {
        /// The clock asked for, in MHz.
        clock: u32,
        /// The next lower supported one.
        below: u32,
        /// The next higher one.
        above: u32,
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

impl From<ControlError> for DeviceError {
    fn from(error: ControlError) -> Self {
        Self::Control(Box::new(error))
    }
}
