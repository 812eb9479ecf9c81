//! Running the command: once, or again and again inside one window.

use std::fmt;

use model::units::{Nanos, Seconds};
use serde::Serialize;
use thiserror::Error;

/// How often the command is run inside one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// So many times, one after the other.
    Times(u32),
    /// Until this much time has passed; the last one is finished.
    AtLeast(Nanos),
}

impl Repetition {
    /// Whether another execution follows after `done` of them that took `elapsed`.
    pub fn goes_on(self, done: u32, elapsed: Nanos) -> bool {
        match self {
            Self::Times(times) => done < times,
            Self::AtLeast(time) => elapsed < time,
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It left with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Ending {
    /// Whether it left with code 0.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// The command, once: from just before its process is made to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Execution {
    /// Just before the process was made.
    pub begin_ns: Nanos,
    /// When it ended.
    pub end_ns: Nanos,
    /// How it ended.
    pub ending: Ending,
}

impl Execution {
    /// How long it took.
    pub fn time(&self) -> Seconds {
        Seconds::from(self.end_ns.saturating_sub(self.begin_ns))
    }
}

/// The executions of one window, in order; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executions {
    /// One after the other.
    pub list: Vec<Execution>,
    /// The last lines that a failed one wrote to standard error.
    pub last_words: Vec<String>,
}

impl Executions {
    /// Begin of the first.
    pub fn begin(&self) -> Nanos {
        self.list
            .first()
            .map_or(Nanos::new(0), |first| first.begin_ns)
    }

    /// End of the last.
    pub fn end(&self) -> Nanos {
        self.list.last().map_or(Nanos::new(0), |last| last.end_ns)
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// The first ending that is none with code 0.
    pub fn failure(&self) -> Option<Ending> {
        self.list
            .iter()
            .map(|execution| execution.ending)
            .find(|ending| !ending.is_success())
    }
}

/// A process that could not be made, although its program was found before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("starting '{command}': {reason}")]
pub struct StartError {
    /// The command.
    pub command: String,
    /// What the system said.
    pub reason: String,
}

/// Runs a command while somebody else samples.
pub trait Executor {
    /// Begins the executions of a window.
    fn start(&mut self, repetition: Repetition);

    /// The executions, once all have ended; `None` while one runs.
    ///
    /// # Errors
    /// Where a process could not be made.
    fn poll(&mut self) -> Result<Option<Executions>, StartError>;

    /// The command, for people.
    fn name(&self) -> String;
}
