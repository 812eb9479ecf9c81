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

/// Frames of the features for each position of the encoder.
const STRIDE: u64 = 2;
/// Start, language, task, no time stamps.
const PROMPT: u64 = 4;

/// Shape of a Whisper model.
#[derive(Clone, Copy, Debug)]
struct Whisper {
    mel_bands: u64,
    vocabulary: u64,
    /// Positions of the encoder.
    sounds: u64,
    /// Learned positions of the decoder.
    positions: u64,
    /// Blocks of the encoder, and of the decoder.
    layers: u64,
    block: Block,
}

impl Whisper {
    const fn of(layers: u64, width: u64, heads: u64) -> Self {
        Self {
            mel_bands: 80,
            vocabulary: 51_865,
            sounds: 1_500,
            positions: 448,
            layers,
            block: Block {
                biases: Biases::AllButKeys,
                ..Block::encoder(width, 4 * width, heads)
            },
        }
    }

    fn encode(&self, ask: &Ask<'_>) -> Tally {
        let mut tally = Tally::new(ask.format);
        let (batch, width, sounds) = (ask.batch, self.block.width, self.sounds);
        let frames = STRIDE * sounds;
        // Features are computed once, before the first iteration.
        tally.in_and_out(batch * frames * self.mel_bands);
        // Convolutions of three frames, as products; GELU behind each.
        tally.linear(batch * frames, 3 * self.mel_bands, width, width);
        tally.fused(batch * frames * width, GELU_OPERATIONS);
        tally.linear(batch * sounds, 3 * width, width, width);
        tally.fused(batch * sounds * width, GELU_OPERATIONS);
        for _ in 0..self.layers {
            self.block.pass(&mut tally, batch, sounds, Sight::Both);
        }
        tally.norm(batch * sounds, width, Norm::Layer);
        for _ in 0..self.layers {
            tally.linear(batch * sounds, width, 2 * width, width);
            tally.kv_cache(batch * sounds * 2 * width);
        }
        self.decode(&mut tally, batch, PROMPT, Sight::Prefill);
        tally
    }

    /// The decoder. Its cross keys belong to the encoder's pass.
    fn decode(&self, tally: &mut Tally, batch: u64, new: u64, sight: Sight) {
        let width = self.block.width;
        tally.embedding(self.vocabulary, width, batch * new);
        tally.embedding(self.positions, width, new);
        tally.elementwise(batch * new * width, 1.0, 1.0);
        for _ in 0..self.layers {
            self.block.attend_across(tally, batch, new, self.sounds);
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
        ask.fits(Axis::DecodeTokens, tokens, self.positions - PROMPT)?;
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
        // Three seconds and 128 tokens: what is trained and tested on two cores.
        "whisper-micro" => Whisper {
            vocabulary: 128,
            sounds: 150,
            positions: 64,
            ..Whisper::of(2, 128, 2)
        },
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
