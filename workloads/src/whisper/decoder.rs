//! The decoder of fused operations.
//!
//! Beside what a block of GPT-2 does, each block looks at the encoder's output, whose keys and
//! values are computed once for each window of sound: four kernels more.

use candle_core::{Result, Tensor, bail};
use ops::linear::Linear;
use ops::{Start, embedding, rope};

use super::config::Config;
use super::network::{Attention, Block, add_and_normalise, linear, next_norms, normalise};
use super::scratch::{Cache, CrossCache, CrossLayer, DecoderScratch};
use super::weights::{DecoderBlockWeights, DecoderWeights};
use crate::checkpoint::NormWeights;
use crate::fused::Fused;

/// The decoder with its weights on a device.
pub struct Decoder {
    attention: Attention,
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<DecoderBlock>,
    last_norm: NormWeights,
    head: Linear,
}

struct DecoderBlock {
    own: Block,
    cross_norm: NormWeights,
    cross_query: Linear,
    cross_keys_values: Linear,
    cross_output: Linear,
}

/// Where the tokens of a pass begin, and so which attention they take.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// What transcripts begin with.
    Prompt,
    /// One token of each transcript, at a position that may lie on the device.
    Step(Start<'a>),
}

impl Decoder {
    /// The decoder of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together.
    pub fn new(config: &Config, weights: DecoderWeights, fused: Fused) -> Result<Self> {
        let head = Linear::new(weights.tokens.clone(), None)?.with_math(fused.math);
        Ok(Self {
            attention: Attention::new(config, fused),
            tokens: weights.tokens,
            positions: weights.positions,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| DecoderBlock::new(config, block, fused))
                .collect::<Result<_>>()?,
            last_norm: weights.last_norm,
            head,
        })
    }

    /// The token embedding, `[vocabulary, hidden]`.
    pub const fn tokens(&self) -> &Tensor {
        &self.tokens
    }

    /// Computes the keys and values of what the encoder has left (`[batch · positions, hidden]`).
    ///
    /// # Errors
    /// The cache is for other sounds, or the device failed.
    pub fn look_at(&self, encoded: &Tensor, cross: &CrossCache) -> Result<()> {
        for (block, layer) in self.blocks.iter().zip(&cross.layers) {
            block.cross_keys_values.forward(encoded, &layer.both)?;
        }
        Ok(())
    }

    /// Reads `tokens` (u32 `[batch, length]`) into the cache, and leaves the logits of what
    /// follows in the scratch, whose batch and length they have.
    ///
    /// # Errors
    /// Tokens, caches and scratch do not fit, or the device failed.
    pub fn forward(
        &self,
        tokens: &Tensor,
        pass: Pass<'_>,
        cache: &Cache,
        cross: &CrossCache,
        scratch: &DecoderScratch,
    ) -> Result<()> {
        let expected = (scratch.batch, scratch.length);
        if tokens.dims2()? != expected {
            bail!(
                "tokens are {:?}, the scratch is for {expected:?}",
                tokens.dims()
            );
        }
        let start = match pass {
            Pass::Prompt => Start::At(0),
            Pass::Step(start) => start,
        };
        let streams = &scratch.streams;
        let (table, places) = (&self.tokens, &self.positions);
        embedding::lookup_with_positions(table, places, tokens, start, &streams.residual)?;
        let norms = self.blocks.iter().map(|block| &block.own.attention_norm);
        let first = norms.clone().next().unwrap_or(&self.last_norm);
        normalise(first, streams)?;
        let layers = cache.layers.iter().zip(&cross.layers);
        let nexts = next_norms(norms, &self.last_norm);
        for ((block, (own, cross)), next) in self.blocks.iter().zip(layers).zip(nexts) {
            self.attend(&block.own, pass, own, scratch)?;
            add_and_normalise(&block.cross_norm, streams)?;
            self.attend_across(block, pass, cross, scratch)?;
            add_and_normalise(&block.own.feed_forward_norm, streams)?;
            block.own.feed_forward(streams)?;
            add_and_normalise(next, streams)?;
        }
        match &scratch.last {
            None => self.head.forward(&streams.normed, &scratch.logits),
            Some(last) => {
                embedding::lookup(&streams.normed, &last.rows, &last.hidden)?;
                self.head.forward(&last.hidden, &scratch.logits)
            }
        }
    }

    /// From normed rows to what attention to the own tokens adds.
    fn attend(
        &self,
        block: &Block,
        pass: Pass<'_>,
        [keys, values]: &[Tensor; 2],
        scratch: &DecoderScratch,
    ) -> Result<()> {
        let DecoderScratch {
            streams,
            qkv,
            query,
            decode,
            ..
        } = scratch;
        let Attention { kind, scale, .. } = self.attention;
        block.qkv.forward(&streams.normed, qkv)?;
        let attended = &streams.attended;
        match pass {
            Pass::Prompt => {
                rope::split_rotate_store(qkv, None, Start::At(0), query, keys, values)?;
                (kind.prefill())(query, keys, values, 0, true, scale, attended)?;
            }
            Pass::Step(start) => {
                rope::split_rotate_store(qkv, None, start, query, keys, values)?;
                (kind.decode())(query, keys, values, start, scale, decode, attended)?;
            }
        }
        block.output.forward(attended, &streams.delta)
    }

    /// From normed rows to what attention to the sound adds.
    fn attend_across(
        &self,
        block: &DecoderBlock,
        pass: Pass<'_>,
        CrossLayer { keys, values, .. }: &CrossLayer,
        scratch: &DecoderScratch,
    ) -> Result<()> {
        let DecoderScratch {
            streams,
            cross_rows,
            cross_query: query,
            decode,
            ..
        } = scratch;
        let Attention { kind, scale, .. } = self.attention;
        block.cross_query.forward(&streams.normed, cross_rows)?;
        let attended = &streams.attended;
        match pass {
            Pass::Prompt => {
                (kind.prefill())(query, keys, values, 0, false, scale, attended)?;
            }
            Pass::Step(_) => {
                // Every place of the sound is seen.
                let last = Start::At(keys.dim(2)? - 1);
                (kind.decode())(query, keys, values, last, scale, decode, attended)?;
            }
        }
        block.cross_output.forward(attended, &streams.delta)
    }
}

impl DecoderBlock {
    fn new(config: &Config, weights: DecoderBlockWeights, fused: Fused) -> Result<Self> {
        Ok(Self {
            own: Block::new(config, weights.own, fused)?,
            cross_norm: weights.cross_norm,
            cross_query: linear(weights.cross_query, fused)?,
            cross_keys_values: linear(weights.cross_keys_values, fused)?,
            cross_output: linear(weights.cross_output, fused)?,
        })
    }
}
