//! How a fast composition is computed: the choices that are axes of a sweep.

use ops::attention::Kind;
use ops::linear::Math;

use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::word::{Attention, Graph};

/// Choices of a fast composition. None of them changes what is computed, but for rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fused {
    /// How products of f32 values are computed.
    pub math: Math,
    /// Whether attention keeps its scores on the chip.
    pub attention: Kind,
    /// Whether a step is recorded once and replayed, where the device can. Naive attention
    /// allocates, so steps with it are never recorded.
    pub graph: bool,
}

impl Fused {
    /// The choices of a job.
    pub fn of(job: &Job) -> Self {
        Self {
            math: match job.precision {
                Precision::Tf32 => Math::Tf32,
                Precision::F32 | Precision::F16 | Precision::Bf16 => Math::Default,
            },
            attention: match job.variant.attention {
                Attention::Fused => Kind::Fused,
                Attention::Naive => Kind::Naive,
            },
            graph: job.variant.graph == Graph::On && job.variant.attention == Attention::Fused,
        }
    }
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
