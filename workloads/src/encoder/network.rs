//! The fast composition: fused operations on memory that is there already.
//!
//! A block launches seven kernels: the fused product for queries, keys and values; attention; its
//! output; sum and norm; two of the feed-forward network, the first with GELU; sum and norm.

use candle_core::{DType, Device, Result, Tensor};
use ops::argmax::argmax;
use ops::attention::Kind;
use ops::linear::{Linear, Math};
use ops::{Gelu, embedding, norm};

use super::config::Config;
use super::scratch::{HeadScratch, Scratch};
use super::weights::{BlockWeights, HeadWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// An encoder with its weights on a device.
pub struct Network {
    config: Config,
    words: Tensor,
    /// Sum of position and segment embedding for each pair of them, segment after segment.
    places: Tensor,
    embedding_norm: NormWeights,
    blocks: Vec<Block>,
    head: HeadLayers,
    attention: Kind,
}

struct Block {
    qkv: Linear,
    output: Linear,
    attention_norm: NormWeights,
    up: Linear,
    down: Linear,
    feed_forward_norm: NormWeights,
}

enum HeadLayers {
    Classification {
        dense: Linear,
        classes: Linear,
    },
    MaskedLm {
        dense: Linear,
        norm: NormWeights,
        words: Linear,
    },
}

impl Network {
    /// The network of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together, or the device is out of memory.
    pub fn new(config: &Config, weights: Weights, fused: Fused) -> Result<Self> {
        let math = fused.math;
        Ok(Self {
            config: config.clone(),
            places: places(&weights.positions, &weights.segments)?,
            embedding_norm: weights.embedding_norm,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| Block::new(block, math))
                .collect::<Result<_>>()?,
            head: HeadLayers::new(weights.head, &weights.words, math)?,
            words: weights.words,
            attention: fused.attention,
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of weights and activations.
    pub fn dtype(&self) -> DType {
        self.words.dtype()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.words.device()
    }

    /// Encodes the inputs of the scratch up to the square matrix of the head; for masks, up to the
    /// scores and the largest of each. All of it can be recorded.
    ///
    /// # Errors
    /// The scratch is for another network, or the device failed.
    pub fn encode(&self, scratch: &Scratch) -> Result<()> {
        let Scratch { stream, delta, .. } = scratch;
        embedding::lookup(&self.words, &scratch.tokens, stream)?;
        embedding::lookup(&self.places, &scratch.places, delta)?;
        self.add_and_norm(&self.embedding_norm, scratch)?;
        for block in &self.blocks {
            self.block(block, scratch)?;
        }
        let head = &scratch.head;
        embedding::lookup(stream, &scratch.selected, &head.before)?;
        match &self.head {
            HeadLayers::Classification { dense, .. } => dense.forward(&head.before, &head.after),
            HeadLayers::MaskedLm { dense, norm, words } => {
                dense.forward(&head.before, &head.after)?;
                let NormWeights { weight, bias } = norm;
                norm::layer_norm(&head.after, weight, bias, self.epsilon(), &head.after)?;
                words.forward(&head.after, &head.logits)?;
                argmax(&head.logits, &head.choice)
            }
        }
    }

    /// What is left to do after [`Network::encode`]: for classes, hyperbolic tangent, scores, and
    /// the largest of each. candle's tangent allocates, so this cannot be recorded; a row for each
    /// sequence makes it short.
    ///
    /// # Errors
    /// The device failed.
    pub fn finish(&self, scratch: &Scratch) -> Result<()> {
        let HeadScratch {
            before,
            after,
            logits,
            choice,
        } = &scratch.head;
        match &self.head {
            HeadLayers::Classification { classes, .. } => {
                before.slice_set(&after.tanh()?, 0, 0)?;
                classes.forward(before, logits)?;
                argmax(logits, choice)
            }
            HeadLayers::MaskedLm { .. } => Ok(()),
        }
    }

    fn block(&self, block: &Block, scratch: &Scratch) -> Result<()> {
        let Scratch {
            stream,
            delta,
            attended,
            qkv,
            inner,
            ..
        } = scratch;
        block.qkv.forward(stream, qkv)?;
        let lengths = scratch.lengths.as_ref();
        let attend = self.attention.encoder();
        attend(qkv, lengths, self.config.heads, self.scale(), attended)?;
        block.output.forward(attended, delta)?;
        self.add_and_norm(&block.attention_norm, scratch)?;
        block.up.forward(stream, inner)?;
        block.down.forward(inner, delta)?;
        self.add_and_norm(&block.feed_forward_norm, scratch)
    }

    fn add_and_norm(&self, norm: &NormWeights, scratch: &Scratch) -> Result<()> {
        let Scratch { stream, delta, .. } = scratch;
        let NormWeights { weight, bias } = norm;
        norm::add_layer_norm_post(stream, delta, weight, bias, self.epsilon(), stream)
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
        Ok(Self {
            qkv: linear(weights.qkv, math)?,
            output: linear(weights.output, math)?,
            attention_norm: weights.attention_norm,
            up: linear(weights.up, math)?.with_activation(Gelu::Erf),
            down: linear(weights.down, math)?,
            feed_forward_norm: weights.feed_forward_norm,
        })
    }
}

impl HeadLayers {
    fn new(weights: HeadWeights, words: &Tensor, math: Math) -> Result<Self> {
        Ok(match weights {
            HeadWeights::Classification { dense, classes } => Self::Classification {
                dense: linear(dense, math)?,
                classes: linear(classes, math)?,
            },
            HeadWeights::MaskedLm { dense, norm, bias } => Self::MaskedLm {
                dense: linear(dense, math)?.with_activation(Gelu::Erf),
                norm,
                words: Linear::new(words.clone(), Some(bias))?.with_math(math),
            },
        })
    }
}

fn linear(Affine { weight, bias }: Affine, math: Math) -> Result<Linear> {
    Ok(Linear::new(weight, Some(bias))?.with_math(math))
}

/// `[segments · positions, hidden]`; summed in f32, rounded once.
fn places(positions: &Tensor, segments: &Tensor) -> Result<Tensor> {
    let (rows, hidden) = positions.dims2()?;
    let kinds = segments.dim(0)?;
    let wide = |table: &Tensor| table.to_dtype(DType::F32);
    wide(segments)?
        .unsqueeze(1)?
        .broadcast_add(&wide(positions)?.unsqueeze(0)?)?
        .reshape((kinds * rows, hidden))?
        .to_dtype(positions.dtype())
}
