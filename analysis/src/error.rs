//! What can go wrong between raw traces and verdicts.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::read::TraceProblem;

/// Any failure of the analysis. Every message names the file and says what to do next.
#[derive(Debug, Error)]
pub enum Error {
    /// A file could not be opened, read or written; the message of the cause names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A trace cannot be trusted.
    #[error("trace {}: {problem}", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: TraceProblem,
    },
    /// A folder of raw traces is not what a campaign folder should be.
    #[error("campaign {}: {problem}", path.display())]
    Campaign {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file does not agree with the list of checksums beside it.
    #[error("{}: {problem}", path.display())]
    Checksum {
        /// The first file that disagrees, in the order of the list.
        path: PathBuf,
        /// How it disagrees and what to do.
        problem: String,
    },
    /// A file of the analysis, its claims or an imported table cannot be understood.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Which line, field or value, what was expected, what to do.
        problem: String,
    },
}

impl Error {
    /// A file whose content cannot be understood.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over texts and errors alike"
    )]
    pub(crate) fn content(path: impl Into<PathBuf>, problem: impl ToString) -> Self {
        Self::Content {
            path: path.into(),
            problem: problem.to_string(),
        }
    }
}
