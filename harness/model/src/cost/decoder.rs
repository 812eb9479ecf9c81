//! Decoder-only transformers: LLaMA, GPT-2, `StarCoder`.
//!
//! An iteration is a prefill of the prompt, with logits for its last position, and a step for
//! each decoded token. Beside the blocks a pass launches five kernels: embedding, last norm,
//! output layer, argmax in two.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::number_format::NumberFormat;
use super::phase::Phase;
use super::tally::{Norm, Tally};
use super::transformer::{Biases, Block, Sight};
use crate::axis::Axis;

const AXES: &[Axis] = &[
    Axis::Quantisation,
    Axis::PromptTokens,
    Axis::DecodeTokens,
    Axis::Phase,
];

/// Shape of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// Tokens that it knows.
    pub vocabulary: u64,
    /// Blocks.
    pub layers: u64,
    /// Shape of a block.
    pub block: Block,
    /// Learned positions; `None` where positions are rotations, which have no end.
    pub positions: Option<u64>,
    /// Whether the output layer reuses the embedding.
    pub tied: bool,
}

/// Sequences and their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Sequences.
    pub batch: u64,
    /// Prompt tokens of each.
    pub prompt_tokens: u64,
    /// Decoded tokens of each.
    pub decode_tokens: u64,
}

impl Decoder {
    /// The model of this name.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            // The small model of this project.
            "llama-tiny" => Self::llama(512, 2, [128, 344], [4, 4]),
            // Touvron et al. 2023, LLaMA, table 2; inner widths from the released checkpoints.
            "llama-7b" => Self::llama(32_000, 32, [4096, 11_008], [32, 32]),
            "llama-13b" => Self::llama(32_000, 40, [5120, 13_824], [40, 40]),
            // Touvron et al. 2023, Llama 2: grouped queries.
            "llama-70b" => Self::llama(32_000, 80, [8192, 28_672], [64, 8]),
            // Grattafiori et al. 2024, The Llama 3 herd of models, table 3.
            "llama-3-8b" => Self::llama(128_256, 32, [4096, 14_336], [32, 8]),
            // Radford et al. 2019, table 2; heads from the released checkpoints.
            "gpt2-small" => Self::gpt2(12, 768, 12),
            "gpt2-medium" => Self::gpt2(24, 1024, 16),
            "gpt2-large" => Self::gpt2(36, 1280, 20),
            "gpt2-xl" => Self::gpt2(48, 1600, 25),
            // Small models of this project.
            "gpt2-tiny" => Self::gpt2(2, 128, 2).small(),
            "starcoder-tiny" => Self::starcoder(2, 128, 2).small(),
            // Li et al. 2023, StarCoder; shapes from the released starcoderbase checkpoints.
            "starcoder-1b" => Self::starcoder(24, 2048, 16),
            "starcoder-3b" => Self::starcoder(36, 2816, 22),
            _ => return None,
        })
    }

    const fn llama(
        vocabulary: u64,
        layers: u64,
        [width, inner]: [u64; 2],
        [heads, kv_heads]: [u64; 2],
    ) -> Self {
        Self {
            vocabulary,
            layers,
            block: Block {
                width,
                inner,
                heads,
                kv_heads,
                norm: Norm::Rms,
                biases: Biases::Without,
                gated: true,
            },
            positions: None,
            tied: false,
        }
    }

    const fn gpt2(layers: u64, width: u64, heads: u64) -> Self {
        Self {
            vocabulary: 50_257,
            layers,
            block: Block::encoder(width, 4 * width, heads),
            positions: Some(1024),
            tied: true,
        }
    }

    /// The shape with few words and positions.
    const fn small(self) -> Self {
        Self {
            vocabulary: 128,
            positions: Some(128),
            ..self
        }
    }

    const fn starcoder(layers: u64, width: u64, heads: u64) -> Self {
        let block = Block::encoder(width, 4 * width, heads);
        Self {
            vocabulary: 49_152,
            layers,
            // One key head for all queries.
            block: Block {
                kv_heads: 1,
                ..block
            },
            positions: Some(8192),
            tied: true,
        }
    }

    /// The prefill of all prompts, and all decode steps.
    pub fn phases(&self, format: NumberFormat, lengths: Lengths) -> [Phase; 2] {
        [self.prefill(format, lengths), self.decode(format, lengths)]
    }

    /// Every prompt token through all blocks, logits for the last position only.
    pub fn prefill(&self, format: NumberFormat, lengths: Lengths) -> Phase {
        let Lengths {
            batch,
            prompt_tokens,
            ..
        } = lengths;
        let pass = self.pass(format, batch, prompt_tokens, Sight::Prefill);
        Phase::once("prefill", "token", batch * prompt_tokens, &pass)
    }

    /// A step for each decoded token; the prompt and the tokens before are in the cache.
    pub fn decode(&self, format: NumberFormat, lengths: Lengths) -> Phase {
        let Lengths {
            batch,
            prompt_tokens,
            decode_tokens,
        } = lengths;
        let step = |done: u64| {
            let context = prompt_tokens + done;
            self.pass(format, batch, 1, Sight::Decode { context })
        };
        Phase::repeated(
            "decode",
            "token",
            batch * decode_tokens,
            decode_tokens,
            &step(0),
            &step(decode_tokens.saturating_sub(1)),
        )
    }

    fn pass(&self, format: NumberFormat, batch: u64, new: u64, sight: Sight) -> Tally {
        let mut tally = Tally::new(format);
        let width = self.block.width;
        tally.embedding(self.vocabulary, width, batch * new);
        if let Some(positions) = self.positions {
            tally.embedding(positions, width, new);
        }
        tally.elementwise(batch * new * width, 0.0, 1.0);
        for _ in 0..self.layers {
            self.block.pass(&mut tally, batch, new, sight);
        }
        tally.norm(batch, width, self.block.norm);
        if self.tied {
            tally.tied_linear(batch, width, self.vocabulary);
        } else {
            tally.linear(batch, width, self.vocabulary, 0);
        }
        // The largest of each part, then of all.
        tally.elementwise(batch * self.vocabulary, 1.0, 1.0);
        tally.elementwise(batch, 1.0, 1.0);
        tally
    }
}

impl Architecture for Decoder {
    fn axes(&self) -> &'static [Axis] {
        AXES
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        // A prefill alone has no length of its decode.
        let prefill_only = ask.phase() == Some("prefill");
        let lengths = Lengths {
            batch: ask.batch,
            prompt_tokens: ask.count(Axis::PromptTokens)?,
            decode_tokens: if prefill_only {
                ask.count_or(Axis::DecodeTokens, 1)?
            } else {
                ask.count(Axis::DecodeTokens)?
            },
        };
        if let Some(positions) = self.positions {
            ask.fits(Axis::PromptTokens, lengths.prompt_tokens, positions - 1)?;
            let left = positions - lengths.prompt_tokens;
            ask.fits(Axis::DecodeTokens, lengths.decode_tokens, left)?;
        }
        Ok(self.phases(ask.format, lengths).to_vec())
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    Decoder::named(model).map(|decoder| Box::new(decoder) as Box<dyn Architecture>)
}
