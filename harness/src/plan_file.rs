//! Plans as files.

use std::path::{Path, PathBuf};

use model::plan::{Plan, PlanError, PlanSource};
use thiserror::Error;

/// Reads and validates a plan.
///
/// # Errors
/// Where the file cannot be read, is no TOML, or holds a value that cannot be accepted; each names
/// the file, the key, the value and what was expected.
pub fn read(file: &Path) -> Result<Plan, PlanFileError> {
    let text = fs_err::read_to_string(file).map_err(|error| PlanFileError::Unreadable {
        reason: error.to_string(),
    })?;
    parse(file, &text)
}

/// Parses and validates the text of a plan.
///
/// # Errors
/// As [`read`], for the text.
pub fn parse(file: &Path, text: &str) -> Result<Plan, PlanFileError> {
    let source: PlanSource = toml::from_str(text).map_err(|error| PlanFileError::Syntax {
        file: file.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    })?;
    source.validate().map_err(|error| PlanFileError::Value {
        file: file.to_owned(),
        error,
    })
}

/// A plan that cannot be used.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// The file cannot be read.
    #[error("{reason}; expected a sweep plan, for examples see artifacts/plans")]
    Unreadable {
        /// What the system said, with the path.
        reason: String,
    },
    /// The file is no TOML or has unknown or missing keys.
    #[error("{file}: {reason}", file = file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, column, key and what was expected.
        reason: String,
    },
    /// A value cannot be accepted.
    #[error("{file}: {error}", file = file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// Key, value and what was expected.
        error: PlanError,
    },
}

#[cfg(test)]
mod tests;
