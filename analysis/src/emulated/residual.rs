//! How far the emulated boards are from silicon: the residuals of the calibration.

use serde::{Deserialize, Serialize};

/// One row of the calibration, as `joulebench emulate calibrate` writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Slug of the board.
    pub board: String,
    /// Where the reference comes from.
    pub source: String,
    /// What was recorded.
    pub row: String,
    /// Quantity that is compared.
    pub quantity: String,
    /// Its unit, in UCUM notation.
    pub unit: String,
    /// Value on silicon.
    pub reference: f64,
    /// The emulator's, from its equations.
    pub solved: Option<f64>,
    /// The emulator's, in virtual time.
    pub simulated: Option<f64>,
    /// What is judged of the two.
    pub model: f64,
    /// Relative difference in percent.
    pub error_pct: f64,
    /// Difference that is allowed; absent where the number is shown without judgement.
    pub tolerance_pct: Option<f64>,
    /// Whether the difference is allowed.
    pub is_within: bool,
    /// `fit` or `holdout`.
    pub used_for: String,
}
