//! Number formats that this worker computes in; plans accept more.

use candle_core::DType;
use model::axis::Axis;
use serde::{Serialize, Serializer};

use super::word::Word;

/// Number format of weights and activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single precision, also in products.
    F32,
    /// Single precision in memory, products of 10-bit mantissas on tensor cores.
    Tf32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl Precision {
    /// How tensors are held.
    pub const fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl Word for Precision {
    const AXIS: Axis = Axis::Precision;
    const ALL: &'static [Self] = &[Self::F32, Self::Tf32, Self::F16, Self::Bf16];

    fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

impl Serialize for Precision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
