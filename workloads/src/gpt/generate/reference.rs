//! Generation by the stock composition, where there is one, otherwise by the plain one.

use candle_core::{D, DType, Result, Tensor, bail};

use super::{Generator, Outputs};
use crate::gpt::config::{Config, Family};
use crate::gpt::plain::{Plain, PlainCache};
use crate::gpt::stock::Stock;
use crate::gpt::weights::Weights;
use crate::llama::generate::Extent;

/// The reference generator.
pub struct Reference {
    composition: Composition,
    extent: Extent,
    prompt: Tensor,
    /// One `[batch]` tensor of token ids for the prefill and each step.
    picked: Vec<Tensor>,
    /// Logits that the last token was picked from.
    logits: Option<Tensor>,
}

/// candle-transformers has a `StarCoder` but no GPT-2.
enum Composition {
    Plain(Plain, PlainCache),
    Stock(Box<Stock>),
}

impl Composition {
    fn next(&mut self, tokens: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain(plain, cache) => plain.next(tokens, cache),
            Self::Stock(stock) => stock.next(tokens),
        }
    }
}

impl Reference {
    /// A generator for `prompt`, the token ids of all sequences one after another.
    ///
    /// # Errors
    /// The prompt has another number of tokens than `extent`, the network fewer positions, the
    /// stock model lacks the number format, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: Weights,
        extent: Extent,
        prompt: Vec<u32>,
    ) -> Result<Self> {
        let device = weights.tokens.device().clone();
        let composition = match config.family {
            Family::Gpt2 => {
                Composition::Plain(Plain::new(config.clone(), weights), PlainCache::default())
            }
            Family::StarCoder => {
                Composition::Stock(Box::new(Stock::new(config, &weights, extent.positions())?))
            }
        };
        Ok(Self {
            composition,
            extent,
            prompt: Tensor::from_vec(prompt, (extent.batch, extent.prompt_tokens), &device)?,
            picked: Vec::new(),
            logits: None,
        })
    }

    fn read(&mut self, tokens: &Tensor) -> Result<()> {
        let logits = self.composition.next(tokens)?;
        self.picked.push(logits.argmax(D::Minus1)?);
        self.logits = Some(logits);
        Ok(())
    }
}

impl Generator for Reference {
    fn restart(&mut self) -> Result<()> {
        self.picked.clear();
        self.logits = None;
        match &mut self.composition {
            Composition::Plain(_, cache) => *cache = PlainCache::default(),
            Composition::Stock(stock) => stock.restart()?,
        }
        Ok(())
    }

    fn prefill(&mut self) -> Result<()> {
        let prompt = self.prompt.clone();
        self.read(&prompt)
    }

    fn decode(&mut self) -> Result<()> {
        for _ in 0..self.extent.decode_tokens {
            let Some(last) = self.picked.last() else {
                bail!("decode was called before prefill");
            };
            let last = last.unsqueeze(1)?;
            self.read(&last)?;
        }
        Ok(())
    }

    fn synchronise(&self) -> Result<()> {
        self.prompt.device().synchronize()
    }

    fn outputs(&self) -> Result<Outputs> {
        let Some(logits) = &self.logits else {
            return Ok(Outputs::default());
        };
        Ok(Outputs {
            tokens: Tensor::stack(&self.picked, 1)?.to_vec2()?,
            last_logits: logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }
}
