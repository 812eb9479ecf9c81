//! Workers as the harness sees them: something that says marks and obeys `go` and `stop`.

mod child;
mod emulated;
pub mod lines;
mod marks;
pub mod offer;

use model::mark::{Command, Mark};
use model::units::Nanos;
use thiserror::Error;

pub use child::{ChildWorker, Grouping, event_of, own_worker};
pub use emulated::EmulatedWorker;
pub use marks::{MarkOrder, OrderError};

/// A worker that was started.
pub trait Worker {
    /// What happened since the last call, in order. In virtual time this also moves the worker on
    /// to the present.
    fn poll(&mut self) -> Vec<WorkerEvent>;
    /// Sends a command. A worker that is gone shows it in its events, not here.
    fn send(&mut self, command: Command);
    /// Ends the worker at once and waits for it.
    fn kill(&mut self);
}

/// Something that a worker did.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerEvent {
    /// It said a mark.
    Said {
        /// When the line was in hand.
        received_ns: Nanos,
        /// The mark.
        mark: Mark,
    },
    /// It printed a line that is no mark.
    Garbage {
        /// The line, shortened.
        line: String,
        /// Why it is no mark.
        reason: String,
    },
    /// It ended.
    Exited {
        /// When that was noticed.
        received_ns: Nanos,
        /// Whether it ended with success.
        success: bool,
        /// Exit code or signal, and the end of its standard error.
        detail: String,
    },
}

/// The worker's command cannot be started.
#[derive(Clone, Debug, Error)]
#[error("worker '{program}' cannot be started: {reason}; check [engines] of the plan")]
pub struct LaunchError {
    /// The program.
    pub program: String,
    /// What the system said.
    pub reason: String,
}
