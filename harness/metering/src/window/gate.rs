//! The gate between the counter and power over time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::integral::Integrated;

/// Two sensors of one board may differ by this much, beyond what their uncertainties explain.
const TOLERANCE: f64 = 0.02;
/// Standard uncertainties of the difference that are allowed for: a gate that quarantines runs must
/// not close by chance.
const ALLOWED: f64 = 3.0;
/// Fewer readings of power do not tell how much they scatter.
const FEWEST_READINGS: usize = 10;

/// Why a gate is closed, or was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateReason {
    /// Counter and integrated power differ by more than 2 % and their uncertainties.
    CounterDisagreesWithPower,
    /// The board has no counter.
    NoCounter,
    /// No power field was recorded around the window.
    NoPower,
    /// Fewer than ten readings of power fall into the window.
    TooFewReadings,
    /// Power over time is too uncertain in this window to say anything about 2 %.
    PowerTooUncertain,
}

impl GateReason {
    /// The code as it stands in data.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CounterDisagreesWithPower => "counter_disagrees_with_power",
            Self::NoCounter => "no_counter",
            Self::NoPower => "no_power",
            Self::TooFewReadings => "too_few_readings",
            Self::PowerTooUncertain => "power_too_uncertain",
        }
    }
}

impl fmt::Display for GateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Whether the energy may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Both agree.
    Open,
    /// They cannot be compared; the energy passes with this remark.
    Untested(GateReason),
    /// They disagree: the run is to be quarantined.
    Closed(GateReason),
}

/// How the counter and power over time agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Integrated power by the counter, less one; absent where either is.
    pub relative_difference: Option<f64>,
    /// Its standard uncertainty.
    pub standard_uncertainty: Option<f64>,
    /// What follows.
    pub gate: Gate,
}

impl Agreement {
    pub(crate) fn of(counter_j: f64, counter_u_j: f64, integrated: Option<Integrated>) -> Self {
        let Some(integrated) = integrated else {
            return Self::untested(GateReason::NoPower);
        };
        let difference = integrated.energy_j / counter_j - 1.0;
        let uncertainty = libm::hypot(counter_u_j, integrated.uncertainty_j) / counter_j;
        let gate = if integrated.readings < FEWEST_READINGS {
            Gate::Untested(GateReason::TooFewReadings)
        } else if difference.abs() > TOLERANCE + ALLOWED * uncertainty {
            Gate::Closed(GateReason::CounterDisagreesWithPower)
        } else if uncertainty > 2.5 * TOLERANCE {
            Gate::Untested(GateReason::PowerTooUncertain)
        } else {
            Gate::Open
        };
        Self {
            relative_difference: Some(difference),
            standard_uncertainty: Some(uncertainty),
            gate,
        }
    }

    pub(crate) const fn without_counter() -> Self {
        Self::untested(GateReason::NoCounter)
    }

    const fn untested(reason: GateReason) -> Self {
        Self {
            relative_difference: None,
            standard_uncertainty: None,
            gate: Gate::Untested(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_closes_beyond_two_percent_and_what_is_uncertain() {
        let of_readings = |integrated: Option<(f64, f64)>, readings| {
            let integrated = integrated.map(|(energy_j, uncertainty_j)| Integrated {
                energy_j,
                uncertainty_j,
                readings,
            });
            Agreement::of(100.0, 0.1, integrated).gate
        };
        let gate = |integrated| of_readings(integrated, 50);
        assert_eq!(
            of_readings(Some((174.0, 3.0)), 3),
            Gate::Untested(GateReason::TooFewReadings)
        );
        assert_eq!(gate(Some((101.9, 0.1))), Gate::Open);
        assert_eq!(
            gate(Some((103.0, 0.1))),
            Gate::Closed(GateReason::CounterDisagreesWithPower)
        );
        // An idle counter that stands 43 % low, as zeus#181 reports.
        assert_eq!(
            gate(Some((174.0, 3.0))),
            Gate::Closed(GateReason::CounterDisagreesWithPower)
        );
        assert_eq!(gate(Some((103.0, 1.0))), Gate::Open);
        assert_eq!(
            gate(Some((120.0, 20.0))),
            Gate::Untested(GateReason::PowerTooUncertain)
        );
        assert_eq!(gate(None), Gate::Untested(GateReason::NoPower));
    }
}
