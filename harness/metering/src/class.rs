//! Classes of boards: what is known of a board's sensors before it has been calibrated.
//!
//! Periods and windows are those of Yang, Adamek and Armour, "Part-time Power Measurements" (SC24,
//! arXiv 2312.02741); scales come from the cards that they held against an external meter. No meter
//! has been read beside a V100, H100 or H200 in public, so those get the limits of all cards.

use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;

/// The limit that is usually stated for the scale of on-board sensors. Of 19 cards beside a meter
/// some lay beyond it (−9.5 to +6.4 %), so it is taken as the limit of a rectangle for its size
/// (a/√3) and not for its hard ends: the line is treated as normal.
pub const GAIN_LIMIT: f64 = 0.05;

/// What a board's sensors are alike to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardClass {
    /// V100.
    Volta,
    /// A100, A30: GA100.
    Ga100,
    /// H100, H200, GH200.
    Hopper,
    /// Any other board.
    Other,
}

/// Scale and zero of a board's power sensor: shown = gain · true + offset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Shown power by true power.
    pub gain: Quantity,
    /// Shown power less true power at zero, in watts.
    pub offset_w: Quantity,
    /// Where both come from.
    pub source: String,
}

impl Transfer {
    /// What an external meter beside this very card found.
    pub fn calibrated(gain: Quantity, offset_w: Quantity, source: impl Into<String>) -> Self {
        Self {
            gain,
            offset_w,
            source: source.into(),
        }
    }
}

impl BoardClass {
    /// The class of a board by the name that its driver gives.
    pub fn of_product(name: &str) -> Self {
        let has = |part: &str| name.contains(part);
        if has("V100") {
            Self::Volta
        } else if has("A100") || has("A30 ") || name.ends_with("A30") {
            Self::Ga100
        } else if has("H100") || has("H200") || has("GH200") || has("H800") {
            Self::Hopper
        } else {
            Self::Other
        }
    }

    /// The class in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volta => "Volta",
            Self::Ga100 => "GA100",
            Self::Hopper => "Hopper",
            Self::Other => "other",
        }
    }

    /// Scale and zero of a card of this class that nobody has held against a meter.
    pub fn transfer(self) -> Transfer {
        let limit = GAIN_LIMIT / 3_f64.sqrt();
        let (gain, offset_w, source) = match self {
            Self::Volta => (
                Quantity::new(1.0, limit),
                Quantity::new(0.0, 2.0),
                "stated limit of ±5 %; offset estimated",
            ),
            Self::Ga100 => (
                Quantity::new(0.97, 0.03),
                Quantity::new(0.0, 3.0),
                "one A100 beside a meter (0.954, −1.2 W, arXiv 2312.02741) and the stated limit",
            ),
            Self::Hopper => (
                Quantity::new(1.0, limit),
                Quantity::new(0.0, 5.0),
                "stated limit of ±5 %; offset of 19 other cards (arXiv 2312.02741)",
            ),
            Self::Other => (
                Quantity::new(1.0, 0.095 / 3_f64.sqrt()),
                Quantity::new(0.0, 12.4 / 3_f64.sqrt()),
                "widest of 19 cards: −9.5 to +6.4 %, −12.4 to +11.8 W (arXiv 2312.02741)",
            ),
        };
        Transfer {
            gain,
            offset_w,
            source: source.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_find_their_class() {
        for (name, class) in [
            ("Tesla V100-PCIE-32GB", BoardClass::Volta),
            ("NVIDIA A100-PCIE-40GB", BoardClass::Ga100),
            ("NVIDIA A30", BoardClass::Ga100),
            ("NVIDIA H200", BoardClass::Hopper),
            ("NVIDIA H100 NVL", BoardClass::Hopper),
            ("NVIDIA GeForce RTX 3090", BoardClass::Other),
        ] {
            assert_eq!(BoardClass::of_product(name), class, "{name}");
        }
    }
}
