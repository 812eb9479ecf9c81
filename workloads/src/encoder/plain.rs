//! The network as the papers write it, of candle's operations only: what can be trained.
//!
//! Every operation here passes gradients on; candle's fused norm and softmax, which the stock model
//! uses, do not.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{Module, ops};

use super::config::Config;
use super::inputs::Inputs;
use super::weights::{BlockWeights, HeadWeights, Weights};
use crate::checkpoint::NormWeights;

/// An encoder without any fused operation.
#[derive(Clone, Debug)]
pub struct Plain {
    config: Config,
    weights: Weights,
}

/// Inputs as the plain composition takes them.
#[derive(Clone, Debug)]
pub struct PlainInputs {
    batch: usize,
    length: usize,
    /// u32 `[batch · length]`, as the next two.
    tokens: Tensor,
    positions: Tensor,
    segments: Tensor,
    /// f32 `[batch, 1, 1, length]`: zero where there is a token, −∞ at padding.
    mask: Tensor,
}

impl PlainInputs {
    /// Copies inputs to a device.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(config: &Config, inputs: &Inputs, device: &Device) -> Result<Self> {
        let (batch, length) = (inputs.batch(), inputs.length());
        let ids = |ids: &[u32]| Tensor::from_slice(ids, ids.len(), device);
        let mask: Vec<f32> = inputs
            .lengths()
            .iter()
            .flat_map(|known| {
                let known = *known as usize;
                (0..length).map(move |place| {
                    if place < known {
                        0.0
                    } else {
                        f32::NEG_INFINITY
                    }
                })
            })
            .collect();
        Ok(Self {
            batch,
            length,
            tokens: ids(inputs.tokens())?,
            positions: ids(&inputs.positions(config))?,
            segments: ids(inputs.segments())?,
            mask: Tensor::from_vec(mask, (batch, 1, 1, length), device)?,
        })
    }
}

impl Plain {
    /// The network of these tensors.
    pub const fn new(config: Config, weights: Weights) -> Self {
        Self { config, weights }
    }

    /// Scores (`[selected, classes]` or `[selected, vocabulary]`) of some rows, u32 `[selected]`.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device failed.
    pub fn logits(&self, inputs: &PlainInputs, selected: &Tensor) -> Result<Tensor> {
        let rows = self.hidden(inputs)?.index_select(selected, 0)?;
        match &self.weights.head {
            HeadWeights::Classification { dense, classes } => classes
                .plain()
                .forward(&dense.plain().forward(&rows)?.tanh()?),
            HeadWeights::MaskedLm { dense, norm, bias } => {
                let rows = dense.plain().forward(&rows)?.gelu_erf()?;
                self.norm(&rows, norm)?
                    .matmul(&self.weights.words.t()?)?
                    .broadcast_add(bias)
            }
        }
    }

    /// The stream after the last block, `[batch · length, hidden]`.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device failed.
    pub fn hidden(&self, inputs: &PlainInputs) -> Result<Tensor> {
        let Weights {
            words,
            positions,
            segments,
            embedding_norm,
            ..
        } = &self.weights;
        let sum = (words.index_select(&inputs.tokens, 0)?
            + segments.index_select(&inputs.segments, 0)?)?;
        let sum = (sum + positions.index_select(&inputs.positions, 0)?)?;
        let mut x = self.norm(&sum, embedding_norm)?;
        for block in &self.weights.blocks {
            let attended = block
                .output
                .plain()
                .forward(&self.attend(&x, block, inputs)?)?;
            x = self.norm(&(x + attended)?, &block.attention_norm)?;
            let inner = block.up.plain().forward(&x)?.gelu_erf()?;
            let fed = block.down.plain().forward(&inner)?;
            x = self.norm(&(x + fed)?, &block.feed_forward_norm)?;
        }
        Ok(x)
    }

    fn attend(&self, x: &Tensor, block: &BlockWeights, inputs: &PlainInputs) -> Result<Tensor> {
        let (batch, length) = (inputs.batch, inputs.length);
        let (heads, width) = (self.config.heads, self.config.head_dim());
        let qkv = block.qkv.plain().forward(x)?;
        let split = |part: usize| {
            qkv.narrow(D::Minus1, part * heads * width, heads * width)?
                .reshape((batch, length, heads, width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (query, key, value) = (split(0)?, split(1)?, split(2)?);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a head is far narrower than 2^53"
        )]
        let scale = 1.0 / (width as f64).sqrt();
        let scores = (query.matmul(&key.t()?.contiguous()?)? * scale)?
            .broadcast_add(&inputs.mask.to_dtype(x.dtype())?)?;
        ops::softmax(&scores, D::Minus1)?
            .matmul(&value)?
            .transpose(1, 2)?
            .reshape((batch * length, heads * width))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "candle takes the epsilon as f32"
    )]
    fn norm(&self, x: &Tensor, norm: &NormWeights) -> Result<Tensor> {
        let epsilon = self.config.layer_norm_epsilon as f32;
        ops::layer_norm_slow(x, &norm.weight, &norm.bias, epsilon)
    }
}
