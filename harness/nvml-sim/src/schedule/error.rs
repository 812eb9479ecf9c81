//! What can be wrong with a load.

use std::io;

use thiserror::Error;

use crate::state::StateError;

/// Why a load cannot be started.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("load file {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML, or has a key that no load file has.
    #[error("load file {file}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser said, with line and key.
        reason: String,
    },
    /// A value makes no load.
    #[error("load file {file}: {entry}: {key} = {value}: expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// Which phase, counted from 1.
        entry: String,
        /// Its key.
        key: &'static str,
        /// The value.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// The phases are more than a log holds.
    #[error(
        "load file {file}: it makes {events} events, a machine holds at most {most}; repeat less, or longer phases"
    )]
    TooLong {
        /// The file.
        file: String,
        /// Events that it makes.
        events: u64,
        /// Events that a machine holds.
        most: u64,
    },
    /// The machine cannot take it.
    #[error(transparent)]
    State(#[from] StateError),
}
