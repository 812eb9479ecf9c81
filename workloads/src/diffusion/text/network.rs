//! The text encoder of fused operations.

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::linear::Linear;
use ops::{Gelu, Start, activation, attention, embedding, norm};

use super::config::{Activation, Output, TOKENS, TextConfig};
use super::weights::{TextBlockWeights, TextWeights};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::denoiser::transformer::{EPSILON, scale};
use crate::diffusion::layer;
use crate::fused::Fused;

/// A text encoder.
pub struct TextEncoder {
    config: TextConfig,
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: NormWeights,
    projection: Option<Linear>,
}

struct Block {
    attention_norm: NormWeights,
    qkv: Linear,
    output: Linear,
    feed_forward_norm: NormWeights,
    up: Linear,
    down: Linear,
}

/// Captions, and everything that a pass writes.
pub struct Memory {
    /// Ids, u32 `[captions, 77]`.
    captions: Tensor,
    /// Rows of the captions' ends, u32 `[captions]`.
    ends: Tensor,
    /// `[captions · 77, width]`, as the next three.
    stream: Tensor,
    normed: Tensor,
    attended: Tensor,
    /// What the denoiser sees.
    encoded: Tensor,
    /// `[captions, 77, 3 · width]`.
    qkv: Tensor,
    /// `[captions · 77, inner]`.
    inner: Tensor,
    /// Rows of the ends, and captions as a whole, `[captions, width]` each.
    pooled: Option<[Tensor; 2]>,
}

impl Memory {
    /// Room for these captions, each of 77 ids with an end.
    ///
    /// # Errors
    /// A caption has another length, no end, or an id that the encoder does not know, or the device
    /// is out of memory.
    pub fn new(
        config: &TextConfig,
        captions: &[Vec<u32>],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let mut ends = Vec::with_capacity(captions.len());
        for (index, caption) in captions.iter().enumerate() {
            let end = caption.iter().position(|id| *id == config.end());
            let known = caption.iter().all(|id| *id <= config.end());
            let (TOKENS, Some(end), true) = (caption.len(), end, known) else {
                bail!(
                    "caption {index} has {} ids, expected {TOKENS} up to {} with an end, which is {}",
                    caption.len(),
                    config.end(),
                    config.end()
                );
            };
            ends.push(u32::try_from(index * TOKENS + end).map_err(candle_core::Error::wrap)?);
        }
        let (count, width) = (captions.len(), config.width);
        let rows = |columns: usize| Tensor::zeros((count * TOKENS, columns), dtype, device);
        let pooled = || Tensor::zeros((count, width), dtype, device);
        Ok(Self {
            captions: Tensor::from_vec(captions.concat(), (count, TOKENS), device)?,
            ends: Tensor::from_vec(ends, count, device)?,
            stream: rows(width)?,
            normed: rows(width)?,
            attended: rows(width)?,
            encoded: rows(width)?,
            qkv: Tensor::zeros((count, TOKENS, 3 * width), dtype, device)?,
            inner: rows(config.inner())?,
            pooled: if config.pooled {
                Some([pooled()?, pooled()?])
            } else {
                None
            },
        })
    }

    /// Bytes of a memory.
    pub fn bytes(config: &TextConfig, captions: usize, dtype: DType) -> u64 {
        let rows = captions * TOKENS;
        let pooled = if config.pooled { 2 * captions } else { 0 };
        let values = rows * (7 * config.width + config.inner()) + pooled * config.width;
        (values * dtype.size_in_bytes() + 4 * (rows + captions)) as u64
    }

    /// What the denoiser sees, `[captions · 77, width]`.
    pub const fn encoded(&self) -> &Tensor {
        &self.encoded
    }

    /// Captions as a whole, `[captions, width]`.
    pub fn pooled(&self) -> Option<&Tensor> {
        self.pooled.as_ref().map(|[_, pooled]| pooled)
    }
}

impl TextEncoder {
    /// The network of these tensors.
    ///
    /// # Errors
    /// The tensors do not fit together, or the device is out of memory.
    pub fn new(config: &TextConfig, weights: TextWeights, fused: Fused) -> Result<Self> {
        Ok(Self {
            config: *config,
            tokens: weights.tokens,
            positions: weights.positions,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| Block::new(block, fused))
                .collect::<Result<_>>()?,
            norm: weights.norm,
            projection: weights
                .projection
                .map(|projection| layer::unbiased(projection, fused))
                .transpose()?,
        })
    }

    /// Encodes the captions.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, memory: &Memory) -> Result<()> {
        let Memory {
            captions, stream, ..
        } = memory;
        let (tokens, positions) = (&self.tokens, &self.positions);
        embedding::lookup_with_positions(tokens, positions, captions, Start::At(0), stream)?;
        for (index, block) in self.blocks.iter().enumerate() {
            if self.config.output == Output::BeforeLast && index + 1 == self.blocks.len() {
                memory.encoded.slice_set(stream, 0, 0)?;
            }
            block.forward(&self.config, memory)?;
        }
        let normed = match self.config.output {
            Output::Last => &memory.encoded,
            Output::BeforeLast => &memory.normed,
        };
        normalise(&self.norm, stream, normed)?;
        if let (Some(projection), Some([rows, pooled])) = (&self.projection, &memory.pooled) {
            embedding::lookup(normed, &memory.ends, rows)?;
            projection.forward(rows, pooled)?;
        }
        Ok(())
    }
}

impl Block {
    fn new(weights: TextBlockWeights, fused: Fused) -> Result<Self> {
        let [query, key, value] = &weights.qkv;
        let linear = |tensors: Affine| layer::linear(tensors, fused);
        Ok(Self {
            attention_norm: weights.attention_norm,
            qkv: linear(Affine::side_by_side(&[query, key, value])?)?,
            output: linear(weights.output)?,
            feed_forward_norm: weights.feed_forward_norm,
            up: linear(weights.up)?,
            down: linear(weights.down)?,
        })
    }

    fn forward(&self, config: &TextConfig, memory: &Memory) -> Result<()> {
        let Memory {
            stream,
            normed,
            attended,
            qkv,
            inner,
            ..
        } = memory;
        normalise(&self.attention_norm, stream, normed)?;
        self.qkv.forward(normed, qkv)?;
        let scale = scale(config.width / config.heads);
        attention::encoder_causal(qkv, config.heads, scale, attended)?;
        self.output.forward_residual(attended, stream)?;
        normalise(&self.feed_forward_norm, stream, normed)?;
        self.up.forward(normed, inner)?;
        match config.activation {
            Activation::QuickGelu => activation::quick_gelu(inner, inner)?,
            Activation::Gelu => activation::gelu(inner, Gelu::Erf, inner)?,
        }
        self.down.forward_residual(inner, stream)
    }
}

fn normalise(NormWeights { weight, bias }: &NormWeights, x: &Tensor, out: &Tensor) -> Result<()> {
    norm::layer_norm(x, weight, bias, EPSILON, out)
}
