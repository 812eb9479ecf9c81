//! What can stop a study.

use std::error::Error;

use crate::bar::BarId;

/// What a function under test says when it refuses its input.
pub type Refusal = Box<dyn Error + Send + Sync>;

/// A study that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A function under test refused data that it should take.
    #[error("bar {bar}, {cell}: a function under test refused simulated data: {source}")]
    Refused {
        /// The bar.
        bar: BarId,
        /// Name of the cell.
        cell: String,
        /// What the function said.
        source: Refusal,
    },
    /// The answers of a row could not be summarised.
    #[error("bar {bar}, {cell}, {question}: cannot summarise the answers: {source}")]
    Summary {
        /// The bar.
        bar: BarId,
        /// Name of the cell.
        cell: String,
        /// The question.
        question: String,
        /// What the function said.
        source: Refusal,
    },
    /// No bar has this name.
    #[error("there is no bar {0:?}: give a number from 1 to 15 or one of {names}", names = BarId::names())]
    UnknownBar(String),
    /// Too few experiments for an interval.
    #[error("{0} experiments are too few: at least 20 are needed to say anything")]
    TooFewExperiments(usize),
}
