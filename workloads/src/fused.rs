//! How a fast composition is computed: the choices that are axes of a sweep.

use ops::attention::Kind;
use ops::linear::Math;

/// Choices of a fast composition. None of them changes what is computed, but for rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fused {
    /// How products of f32 values are computed.
    pub math: Math,
    /// Whether attention keeps its scores on the chip.
    pub attention: Kind,
    /// Whether a step is recorded once and replayed, where the device can.
    pub graph: bool,
}

impl Default for Fused {
    /// The fastest that keeps the number format.
    fn default() -> Self {
        Self {
            math: Math::Default,
            attention: Kind::Fused,
            graph: true,
        }
    }
}
