//! The fast composition: three kernels, whatever the batch.
//!
//! What the gates get from the words does not depend on the state, so it is one product for all
//! words; the recurrence that is left is one kernel.

use candle_core::{D, DType, Device, Result, Tensor};
use ops::linear::Linear;
use ops::{embedding, lstm};

use super::config::Config;
use super::scratch::{Scratch, padded};
use super::weights::Weights;
use crate::fused::Fused;

/// The sentiment model with its weights on a device.
pub struct Network {
    config: Config,
    /// `[vocabulary, padded width]`.
    embedding: Tensor,
    /// From words to gates, with both biases.
    input: Linear,
    recurrent: Tensor,
    /// `[cells]`.
    dense: Tensor,
    dense_bias: Tensor,
}

impl Network {
    /// The network of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together, or the device is out of memory.
    pub fn new(config: &Config, weights: &Weights, fused: Fused) -> Result<Self> {
        let dtype = weights.embedding.dtype();
        let pad = |rows: &Tensor| {
            let missing = padded(config.width) - config.width;
            rows.pad_with_zeros(D::Minus1, 0, missing)?.contiguous()
        };
        let wide = |bias: &Tensor| bias.to_dtype(DType::F32);
        let bias = (wide(&weights.input_bias)? + wide(&weights.recurrent_bias)?)?;
        let bias = lstm::interleave(&bias)?.to_dtype(dtype)?;
        let input = lstm::interleave(&pad(&weights.input)?)?;
        Ok(Self {
            config: *config,
            embedding: pad(&weights.embedding)?,
            input: Linear::new(input, Some(bias))?.with_math(fused.math),
            recurrent: lstm::interleave(&weights.recurrent)?,
            dense: weights.dense.flatten_all()?,
            dense_bias: weights.dense_bias.clone(),
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of weights and activations.
    pub fn dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.embedding.device()
    }

    /// Reads `words` (u32 `[batch, words]`) and leaves a score for each sequence in the scratch.
    ///
    /// # Errors
    /// The scratch is for other sequences, or the device failed.
    pub fn forward(&self, words: &Tensor, scratch: &Scratch) -> Result<()> {
        embedding::lookup(&self.embedding, words, &scratch.embedded)?;
        self.input.forward(&scratch.embedded, &scratch.gates)?;
        lstm::score_last(
            &scratch.gates,
            &self.recurrent,
            &self.dense,
            &self.dense_bias,
            &scratch.scores,
        )
    }
}
