//! Why a GPU cannot be taken, changed or given back.

use std::path::PathBuf;

use thiserror::Error;

use super::{KnobError, LedgerError, LockEvidence, Setting};
use crate::device::DeviceError;

/// What stands in the way. Nothing was changed, or it was given back, unless the text says otherwise.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The plan asks for settings, and nobody allowed it.
    #[error(
        "the plan sets {asks}: pass --allow-control to let joulebench change that on the GPU and give it back afterwards, or leave the axis out"
    )]
    NotAllowed {
        /// Axes and values.
        asks: String,
    },
    /// Another harness has the GPU.
    #[error(
        "{gpu} is in use by another joulebench{holder}; wait until it ends: two would measure each other",
        holder = .pid.map(|pid| format!(", pid {pid}")).unwrap_or_default()
    )]
    InUse {
        /// UUID of the GPU.
        gpu: String,
        /// The other process, where it left its number.
        pid: Option<u32>,
    },
    /// A right is missing.
    #[error("no permission to change {setting} of {gpu}: {right}")]
    Permission {
        /// The setting.
        setting: Setting,
        /// UUID of the GPU.
        gpu: String,
        /// Which right, and how it is granted.
        right: String,
    },
    /// Somebody seems to have locked the clock, and the driver does not say to what.
    #[error(
        "the SM clock of {gpu} seems to be locked already ({evidence}), and the driver does not tell the range: say it with --prior-sm-clock-lock MIN,MAX so that it can be given back, or --prior-sm-clock-lock none if there is none"
    )]
    UnknownLock {
        /// UUID of the GPU.
        gpu: String,
        /// What was seen.
        evidence: LockEvidence,
    },
    /// The prior state of a setting cannot be read.
    #[error(
        "{setting} of {gpu} cannot be read, so it could not be given back: leave its axis out of the plan"
    )]
    Unreadable {
        /// The setting.
        setting: Setting,
        /// UUID of the GPU.
        gpu: String,
    },
    /// A ledger cannot be used.
    #[error("ledger {file}: {reason}", file = .file.display())]
    Ledger {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: LedgerError,
    },
    /// The watchdog does not start or does not answer.
    #[error("watchdog {program}: {reason}; nothing is changed without it", program = .program.display())]
    Watchdog {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The driver refused a change.
    #[error("{setting} of {gpu} cannot be changed: {reason}")]
    Refused {
        /// The setting.
        setting: Setting,
        /// UUID of the GPU.
        gpu: String,
        /// What the driver said.
        reason: KnobError,
    },
    /// A setting is still changed.
    #[error(
        "{setting} of {gpu} was NOT given back: {reason}; the ledger is kept, run 'joulebench doctor --repair' once the driver answers"
    )]
    NotGivenBack {
        /// The setting.
        setting: Setting,
        /// UUID of the GPU.
        gpu: String,
        /// What went wrong.
        reason: String,
    },
    /// The device does not answer.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The system refused; the text names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
