//! Which edges of square pictures a model takes.

use serde::{Deserialize, Serialize};

use crate::axis::{Axis, Domain};

/// Edges of square pictures, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolutions {
    /// Where nothing is said.
    pub native_px: u64,
    /// Every edge is a multiple of this.
    pub step_px: u64,
    /// The smallest one.
    pub least_px: u64,
    /// The largest one.
    pub most_px: u64,
}

impl Resolutions {
    /// All multiples of a step that the axis has room for.
    pub const fn multiples(native_px: u64, step_px: u64) -> Self {
        let Domain::Integers(low, high) = Axis::ResolutionPx.domain() else {
            panic!("the axis takes whole numbers")
        };
        Self {
            native_px,
            step_px,
            least_px: low.div_ceil(step_px) * step_px,
            most_px: high / step_px * step_px,
        }
    }

    /// The native one alone.
    pub const fn only(native_px: u64) -> Self {
        Self {
            native_px,
            step_px: native_px,
            least_px: native_px,
            most_px: native_px,
        }
    }

    /// None below this.
    #[must_use]
    pub const fn from(self, least_px: u64) -> Self {
        Self { least_px, ..self }
    }

    /// Refuses an edge that the model cannot see.
    ///
    /// # Errors
    /// What is taken, and the nearest edges below and above that are.
    pub fn check(&self, edge_px: u64) -> Result<(), String> {
        let Self {
            step_px,
            least_px,
            most_px,
            ..
        } = *self;
        if (least_px..=most_px).contains(&edge_px) && edge_px.is_multiple_of(step_px) {
            return Ok(());
        }
        if least_px == most_px {
            return Err(format!("{least_px} alone"));
        }
        let below = (edge_px / step_px * step_px).clamp(least_px, most_px);
        let above = (below + step_px).min(most_px);
        let nearest = if edge_px < below || below == above {
            below.to_string()
        } else {
            format!("{below} and {above}")
        };
        Err(format!(
            "multiples of {step_px} from {least_px} to {most_px}; nearest: {nearest}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_a_multiple_within_bounds() {
        let sixteen = Resolutions::multiples(224, 16);
        for edge_px in [16, 224, 16_384] {
            sixteen.check(edge_px).unwrap();
        }
        Resolutions::only(224).check(224).unwrap();
        Resolutions::multiples(256, 1).check(8).unwrap();
        for (taken, edge_px, expected) in [
            (
                sixteen,
                230,
                "multiples of 16 from 16 to 16384; nearest: 224 and 240",
            ),
            (sixteen, 9, "multiples of 16 from 16 to 16384; nearest: 16"),
            (
                sixteen,
                20_000,
                "multiples of 16 from 16 to 16384; nearest: 16384",
            ),
            (
                Resolutions::multiples(640, 32).from(64),
                32,
                "multiples of 32 from 64 to 16384; nearest: 64",
            ),
            (Resolutions::only(224), 256, "224 alone"),
        ] {
            assert_eq!(taken.check(edge_px).unwrap_err(), expected);
        }
    }
}
