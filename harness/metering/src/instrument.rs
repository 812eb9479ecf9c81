//! What the energy of a window needs to know of the instrument: from a calibration of this card, or
//! from the class of its board with wider uncertainties.

use serde::{Deserialize, Serialize};

use crate::class::{BoardClass, Transfer};
use crate::quantity::Quantity;
use crate::series::Field;

/// The energy counter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterModel {
    /// Time between two ticks, in seconds.
    pub period_s: Quantity,
    /// How far the period may lie from that, relative, when ticks are looked for.
    pub period_within: f64,
    /// How long after it was used energy is counted, in seconds.
    pub latency_s: Quantity,
    /// Least difference of two readings, in joules.
    pub resolution_j: f64,
}

/// The power field that the counter is held against, and that shows what happens inside a tick.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerModel {
    /// Which field.
    pub field: Field,
    /// Time between two refreshes, in seconds.
    pub period_s: Quantity,
    /// Time over which a refresh averages, in seconds.
    pub window_s: Quantity,
    /// How long before the refresh that time ends, in seconds.
    pub lag_s: Quantity,
    /// Least step of the field, in watts.
    pub resolution_w: f64,
}

/// How the counter's scale moves within a run, relative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Standard uncertainty from what was seen.
    pub standard_uncertainty: f64,
    /// What comparisons with the power field are too coarse to tell from no drift at all. It is
    /// stated beside the budget and not in it: nothing says that there is any.
    pub unseen: f64,
}

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A calibration of this card.
    Profile,
    /// The class of its board.
    Class,
}

/// An instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// Where the numbers come from.
    pub basis: Basis,
    /// The energy counter.
    pub counter: CounterModel,
    /// The power field, where there is one with a short window.
    pub power: Option<PowerModel>,
    /// How the counter's scale moves within a run.
    pub drift: Drift,
    /// Scale and zero against the truth.
    pub transfer: Transfer,
}

/// Scatter of the counter against field 186 over three idle stretches of one H200 within 35 s
/// (+0.12, +0.23, +0.17 %): 0.055 %, the most that is publicly known of a drift within a run.
const CLASS_DRIFT: f64 = 0.00055;

impl Instrument {
    /// The instrument of a board that nobody has calibrated.
    pub fn of_class(class: BoardClass) -> Self {
        let (tick_s, within, power_s, window) = match class {
            BoardClass::Volta => (0.020, 0.08, 0.020, Quantity::new(0.0105, 0.001)),
            BoardClass::Ga100 => (0.100, 0.03, 0.101, Quantity::new(0.024, 0.002)),
            BoardClass::Hopper => (0.100, 0.03, 0.1005, Quantity::new(0.030, 0.006)),
            BoardClass::Other => (0.100, 0.08, 0.100, Quantity::new(0.060, 0.025)),
        };
        Self {
            basis: Basis::Class,
            counter: CounterModel {
                period_s: Quantity::new(tick_s, tick_s * within / 3_f64.sqrt()),
                period_within: within,
                // Seen on one H200: 2 to 5 ms.
                latency_s: Quantity::new(0.0025, 0.0025),
                resolution_j: 0.001,
            },
            power: Some(PowerModel {
                field: Field::PowerInstant,
                period_s: Quantity::new(power_s, 0.01 * power_s),
                window_s: window,
                lag_s: Quantity::new(0.005, 0.004),
                resolution_w: 0.5,
            }),
            drift: Drift {
                standard_uncertainty: CLASS_DRIFT,
                unseen: CLASS_DRIFT,
            },
            transfer: class.transfer(),
        }
    }

    /// The same with what an external meter found.
    #[must_use]
    pub fn with_transfer(mut self, transfer: Transfer) -> Self {
        self.transfer = transfer;
        self
    }
}
