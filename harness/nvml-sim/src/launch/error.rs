//! Why a command cannot be run in front of the emulated machine.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What stands in the way of a launch.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// A part of the emulator is not where this program is.
    #[error("{name} is not beside {program}: build it with `cargo build -p nvml-sim`, or name it with {variable}", program = program.display())]
    Missing {
        /// File name of the part.
        name: &'static str,
        /// This program.
        program: PathBuf,
        /// The variable that may name it.
        variable: &'static str,
    },
    /// A folder or link cannot be made.
    #[error("making {path}: {source}", path = path.display())]
    Folder {
        /// What was to be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The command's working folder need not be ours.
    #[error("state file {path}: expected an absolute path", path = .0.display())]
    RelativeState(PathBuf),
    /// A folder in a list is told from the next by a colon.
    #[error("{path}: the folder of the library may not have a colon in its name", path = .0.display())]
    Colon(PathBuf),
    /// Nothing to run.
    #[error("no command: expected one after `--`")]
    NoCommand,
    /// The command does not start.
    #[error("starting {command}: {source}")]
    Start {
        /// Its first word.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// Waiting for the command failed.
    #[error("waiting for {command}: {source}")]
    Wait {
        /// Its first word.
        command: String,
        /// What the system said.
        source: io::Error,
    },
}
