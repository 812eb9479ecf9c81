//! What can go wrong in a worker; every message is one line that says what to do next.

use std::path::{Path, PathBuf};

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request asks for something that this worker does not do.
    #[error("{0}")]
    Request(String),
    /// A file of a weights folder is missing, damaged or describes another model.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with which field, what was expected, and what to do.
        problem: String,
    },
    /// The wanted device cannot be used.
    #[error("{0}")]
    Device(String),
    /// The outputs are not those of a working model: energy measured on them would mislead, as
    /// power depends on the values that are multiplied.
    #[error(
        "logits of the first prefill are {found}, expected finite values with a standard deviation \
         from {low} to {high}; check weights and precision"
    )]
    Degenerate {
        /// What was found.
        found: String,
        /// Smallest standard deviation of a working model.
        low: f64,
        /// Largest standard deviation of a working model.
        high: f64,
    },
    /// The scores are not those of a working model, for the same reason.
    #[error(
        "scores of the first pass are {found}, expected finite values that differ; check weights \
         and precision"
    )]
    Scores {
        /// What was found.
        found: String,
    },
    /// The pictures are not those of a working model, for the same reason.
    #[error(
        "pictures of a pass are {found}, expected finite values that differ; check weights and \
         precision"
    )]
    Pictures {
        /// What was found.
        found: String,
    },
    /// A training cannot go on.
    #[error("training failed: {0}")]
    Training(String),
    /// A line on standard input is no command.
    #[error(
        "standard input has the line '{0}', expected {{\"command\":\"go\"}} or {{\"command\":\"stop\"}}"
    )]
    Command(String),
    /// The computing library refused. It is no source: programs that print those would say it again,
    /// with its backtrace.
    #[error("computing failed: {}", first_line(.0))]
    Engine(candle_core::Error),
    /// Marks could not be written or commands not be read.
    #[error("standard output or input failed: {0}")]
    Stream(#[from] std::io::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Engine(error)
    }
}

impl Error {
    /// A problem with one file.
    pub fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}

/// The first line of a message: candle appends backtraces, and a mark is one line.
pub(crate) fn first_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_stays_out_of_the_message() {
        let error = Error::from(candle_core::Error::Msg("no memory\n  0: frame".into()));
        assert_eq!(error.to_string(), "computing failed: no memory");
        // Programs print causes too, and this one would be said again with its backtrace.
        assert!(std::error::Error::source(&error).is_none());
    }
}
