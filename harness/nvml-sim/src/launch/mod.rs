//! Running a command with the emulated library in front of the real one.
//!
//! A [`Launch`] is a folder with `libnvidia-ml.so.1` and `bin/nvidia-smi`, and the environment that
//! makes a program find them. The folder goes when the `Launch` is dropped.

mod error;
mod folder;
mod parts;
mod run;
mod signals;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use error::LaunchError;
pub use parts::Parts;

use crate::state::ENVIRONMENT;
use folder::Folder;

/// Everything a command needs to meet the emulated machine.
#[derive(Debug)]
pub struct Launch {
    folder: Folder,
    state: PathBuf,
}

impl Launch {
    /// Makes the folder below `parent` for the machine of a state file.
    pub fn prepare(parent: &Path, state: &Path, parts: &Parts) -> Result<Self, LaunchError> {
        if !state.is_absolute() {
            return Err(LaunchError::RelativeState(state.to_path_buf()));
        }
        Ok(Self {
            folder: Folder::make(parent, parts)?,
            state: state.to_path_buf(),
        })
    }

    /// The folder that has `libnvidia-ml.so.1`.
    pub fn library_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Variables that the command gets, over those of this process.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            (
                "LD_LIBRARY_PATH",
                in_front("LD_LIBRARY_PATH", self.folder.path()),
            ),
            ("PATH", in_front("PATH", &self.folder.programs())),
            (ENVIRONMENT, self.state.clone().into_os_string()),
        ]
    }

    /// Runs a command to its end: hands on signals, and gives back what a shell would: its exit
    /// code, or 128 and the number of the signal that ended it. `watch` is called now and then.
    pub fn run(&self, command: &[OsString], watch: impl FnMut()) -> Result<u8, LaunchError> {
        run::run(command, &self.environment(), watch)
    }
}

/// A list of folders with one more in front.
fn in_front(variable: &str, folder: &Path) -> OsString {
    let mut list = folder.as_os_str().to_owned();
    // An empty entry would mean the working folder.
    if let Some(rest) = std::env::var_os(variable).filter(|rest| !rest.is_empty()) {
        list.push(OsStr::new(":"));
        list.push(rest);
    }
    list
}
