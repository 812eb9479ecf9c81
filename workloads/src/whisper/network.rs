//! The fast composition: parts that encoder and decoder share.

use candle_core::{DType, Device, Result, Tensor};
use ops::attention::Kind;
use ops::linear::Linear;
use ops::norm;

use super::config::{Config, EPSILON};
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::scratch::Streams;
use super::weights::{BlockWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// A Whisper with its weights on a device.
pub struct Network {
    config: Config,
    /// From features to what the decoder looks at.
    pub encoder: Encoder,
    /// From tokens and that to logits.
    pub decoder: Decoder,
}

impl Network {
    /// The network of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together, or the device is out of memory.
    pub fn new(config: &Config, weights: Weights, fused: Fused) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            encoder: Encoder::new(config, weights.encoder, fused)?,
            decoder: Decoder::new(config, weights.decoder, fused)?,
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of weights and activations.
    pub fn dtype(&self) -> DType {
        self.decoder.tokens().dtype()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.decoder.tokens().device()
    }
}

/// What blocks of encoder and decoder have in common.
pub(super) struct Block {
    pub(super) attention_norm: NormWeights,
    pub(super) qkv: Linear,
    pub(super) output: Linear,
    pub(super) feed_forward_norm: NormWeights,
    up: Linear,
    down: Linear,
}

impl Block {
    pub(super) fn new(config: &Config, weights: BlockWeights, fused: Fused) -> Result<Self> {
        Ok(Self {
            attention_norm: weights.attention_norm,
            qkv: linear(weights.qkv, fused)?,
            output: linear(weights.output, fused)?,
            feed_forward_norm: weights.feed_forward_norm,
            up: linear(weights.up, fused)?.with_activation(config.gelu),
            down: linear(weights.down, fused)?,
        })
    }

    /// From normed rows to what the feed-forward network adds.
    pub(super) fn feed_forward(&self, streams: &Streams) -> Result<()> {
        self.up.forward(&streams.normed, &streams.inner)?;
        self.down.forward(&streams.inner, &streams.delta)
    }
}

/// How attention is computed, and with which heads.
#[derive(Clone, Copy)]
pub(super) struct Attention {
    pub(super) kind: Kind,
    pub(super) heads: usize,
    pub(super) scale: f32,
}

impl Attention {
    pub(super) fn new(config: &Config, fused: Fused) -> Self {
        Self {
            kind: fused.attention,
            heads: config.heads,
            scale: config.scale(),
        }
    }
}

/// A layer of these tensors.
pub(super) fn linear(Affine { weight, bias }: Affine, fused: Fused) -> Result<Linear> {
    Ok(Linear::new(weight, Some(bias))?.with_math(fused.math))
}

/// The norm of the stream.
pub(super) fn normalise(norm: &NormWeights, streams: &Streams) -> Result<()> {
    let NormWeights { weight, bias } = norm;
    norm::layer_norm(&streams.residual, weight, bias, EPSILON, &streams.normed)
}

/// The stream takes what was to be added, and its norm is taken.
pub(super) fn add_and_normalise(norm: &NormWeights, streams: &Streams) -> Result<()> {
    let NormWeights { weight, bias } = norm;
    let Streams {
        residual,
        normed,
        delta,
        ..
    } = streams;
    norm::add_layer_norm(residual, delta, weight, bias, EPSILON, normed)
}

/// For each block, the norm that follows it: that of the next, and at the end the last one.
pub(super) fn next_norms<'a>(
    own: impl Iterator<Item = &'a NormWeights>,
    last: &'a NormWeights,
) -> impl Iterator<Item = &'a NormWeights> {
    own.skip(1).chain([last])
}

/// A convolution over frames as a product with windows of rows: `[out, in, k]` as `[out, k · in]`.
pub(super) fn of_windows(convolution: &Affine) -> Result<Affine> {
    let weight: Tensor = convolution.weight.transpose(1, 2)?.contiguous()?;
    Ok(Affine {
        weight: weight.flatten_from(1)?,
        bias: convolution.bias.clone(),
    })
}
