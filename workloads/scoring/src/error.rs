//! Why a score cannot be computed, in words that say what to do next.

use statistics::error::StatisticsError;
use statistics::linear::LinearError;
use thiserror::Error;

/// Why no score came back.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScoringError {
    /// The statistics refuse.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A decomposition refuses.
    #[error(transparent)]
    Linear(#[from] LinearError),
    /// The score is not defined, or has no interval, on so few.
    #[error("{score}: at least {needed} {units} needed, got {got}; {instead}")]
    TooFew {
        /// The score.
        score: &'static str,
        /// What is counted.
        units: &'static str,
        /// The least number that works.
        needed: usize,
        /// How many came.
        got: usize,
        /// What to do instead.
        instead: &'static str,
    },
    /// Features of different networks, or of different taps.
    #[error(
        "features of {left_name} have the width {left}, those of {right_name} {right}; take both \
         from the same network and layer"
    )]
    Widths {
        /// One side.
        left_name: &'static str,
        /// Its width.
        left: usize,
        /// The other side.
        right_name: &'static str,
        /// Its width.
        right: usize,
    },
    /// A list of values that is no whole number of rows.
    #[error("{what}: {values} values are no whole number of rows of {width}")]
    Ragged {
        /// What the values are.
        what: &'static str,
        /// How many came.
        values: usize,
        /// Values of a row.
        width: usize,
    },
    /// A value is infinite or no number.
    #[error(
        "{what}: value {column} of row {row} is {value}, expected a finite number; an output of \
         this image overflowed"
    )]
    NotFinite {
        /// What the values are.
        what: &'static str,
        /// The row (image) of the first offender, from 0.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// The offender.
        value: f64,
    },
    /// Two things that belong together have different sizes.
    #[error("{what}: {left} and {right} do not belong together; {expected}")]
    Mismatch {
        /// What is compared.
        what: &'static str,
        /// One size.
        left: String,
        /// The other.
        right: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A value outside of what it can be.
    #[error("{what} is {found}, expected {expected}")]
    Value {
        /// What the value is.
        what: &'static str,
        /// What came.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// Refuses two lists of which one is longer.
pub(crate) fn require_same_length(
    what: &'static str,
    left: usize,
    right: usize,
) -> Result<(), ScoringError> {
    if left == right {
        return Ok(());
    }
    Err(ScoringError::Mismatch {
        what,
        left: left.to_string(),
        right: right.to_string(),
        expected: "give one of each, in the same order",
    })
}
