//! What a transcription begins with: features of the sounds, and the first tokens.

use candle_core::{Device, Result, Tensor, bail};

use super::config::{Config, PROMPT_TOKENS};
use super::{mel, sound};

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
        let mut features = Vec::with_capacity(batch * config.mel_bins * config.frames());
        for index in 0..batch as u64 {
            let sound = sound::seeded(seed, index, config.samples());
            features.extend(mel::log_mel(&sound, config.mel_bins));
        }
        let shape = (batch, config.mel_bins, config.frames());
        let prompt = config.prompt().repeat(batch);
        Self::new(
            config,
            Tensor::from_vec(features, shape, &Device::Cpu)?,
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
