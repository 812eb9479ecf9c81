//! Who makes a machine, and watches over it while it runs.

use std::path::{Path, PathBuf};

use super::card::History;
use super::file::StateFile;
use super::lock::EmulatorLock;
use super::log::Log;
use super::replay::prepare;
use super::truth::Truth;
use super::{Machine, MachineConfig, StateError, monotonic};

/// The maker of a state file. As long as it lives no other emulator may use the file.
pub struct Emulator {
    path: PathBuf,
    log: Log,
    _lock: EmulatorLock,
}

impl Emulator {
    /// Makes a machine that begins now, idle.
    ///
    /// Refuses a bad configuration before anything is written, a file that another emulator holds,
    /// and a file that is there and no state file. The state file of an emulator that has ended is
    /// replaced.
    pub fn create(path: &Path, config: &MachineConfig) -> Result<Self, StateError> {
        if !path.is_absolute() {
            return Err(StateError::RelativePath(path.to_path_buf()));
        }
        let origin = monotonic::now();
        prepare(config, origin, History::Recent)?;
        let lock = EmulatorLock::take(path)?;
        if path.exists() {
            refuse_what_is_no_state_file(path)?;
        }
        StateFile::create(path, config, origin)?;
        Ok(Self {
            log: Log::open(path)?,
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log, to start loads.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A view of the machine.
    pub fn machine(&self) -> Result<Machine, StateError> {
        Machine::open(&self.path)
    }

    /// Its past.
    pub fn truth(&self) -> Result<Truth, StateError> {
        Truth::open(&self.path)
    }
}

fn refuse_what_is_no_state_file(path: &Path) -> Result<(), StateError> {
    match StateFile::open(path) {
        Ok(_) | Err(StateError::Version { .. } | StateError::Damaged { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
