//! The fast composition: fused operations on memory that is there already.
//!
//! A block launches eight kernels: the fused product for queries, keys and values; the cache
//! write; attention; its output; sum and norm; two of the feed-forward network, the first with
//! GELU; sum and norm, for the next block. Prefill and decode differ in the attention only.

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::attention::Kind;
use ops::linear::{Linear, Math};
use ops::{Gelu, Start, embedding, norm, rope};

use super::config::Config;
use super::scratch::{Cache, LayerCache, Scratch};
use super::weights::{BlockWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// A GPT with its weights on a device.
pub struct Network {
    config: Config,
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    last_norm: NormWeights,
    head: Linear,
    attention: Kind,
}

struct Block {
    attention_norm: NormWeights,
    qkv: Linear,
    output: Linear,
    feed_forward_norm: NormWeights,
    up: Linear,
    down: Linear,
}

/// Where the tokens of a pass begin, and so which attention they take.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// A prompt at the beginning of its sequence.
    Prefill,
    /// One token of each sequence, at a position that may lie on the device.
    Decode(Start<'a>),
}

impl Network {
    /// The network of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together.
    pub fn new(config: &Config, weights: Weights, fused: Fused) -> Result<Self> {
        let math = fused.math;
        let head = Linear::new(weights.tokens.clone(), None)?.with_math(math);
        Ok(Self {
            config: config.clone(),
            tokens: weights.tokens,
            positions: weights.positions,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| Block::new(block, math))
                .collect::<Result<_>>()?,
            last_norm: weights.last_norm,
            head,
            attention: fused.attention,
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of weights and activations.
    pub fn dtype(&self) -> DType {
        self.tokens.dtype()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.tokens.device()
    }

    /// Reads `tokens` (u32 `[batch, length]`) into the cache, and leaves the logits of what
    /// follows in the scratch, whose batch and length they have.
    ///
    /// # Errors
    /// Tokens, cache and scratch do not fit, or the device failed.
    pub fn forward(
        &self,
        tokens: &Tensor,
        pass: Pass<'_>,
        cache: &Cache,
        scratch: &Scratch,
    ) -> Result<()> {
        let expected = (scratch.batch, scratch.length);
        if tokens.dims2()? != expected {
            bail!(
                "tokens are {:?}, the scratch is for {expected:?}",
                tokens.dims()
            );
        }
        let start = match pass {
            Pass::Prefill => Start::At(0),
            Pass::Decode(start) => start,
        };
        let Scratch {
            residual, normed, ..
        } = scratch;
        embedding::lookup_with_positions(&self.tokens, &self.positions, tokens, start, residual)?;
        let epsilon = self.epsilon();
        let norms = self.blocks.iter().map(|block| &block.attention_norm);
        let next_norms = norms.skip(1).chain([&self.last_norm]);
        if let Some(first) = self.blocks.first() {
            let NormWeights { weight, bias } = &first.attention_norm;
            norm::layer_norm(residual, weight, bias, epsilon, normed)?;
        }
        for ((block, layer), next) in self.blocks.iter().zip(&cache.layers).zip(next_norms) {
            self.attend(block, pass, layer, scratch)?;
            self.add_and_norm(&block.feed_forward_norm, scratch)?;
            block.up.forward(normed, &scratch.inner)?;
            block.down.forward(&scratch.inner, &scratch.delta)?;
            self.add_and_norm(next, scratch)?;
        }
        match &scratch.last {
            None => self.head.forward(normed, &scratch.logits),
            Some(last) => {
                embedding::lookup(normed, &last.rows, &last.hidden)?;
                self.head.forward(&last.hidden, &scratch.logits)
            }
        }
    }

    /// From normed rows to what attention adds.
    fn attend(
        &self,
        block: &Block,
        pass: Pass<'_>,
        cache: &LayerCache,
        scratch: &Scratch,
    ) -> Result<()> {
        let Scratch {
            query, attended, ..
        } = scratch;
        let LayerCache { keys, values } = cache;
        block.qkv.forward(&scratch.normed, &scratch.qkv)?;
        let scale = self.scale();
        match pass {
            Pass::Prefill => {
                let start = Start::At(0);
                rope::split_rotate_store(&scratch.qkv, None, start, query, keys, values)?;
                let attend = self.attention.prefill();
                attend(query, keys, values, 0, true, scale, attended)?;
            }
            Pass::Decode(start) => {
                rope::split_rotate_store(&scratch.qkv, None, start, query, keys, values)?;
                let parts = &scratch.decode;
                let attend = self.attention.decode();
                attend(query, keys, values, start, scale, parts, attended)?;
            }
        }
        block.output.forward(attended, &scratch.delta)
    }

    fn add_and_norm(&self, norm: &NormWeights, scratch: &Scratch) -> Result<()> {
        let Scratch {
            residual,
            delta,
            normed,
            ..
        } = scratch;
        norm::add_layer_norm(
            residual,
            delta,
            &norm.weight,
            &norm.bias,
            self.epsilon(),
            normed,
        )
    }

    #[expect(clippy::cast_possible_truncation, reason = "kernels take an f32")]
    const fn epsilon(&self) -> f32 {
        self.config.layer_norm_epsilon as f32
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a head is far narrower than 2^23"
    )]
    fn scale(&self) -> f32 {
        1.0 / (self.config.head_dim() as f32).sqrt()
    }
}

impl Block {
    fn new(weights: BlockWeights, math: Math) -> Result<Self> {
        let linear = |Affine { weight, bias }: Affine| -> Result<Linear> {
            Ok(Linear::new(weight, Some(bias))?.with_math(math))
        };
        Ok(Self {
            attention_norm: weights.attention_norm,
            qkv: linear(weights.qkv)?,
            output: linear(weights.output)?,
            feed_forward_norm: weights.feed_forward_norm,
            up: linear(weights.up)?.with_activation(Gelu::Tanh),
            down: linear(weights.down)?,
        })
    }
}
