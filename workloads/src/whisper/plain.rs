//! The network as the paper writes it, of candle's operations only: what the fast composition is
//! held against, and what can be trained.
//!
//! Every operation here passes gradients on; candle's fused norm and softmax do not.

use candle_core::{D, Result, Tensor};
use candle_nn::Module;
use candle_nn::ops::{layer_norm_slow, softmax};
use ops::Gelu;

use super::config::{Config, EPSILON, STRIDE};
use super::encoder::sinusoids;
use super::weights::{BlockWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};

/// A Whisper without any fused operation.
#[derive(Clone, Debug)]
pub struct Plain {
    config: Config,
    weights: Weights,
}

impl Plain {
    /// The network of these tensors.
    pub const fn new(config: Config, weights: Weights) -> Self {
        Self { config, weights }
    }

    /// What the decoder looks at, `[batch, positions, hidden]`, from features
    /// (`[batch, bins, frames]`).
    ///
    /// # Errors
    /// The features do not fit the model, or the device failed.
    pub fn encode(&self, features: &Tensor) -> Result<Tensor> {
        let encoder = &self.weights.encoder;
        let x = self.convolve(&encoder.first, features, 1)?;
        let x = self.convolve(&encoder.second, &x, STRIDE)?;
        let positions = sinusoids(&self.config)?
            .to_dtype(x.dtype())?
            .to_device(x.device())?;
        let mut x = x.transpose(1, 2)?.contiguous()?.broadcast_add(&positions)?;
        for block in &encoder.blocks {
            x = self.attend_to_own(block, &x, None)?;
            x = self.feed_forward(block, &x)?;
        }
        norm(&encoder.last_norm, &x)
    }

    /// Logits (`[batch, length, vocabulary]`) after each of `tokens` (u32 `[batch, length]`), from
    /// what [`Plain::encode`] gave.
    ///
    /// # Errors
    /// There are more tokens than positions, or the device failed.
    pub fn logits(&self, tokens: &Tensor, encoded: &Tensor) -> Result<Tensor> {
        let decoder = &self.weights.decoder;
        let (batch, length) = tokens.dims2()?;
        let (hidden, vocabulary) = (self.config.hidden_size, self.config.vocab_size);
        let embedded = decoder.tokens.index_select(&tokens.flatten_all()?, 0)?;
        let mut x = embedded
            .reshape((batch, length, hidden))?
            .broadcast_add(&decoder.positions.narrow(0, 0, length)?)?;
        let mask = causal_mask(length, &x)?;
        for block in &decoder.blocks {
            x = self.attend_to_own(&block.own, &x, Some(&mask))?;
            let query = block
                .cross_query
                .plain()
                .forward(&norm(&block.cross_norm, &x)?)?;
            let both = block.cross_keys_values.plain().forward(encoded)?;
            let attended = self.attend(&query, [&part(&both, 0, 2)?, &part(&both, 1, 2)?], None)?;
            x = (x + block.cross_output.plain().forward(&attended)?)?;
            x = self.feed_forward(&block.own, &x)?;
        }
        let rows = norm(&decoder.last_norm, &x)?.reshape((batch * length, hidden))?;
        rows.matmul(&decoder.tokens.t()?)?
            .reshape((batch, length, vocabulary))
    }

    /// Over three frames, with zeros around the sound, and the activation.
    fn convolve(
        &self,
        Affine { weight, bias }: &Affine,
        x: &Tensor,
        stride: usize,
    ) -> Result<Tensor> {
        let x = x
            .to_dtype(weight.dtype())?
            .conv1d(weight, 1, stride, 1, 1)?;
        self.activate(&x.broadcast_add(&bias.reshape((1, (), 1))?)?)
    }

    fn activate(&self, x: &Tensor) -> Result<Tensor> {
        match self.config.gelu {
            Gelu::Erf => x.gelu_erf(),
            Gelu::Tanh => x.gelu(),
        }
    }

    fn attend_to_own(
        &self,
        block: &BlockWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let qkv = block
            .qkv
            .plain()
            .forward(&norm(&block.attention_norm, x)?)?;
        let keys_values = [&part(&qkv, 1, 3)?, &part(&qkv, 2, 3)?];
        let attended = self.attend(&part(&qkv, 0, 3)?, keys_values, mask)?;
        x + block.output.plain().forward(&attended)?
    }

    fn feed_forward(&self, block: &BlockWeights, x: &Tensor) -> Result<Tensor> {
        let inner = block
            .up
            .plain()
            .forward(&norm(&block.feed_forward_norm, x)?)?;
        x + block.down.plain().forward(&self.activate(&inner)?)?
    }

    /// From queries (`[batch, length, hidden]`) to keys and values of any length.
    fn attend(
        &self,
        query: &Tensor,
        [keys, values]: [&Tensor; 2],
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let (heads, width) = (self.config.heads, self.config.head_dim());
        let split = |x: &Tensor| {
            let (batch, length, _) = x.dims3()?;
            x.reshape((batch, length, heads, width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let scale = f64::from(self.config.scale());
        let keys = split(keys)?.t()?.contiguous()?;
        let scores = (split(query)?.matmul(&keys)? * scale)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        softmax(&scores, D::Minus1)?
            .matmul(&split(values)?)?
            .transpose(1, 2)?
            .flatten_from(2)
    }
}

fn norm(NormWeights { weight, bias }: &NormWeights, x: &Tensor) -> Result<Tensor> {
    layer_norm_slow(x, weight, bias, EPSILON)
}

/// One of several that lie side by side in each row.
fn part(rows: &Tensor, index: usize, of: usize) -> Result<Tensor> {
    let width = rows.dim(D::Minus1)? / of;
    rows.narrow(D::Minus1, index * width, width)?.contiguous()
}

/// `[length, length]`: zero where a key is not later than its query, −∞ elsewhere.
fn causal_mask(length: usize, like: &Tensor) -> Result<Tensor> {
    let hidden = |place: usize| {
        if place % length <= place / length {
            0.0
        } else {
            f32::NEG_INFINITY
        }
    };
    let values: Vec<f32> = (0..length * length).map(hidden).collect();
    Tensor::from_vec(values, (length, length), like.device())?.to_dtype(like.dtype())
}
