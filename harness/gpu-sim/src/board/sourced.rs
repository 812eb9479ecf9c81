//! Numbers that say where they come from.

use serde::{Deserialize, Serialize};

/// A value of a profile and its source. A source that begins with `estimate` is an engineering
/// guess; one that begins with `fit` was found by the calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The value, in the unit that its key names.
    pub value: T,
    /// Where it comes from.
    pub source: String,
}

/// A value that differs from card to card: normal around the mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Mean over cards.
    pub value: f64,
    /// Standard deviation over cards.
    pub sd: f64,
    /// Where both come from.
    pub source: String,
}

impl<T> Sourced<T> {
    /// A value with its source.
    pub fn new(value: T, source: impl Into<String>) -> Self {
        Self {
            value,
            source: source.into(),
        }
    }
}
