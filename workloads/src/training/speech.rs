//! Whisper in small: it learns to write down which syllables a voice says.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Course, Material, Recipe, held_out_speech};
use crate::Error;
use crate::corpus::speech::{MOST_SYLLABLES, Utterance, samples_of};
use crate::corpus::{self, Part};
use crate::whisper::config::{Config, HOP, PROMPT_TOKENS, STRIDE};
use crate::whisper::inputs::{END, Inputs, transcript};
use crate::whisper::plain::Plain;
use crate::whisper::weights::Weights;

/// Tokens of a transcript with its end, and more ends behind shorter ones.
const WRITTEN: usize = MOST_SYLLABLES + 1;

/// Utterances that the model is judged on at once.
const JUDGED_AT_ONCE: usize = 32;

/// Voices that say syllables.
pub(super) struct Speech {
    config: Config,
}

impl Speech {
    pub(super) const fn new() -> Self {
        Self {
            config: Config::MICRO,
        }
    }

    /// Logits after the prompt and each token of the right transcript, and these tokens, both for
    /// `length` places of each utterance, in `config`'s window of sound.
    fn read(
        config: &Config,
        weights: &VarBuilder<'static>,
        utterances: &[Utterance],
        length: usize,
    ) -> Result<(Tensor, Vec<u32>), Error> {
        let inputs = Inputs::spoken(config, utterances)?;
        let mut written = Vec::with_capacity(utterances.len() * length);
        for utterance in utterances {
            let mut transcript = transcript(utterance);
            transcript.resize(length, END);
            written.append(&mut transcript);
        }
        let shape = (utterances.len(), length);
        let read = Tensor::from_slice(&written, shape, &Device::Cpu)?.narrow(1, 0, length - 1)?;
        let tokens = Tensor::cat(&[&inputs.prompt, &read], 1)?;
        let network = Plain::new(config.clone(), Weights::load(config, weights)?);
        let logits = network
            .logits(&tokens, &network.encode(&inputs.features)?)?
            .narrow(1, PROMPT_TOKENS - 1, length)?
            .flatten(0, 1)?;
        Ok((logits, written))
    }
}

/// Syllables of an utterance, least and most: a decoder finds its place in two syllables within a
/// fraction of the steps that it takes in eleven, and goes on from there.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a small count"
)]
fn syllables(way: f64) -> (usize, usize) {
    let grown = ((way - 0.5) / 0.3).clamp(0.0, 1.0) * (MOST_SYLLABLES - 2) as f64;
    let most = 2 + grown as usize;
    (1.max(most / 3), most)
}

impl Course for Speech {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1500,
            batch: 16,
            learning_rate: 3e-3,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        way: f64,
    ) -> Result<Tensor, Error> {
        let (least, most) = syllables(way);
        let utterances: Vec<Utterance> = (0..self.recipe().batch)
            .map(|_| Utterance::draw_within(Part::Training, least..=most, rng))
            .collect();
        // A shorter window costs less: its positions are the first of the whole one.
        let config = Config {
            source_positions: samples_of(most).div_ceil(HOP * STRIDE),
            ..self.config.clone()
        };
        let (logits, written) = Self::read(&config, weights, &utterances, most + 1)?;
        let count = written.len();
        let written = Tensor::from_vec(written, count, &Device::Cpu)?;
        Ok(loss::cross_entropy(&logits, &written)?)
    }

    /// A transcript is right where each token is, given those before it: then the one that is made
    /// token by token is right too.
    #[expect(clippy::cast_precision_loss, reason = "few utterances")]
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let held_out = held_out_speech();
        let (mut right, mut tokens, mut of) = (0usize, 0usize, 0usize);
        for utterances in held_out.chunks(JUDGED_AT_ONCE) {
            let (logits, written) = Self::read(&self.config, weights, utterances, WRITTEN)?;
            let found: Vec<u32> = logits.argmax(D::Minus1)?.to_vec1()?;
            let rows = found.chunks(WRITTEN).zip(written.chunks(WRITTEN));
            for ((found, written), utterance) in rows.zip(utterances) {
                let length = utterance.syllables.len() + 1;
                let pairs = found.iter().zip(written).take(length);
                let same = pairs.filter(|(a, b)| a == b).count();
                tokens += same;
                of += length;
                right += usize::from(same == length);
            }
        }
        Ok([
            (
                "transcripts_right".to_owned(),
                right as f64 / held_out.len() as f64,
            ),
            ("token_accuracy".to_owned(), tokens as f64 / of as f64),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({
            "architectures": ["WhisperForConditionalGeneration"],
            "model_type": "whisper",
            "vocab_size": self.config.vocab_size,
            "num_mel_bins": self.config.mel_bins,
            "d_model": self.config.hidden_size,
            "encoder_layers": self.config.encoder_layers,
            "encoder_attention_heads": self.config.heads,
            "encoder_ffn_dim": self.config.inner_size,
            "decoder_layers": self.config.decoder_layers,
            "decoder_attention_heads": self.config.heads,
            "decoder_ffn_dim": self.config.inner_size,
            "max_source_positions": self.config.source_positions,
            "max_target_positions": self.config.target_positions,
            "activation_function": "gelu",
            "scale_embedding": false,
            "tie_word_embeddings": true,
            "eos_token_id": END,
            "decoder_start_token_id": self.config.prompt()[0]
        })
    }

    fn tokenizer(&self) -> Option<Value> {
        Some(corpus::syllables())
    }

    fn what(&self) -> &'static str {
        "a Whisper for three seconds of sound and 24 syllables: two blocks of encoder and decoder \
         with a width of 128"
    }

    fn material(&self) -> Material {
        Material::Speech
    }
}
