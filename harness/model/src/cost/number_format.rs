//! What a number format means for the counts: where products are computed, how many bytes an
//! element takes, what it costs to unpack a weight.

use super::Pipe;
use super::error::CostError;
use crate::axis::Axis;
use crate::workload::{PRECISIONS, QUANTISATIONS};

/// How weights and activations are held, and where their products are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberFormat {
    /// Where products with weights are computed.
    pub pipe: Pipe,
    /// Where products of activations with each other are computed: attention stays in 16 bits
    /// where weights are narrower.
    pub attention_pipe: Pipe,
    /// Bytes of an activation, of a key and of a value.
    pub activation_bytes: f64,
    /// Bytes of a weight of a matrix, scales of its block included.
    pub weight_bytes: f64,
    /// FP32 operations that unpack a weight, once in each pass.
    pub unpack_operations: f64,
    /// FP32 operations that narrow an activation before it enters a product.
    pub narrow_operations: f64,
}

impl NumberFormat {
    /// The format of two words as they stand in plans.
    ///
    /// Block formats are those of GGUF: `q8_0` holds 32 weights and a 16-bit scale in 34 bytes,
    /// `q4_0` in 18, `q4_k` 256 weights with scales and minima of eight sub-blocks in 144. Blocks
    /// are unpacked (one multiplication; 4-bit ones also subtract) and multiplied in 16 bits.
    ///
    /// # Errors
    /// A word is unknown, or blocks are asked for together with a format that has no use for them.
    pub fn of(precision: &str, quantisation: &str) -> Result<Self, CostError> {
        let dense = match precision {
            "f32" => Self::dense(Pipe::Fp32, 4.0),
            "tf32" => Self::dense(Pipe::Tf32Tensor, 4.0),
            "f16" | "bf16" => Self::dense(Pipe::Fp16Tensor, 2.0),
            "fp8" => Self::narrow(Pipe::Fp8Tensor),
            "int8" => Self::narrow(Pipe::Int8Tensor),
            other => return Err(unknown(Axis::Precision, other, PRECISIONS)),
        };
        let (weight_bytes, unpack_operations) = match quantisation {
            "none" => return Ok(dense),
            "q8_0" => (34.0 / 32.0, 1.0),
            // 18 bytes for 32 weights are 144 for 256.
            "q4_0" | "q4_k" => (18.0 / 32.0, 2.0),
            other => return Err(unknown(Axis::Quantisation, other, QUANTISATIONS)),
        };
        if !matches!(precision, "f32" | "f16" | "bf16") {
            return Err(CostError::Value {
                axis: Axis::Precision,
                value: precision.to_owned(),
                expected: format!(
                    "f32, f16 or bf16 activations beside quantised weights ({quantisation})"
                ),
            });
        }
        Ok(Self {
            pipe: Pipe::Fp16Tensor,
            attention_pipe: Pipe::Fp16Tensor,
            weight_bytes,
            unpack_operations,
            ..dense
        })
    }

    const fn dense(pipe: Pipe, bytes: f64) -> Self {
        Self {
            pipe,
            attention_pipe: pipe,
            activation_bytes: bytes,
            weight_bytes: bytes,
            unpack_operations: 0.0,
            narrow_operations: 0.0,
        }
    }

    /// Eight-bit products, 16-bit everything else: an activation is scaled and rounded.
    const fn narrow(pipe: Pipe) -> Self {
        Self {
            pipe,
            attention_pipe: Pipe::Fp16Tensor,
            activation_bytes: 2.0,
            weight_bytes: 1.0,
            unpack_operations: 0.0,
            narrow_operations: 2.0,
        }
    }
}

fn unknown(axis: Axis, value: &str, expected: &[&str]) -> CostError {
    CostError::Value {
        axis,
        value: value.to_owned(),
        expected: format!("one of {}", expected.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_vocabulary_has_a_format() {
        for precision in PRECISIONS {
            NumberFormat::of(precision, "none").unwrap();
        }
        for quantisation in QUANTISATIONS {
            NumberFormat::of("f16", quantisation).unwrap();
        }
    }

    #[test]
    fn bits_of_a_weight_are_those_of_gguf() {
        let bits = |word| 8.0 * NumberFormat::of("f16", word).unwrap().weight_bytes;
        assert_eq!(
            ["none", "q8_0", "q4_0", "q4_k"].map(bits),
            [16.0, 8.5, 4.5, 4.5]
        );
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        let refusal = |precision, quantisation| {
            NumberFormat::of(precision, quantisation)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refusal("f8", "none"),
            "axis 'precision' has the value 'f8', expected one of f32, tf32, f16, bf16, fp8, int8"
        );
        assert_eq!(
            refusal("f16", "q3"),
            "axis 'quantisation' has the value 'q3', expected one of none, q8_0, q4_0, q4_k"
        );
        assert_eq!(
            refusal("fp8", "q4_k"),
            "axis 'precision' has the value 'fp8', expected f32, f16 or bf16 activations beside quantised weights (q4_k)"
        );
    }
}
