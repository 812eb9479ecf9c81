//! The formats of blocks.

use candle_core::quantized::GgmlDType;
use candle_core::{Result, bail};

/// A format of quantised weights, as ggml defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `Q8_0`: signed bytes, an f16 scale per 32 values.
    Q80,
    /// `Q4_0`: 4 bits, an f16 scale per 32 values.
    Q40,
    /// `Q4_K`: 4 bits, a scale and a minimum of 6 bits per 32 values, two f16 factors per 256.
    Q4K,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Q80, Self::Q40, Self::Q4K];

    /// The name in llama.cpp: `Q4_K`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q80 => "Q8_0",
            Self::Q40 => "Q4_0",
            Self::Q4K => "Q4_K",
        }
    }

    /// Values of a block.
    pub const fn block_values(self) -> usize {
        match self {
            Self::Q80 | Self::Q40 => 32,
            Self::Q4K => 256,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q80 => 34,
            Self::Q40 => 18,
            Self::Q4K => 144,
        }
    }

    /// Bytes of a row of so many values, which whole blocks make up.
    ///
    /// # Panics
    /// They do not.
    pub const fn row_bytes(self, values: usize) -> usize {
        assert!(values.is_multiple_of(self.block_values()));
        values / self.block_values() * self.block_bytes()
    }

    /// candle's name for it.
    pub const fn ggml(self) -> GgmlDType {
        match self {
            Self::Q80 => GgmlDType::Q8_0,
            Self::Q40 => GgmlDType::Q4_0,
            Self::Q4K => GgmlDType::Q4K,
        }
    }
}

impl TryFrom<GgmlDType> for Format {
    type Error = candle_core::Error;

    fn try_from(dtype: GgmlDType) -> Result<Self> {
        match dtype {
            GgmlDType::Q8_0 => Ok(Self::Q80),
            GgmlDType::Q4_0 => Ok(Self::Q40),
            GgmlDType::Q4K => Ok(Self::Q4K),
            other => bail!("no kernel for {other:?} weights, expected Q8_0, Q4_0 or Q4_K"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_names_are_those_of_candle() {
        for format in Format::ALL {
            let ggml = format.ggml();
            assert_eq!(format.block_bytes(), ggml.type_size());
            assert_eq!(format.block_values(), ggml.block_size());
            assert_eq!(Format::try_from(ggml).unwrap(), format);
        }
        let message = Format::try_from(GgmlDType::Q6K).unwrap_err().to_string();
        assert!(
            message.starts_with("no kernel for Q6K weights, expected Q8_0"),
            "{message}"
        );
    }
}
