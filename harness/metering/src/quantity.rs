//! A number with its standard uncertainty, or the reason why there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value with its standard uncertainty, both in the unit that the field's name carries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// The value.
    pub value: f64,
    /// Its standard uncertainty (one standard deviation).
    pub standard_uncertainty: f64,
}

impl Quantity {
    /// A value with its standard uncertainty.
    pub const fn new(value: f64, standard_uncertainty: f64) -> Self {
        Self {
            value,
            standard_uncertainty,
        }
    }

    /// Both times a factor: from seconds to milliseconds, say.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::new(
            self.value * factor,
            self.standard_uncertainty * factor.abs(),
        )
    }

    /// How many standard uncertainties another value lies away.
    pub fn distance(self, other: f64) -> f64 {
        (self.value - other).abs() / self.standard_uncertainty
    }
}

impl fmt::Display for Quantity {
    /// With as many digits as two of the uncertainty; `{:.3}` overrides that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f
            .precision()
            .unwrap_or_else(|| digits_for(self.standard_uncertainty));
        write!(
            f,
            "{:.digits$} ± {:.digits$}",
            self.value, self.standard_uncertainty
        )
    }
}

/// Decimals that show two digits of an uncertainty.
fn digits_for(uncertainty: f64) -> usize {
    let mut digits = 0;
    let mut scaled = uncertainty;
    while scaled > 0.0 && scaled < 9.5 && digits < 9 {
        scaled *= 10.0;
        digits += 1;
    }
    digits
}

/// Why a property of a sensor could not be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unidentified {
    /// The recording has no reading of this field.
    NotRecorded,
    /// The field changed too rarely to say anything.
    TooFewChanges,
    /// The field changes at no regular times.
    NoRegularBeat,
    /// No load edge lies far enough from its neighbours.
    NoIsolatedEdge,
    /// The load hardly changed what the field shows.
    NoResponse,
    /// Readings were too far apart in time to resolve it.
    PolledTooSlowly,
    /// No model fits what was recorded.
    NoFit,
    /// The recording has no such phase.
    NoSuchPhase,
}

impl Unidentified {
    /// The code as it stands in data.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRecorded => "not_recorded",
            Self::TooFewChanges => "too_few_changes",
            Self::NoRegularBeat => "no_regular_beat",
            Self::NoIsolatedEdge => "no_isolated_edge",
            Self::NoResponse => "no_response",
            Self::PolledTooSlowly => "polled_too_slowly",
            Self::NoFit => "no_fit",
            Self::NoSuchPhase => "no_such_phase",
        }
    }
}

impl fmt::Display for Unidentified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A property of a sensor: found, or missing for a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identified<T = Quantity> {
    /// What was found.
    Known(T),
    /// Why nothing was.
    Unknown(Unidentified),
}

impl<T> Identified<T> {
    /// What was found.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<Result<T, Unidentified>> for Identified<T> {
    fn from(result: Result<T, Unidentified>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(reason) => Self::Unknown(reason),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Identified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(reason) => write!(f, "({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_of_the_uncertainty_are_shown() {
        assert_eq!(
            Quantity::new(100.00042, 0.00123).to_string(),
            "100.0004 ± 0.0012"
        );
        assert_eq!(Quantity::new(25.3, 1.4).to_string(), "25.3 ± 1.4");
        assert_eq!(Quantity::new(0.35, 0.0).to_string(), "0 ± 0");
        assert_eq!(format!("{:.2}", Quantity::new(0.35, 0.0)), "0.35 ± 0.00");
        assert_eq!(
            Identified::<Quantity>::Unknown(Unidentified::NoFit).to_string(),
            "(no_fit)"
        );
    }
}
