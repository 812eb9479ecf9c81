//! Whisper: an encoder of 30 s of sound and a decoder of text.
//!
//! Radford et al. 2022, table 1; vocabularies and mel bands from the released checkpoints. An
//! iteration encodes one window of sound for each sequence (3,000 frames, halved by the second
//! convolution), with the keys and values of the cross attention and the four tokens that every
//! transcript begins with, and then decodes `decode_tokens` tokens.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::{GELU_OPERATIONS, Norm, Tally};
use super::transformer::{Biases, Block, Sight};
use crate::axis::Axis;

/// Samples of 30 s at 16 kHz.
const SAMPLES: u64 = 480_000;
const FRAMES: u64 = 3_000;
/// Positions of the encoder.
const SOUNDS: u64 = FRAMES / 2;
/// Learned positions of the decoder.
const POSITIONS: u64 = 448;
/// Start, language, task, no time stamps.
const PROMPT: u64 = 4;

/// Shape of a Whisper model.
#[derive(Clone, Copy, Debug)]
struct Whisper {
    mel_bands: u64,
    vocabulary: u64,
    /// Blocks of the encoder, and of the decoder.
    layers: u64,
    block: Block,
}

impl Whisper {
    const fn of(layers: u64, width: u64, heads: u64) -> Self {
        Self {
            mel_bands: 80,
            vocabulary: 51_865,
            layers,
            block: Block {
                biases: Biases::AllButKeys,
                ..Block::encoder(width, 4 * width, heads)
            },
        }
    }

    fn encode(&self, ask: &Ask<'_>) -> Tally {
        let mut tally = Tally::new(ask.format);
        let (batch, width) = (ask.batch, self.block.width);
        tally.in_and_out(batch * SAMPLES);
        // Convolutions of three frames, as products; GELU behind each.
        tally.linear(batch * FRAMES, 3 * self.mel_bands, width, width);
        tally.fused(batch * FRAMES * width, GELU_OPERATIONS);
        tally.linear(batch * SOUNDS, 3 * width, width, width);
        tally.fused(batch * SOUNDS * width, GELU_OPERATIONS);
        for _ in 0..self.layers {
            self.block.pass(&mut tally, batch, SOUNDS, Sight::Both);
        }
        tally.norm(batch * SOUNDS, width, Norm::Layer);
        for _ in 0..self.layers {
            tally.linear(batch * SOUNDS, width, 2 * width, width);
            tally.kv_cache(batch * SOUNDS * 2 * width);
        }
        self.decode(&mut tally, batch, PROMPT, Sight::Prefill);
        tally
    }

    /// The decoder. Its cross keys belong to the encoder's pass.
    fn decode(&self, tally: &mut Tally, batch: u64, new: u64, sight: Sight) {
        let width = self.block.width;
        tally.embedding(self.vocabulary, width, batch * new);
        tally.embedding(POSITIONS, width, new);
        tally.elementwise(batch * new * width, 1.0, 1.0);
        for _ in 0..self.layers {
            self.block.attend_across(tally, batch, new, SOUNDS);
            self.block.pass(tally, batch, new, sight);
        }
        tally.norm(batch, width, Norm::Layer);
        tally.tied_linear(batch, width, self.vocabulary);
        tally.elementwise(batch * self.vocabulary, 1.0, 1.0);
        tally.elementwise(batch, 1.0, 1.0);
    }
}

impl Architecture for Whisper {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::Quantisation, Axis::DecodeTokens, Axis::Phase]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let tokens = ask.count(Axis::DecodeTokens)?;
        ask.fits(Axis::DecodeTokens, tokens, POSITIONS - PROMPT)?;
        let step = |done: u64| {
            let mut tally = Tally::new(ask.format);
            let context = PROMPT + done;
            self.decode(&mut tally, ask.batch, 1, Sight::Decode { context });
            tally
        };
        Ok(vec![
            Phase::once("encode", "request", ask.batch, &self.encode(ask)),
            Phase::repeated(
                "decode",
                "token",
                ask.batch * tokens,
                tokens,
                &step(0),
                &step(tokens - 1),
            ),
        ])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let whisper = match model {
        "whisper-tiny" => Whisper::of(4, 384, 6),
        "whisper-base" => Whisper::of(6, 512, 8),
        "whisper-small" => Whisper::of(12, 768, 12),
        "whisper-medium" => Whisper::of(24, 1024, 16),
        "whisper-large-v3" => Whisper {
            mel_bands: 128,
            vocabulary: 51_866,
            ..Whisper::of(32, 1280, 20)
        },
        _ => return None,
    };
    Some(Box::new(whisper))
}
