//! What can be wrong with a state file, or with what it is asked to hold.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the state of the emulated machine cannot be made, opened, changed or replayed.
#[derive(Debug, Error)]
pub enum StateError {
    /// The environment names no state file.
    #[error(
        "{variable} is not set: no emulated machine runs; start one with `joulebench emulate --gpu h100-sxm -- COMMAND`",
        variable = super::ENVIRONMENT
    )]
    NotSet,
    /// The path is relative, so that two processes would look in two places.
    #[error("{path}: expected an absolute path to a state file", path = .0.display())]
    RelativePath(PathBuf),
    /// The system refuses the file.
    #[error("{doing} the state file {path}: {source}", path = path.display())]
    Io {
        /// What was tried: `opening`, `mapping`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path} is no state file of the emulator ({found}); name another file, or leave --state out", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file was written by a version that lays it out differently.
    #[error("{path} has layout version {found}, this program reads version {expected}; make it again with `joulebench emulate`", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// The file is shorter than its header says, or its parts contradict each other.
    #[error("{path} is damaged: {what}; delete it and start `joulebench emulate` again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Another emulator holds the file.
    #[error("{path} belongs to an emulator that is running; end it, or give this one another --state", path = path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The log has no room for more events.
    #[error("{path}: the log holds {capacity} events, {wanted} more do not fit behind the {used} it has; use a shorter schedule or start a new machine", path = path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Events that it can hold.
        capacity: u64,
        /// Events that it has.
        used: u64,
        /// Events that were to be appended.
        wanted: u64,
    },
    /// No such GPU in the machine.
    #[error("gpu {gpu}: the machine has {count}, numbered from 0")]
    NoSuchGpu {
        /// What was asked for.
        gpu: u32,
        /// How many there are.
        count: u32,
    },
    /// The machine was asked to be of an impossible size.
    #[error("a machine of {0} GPUs: expected 1 to {max}", max = super::MAX_GPUS)]
    GpuCount(usize),
    /// A board, by name or as a profile.
    #[error("gpu {gpu}: {source}")]
    Board {
        /// The GPU that was to have the board.
        gpu: usize,
        /// What is wrong with it.
        source: gpu_sim::BoardError,
    },
    /// The fault plan.
    #[error("fault plan: {0}")]
    Faults(String),
    /// The interval of a question about energy.
    #[error("from {from_ns} ns to {to_ns} ns on CLOCK_MONOTONIC: {why}")]
    Interval {
        /// Its begin.
        from_ns: u64,
        /// Its end.
        to_ns: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl StateError {
    pub(super) fn io(doing: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_path_buf(),
            source,
        }
    }

    pub(super) fn damaged(path: &std::path::Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            what: what.into(),
        }
    }
}
