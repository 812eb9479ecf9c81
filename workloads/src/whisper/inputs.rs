//! What a transcription begins with: features of the sounds, and the first tokens.

use candle_core::{Device, Result, Tensor, bail};

use super::config::{Config, PROMPT_TOKENS};
use super::{mel, sound};
use crate::corpus::speech::Utterance;

/// Token that the model trained by this project ends its transcripts with.
pub const END: u32 = 0;

/// Token of the first syllable, behind those of the prompt.
const FIRST_SYLLABLE: usize = PROMPT_TOKENS + 1;

/// What is said, as token ids with the end behind it.
///
/// # Panics
/// Never: there are few syllables.
pub fn transcript(utterance: &Utterance) -> Vec<u32> {
    let said = utterance.syllables.iter();
    said.map(|syllable| u32::try_from(FIRST_SYLLABLE + syllable).expect("few syllables"))
        .chain([END])
        .collect()
}

/// A batch of windows of sound on the host.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Log-mel features in f32, `[batch, bins, frames]`.
    pub features: Tensor,
    /// Token ids that transcripts begin with, u32 `[batch, prompt]`.
    pub prompt: Tensor,
}

impl Inputs {
    /// Checks that features and prompt are of one batch and of this shape.
    ///
    /// # Errors
    /// They are not.
    pub fn new(config: &Config, features: Tensor, prompt: Tensor) -> Result<Self> {
        let (batch, tokens) = prompt.dims2()?;
        let expected = [batch, config.mel_bins, config.frames()];
        if features.dims() != expected || tokens == 0 {
            bail!(
                "features are {:?} for prompts {:?}, expected {expected:?} and a token",
                features.dims(),
                prompt.dims()
            );
        }
        Ok(Self { features, prompt })
    }

    /// Seeded sounds, and the prompt of the model for each.
    ///
    /// # Errors
    /// The memory is short.
    pub fn seeded(config: &Config, seed: u64, batch: usize) -> Result<Self> {
        let sounds = (0..batch as u64).map(|index| sound::seeded(seed, index, config.samples()));
        Self::sounds(config, sounds)
    }

    /// Speech, and the prompt of the model for each utterance.
    ///
    /// # Errors
    /// The memory is short.
    pub fn spoken(config: &Config, utterances: &[Utterance]) -> Result<Self> {
        let samples = config.samples();
        Self::sounds(config, utterances.iter().map(|it| it.sound(samples)))
    }

    fn sounds(config: &Config, sounds: impl Iterator<Item = Vec<f32>>) -> Result<Self> {
        let features: Vec<Vec<f32>> = sounds
            .map(|sound| mel::log_mel(&sound, config.mel_bins))
            .collect();
        let batch = features.len();
        let shape = (batch, config.mel_bins, config.frames());
        let prompt = config.prompt().repeat(batch);
        Self::new(
            config,
            Tensor::from_vec(features.concat(), shape, &Device::Cpu)?,
            Tensor::from_vec(prompt, (batch, PROMPT_TOKENS), &Device::Cpu)?,
        )
    }

    /// Windows of sound.
    ///
    /// # Errors
    /// Never, since the shapes were checked.
    pub fn batch(&self) -> Result<usize> {
        self.prompt.dim(0)
    }

    /// Tokens that transcripts begin with.
    ///
    /// # Errors
    /// Never, since the shapes were checked.
    pub fn prompt_tokens(&self) -> Result<usize> {
        self.prompt.dim(1)
    }
}
