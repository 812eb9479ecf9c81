//! Transcription by the stock composition.

use candle_core::{D, Device, Result, Tensor, bail};

use super::ENCODE;
use crate::generation::Generator;
use crate::whisper::inputs::Inputs;
use crate::whisper::stock::Stock;

/// The reference generator.
pub struct Reference {
    stock: Stock,
    /// `[batch, bins, frames]`.
    features: Tensor,
    /// u32 `[batch, prompt]`.
    prompt: Tensor,
    decode_tokens: usize,
    /// What was heard, `[batch, positions, hidden]`.
    encoded: Option<Tensor>,
    /// One `[batch]` tensor of token ids for the prefill and each step.
    picked: Vec<Tensor>,
    /// Logits of the prefill, and those that the last token was picked from.
    logits: Option<[Tensor; 2]>,
}

impl Reference {
    /// A generator of these inputs.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        stock: Stock,
        inputs: &Inputs,
        decode_tokens: usize,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            stock,
            features: inputs.features.to_device(device)?,
            prompt: inputs.prompt.to_device(device)?,
            decode_tokens,
            encoded: None,
            picked: Vec::new(),
            logits: None,
        })
    }

    /// Reads prompt and tokens so far, and picks the next.
    fn next(&mut self) -> Result<()> {
        let Some(encoded) = &self.encoded else {
            bail!("nothing was heard yet");
        };
        let mut columns = vec![self.prompt.clone()];
        for token in &self.picked {
            columns.push(token.unsqueeze(1)?);
        }
        let tokens = Tensor::cat(&columns, 1)?;
        let logits = self.stock.next(&tokens, encoded, self.picked.is_empty())?;
        self.picked.push(logits.argmax(D::Minus1)?);
        self.logits = Some(match self.logits.take() {
            Some([first, _]) if self.picked.len() > 1 => [first, logits],
            _ => [logits.clone(), logits],
        });
        Ok(())
    }
}

impl Generator for Reference {
    fn device(&self) -> &Device {
        self.prompt.device()
    }

    fn first_phase(&self) -> (&'static str, u64) {
        (ENCODE, self.prompt.dims()[0] as u64)
    }

    fn decoded(&self) -> u64 {
        (self.prompt.dims()[0] * self.decode_tokens) as u64
    }

    fn prefill(&mut self) -> Result<()> {
        self.encoded = Some(self.stock.encode(&self.features)?);
        self.picked.clear();
        self.next()
    }

    fn decode(&mut self) -> Result<()> {
        for _ in 0..self.decode_tokens {
            self.next()?;
        }
        Ok(())
    }

    /// Keys and values of the sound are still those of this sound.
    fn rewind(&mut self) -> Result<()> {
        let Some([first, last]) = &mut self.logits else {
            bail!("nothing was heard yet");
        };
        *last = first.clone();
        self.picked.truncate(1);
        Ok(())
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Tensor::stack(&self.picked, 1)?.to_vec2()
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        match &self.logits {
            Some([_, last]) => last.to_vec2(),
            None => bail!("nothing was heard yet"),
        }
    }
}
