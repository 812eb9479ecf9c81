//! Generation by the stock composition, where there is one, otherwise by the plain one.

use candle_core::{D, DType, Device, Result, Tensor, bail};

use crate::generation::{Generator, PREFILL};
use crate::gpt::config::{Config, Family};
use crate::gpt::plain::{Plain, PlainCache};
use crate::gpt::stock::Stock;
use crate::gpt::weights::Weights;
use crate::job::task::Extent;
use crate::quality::logprobs;

/// The reference generator.
pub struct Reference {
    composition: Composition,
    extent: Extent,
    prompt: Tensor,
    /// One `[batch]` tensor of token ids for the prefill and each step.
    picked: Vec<Tensor>,
    /// Logits of the prefill, and those that the last token was picked from.
    logits: Option<[Tensor; 2]>,
}

/// candle-transformers has a `StarCoder` but no GPT-2.
enum Composition {
    Plain {
        network: Plain,
        cache: PlainCache,
        /// The cache as the prompt left it: joining keys leaves the old ones as they are.
        of_prompt: PlainCache,
    },
    Stock(Box<Stock>),
}

impl Composition {
    fn next(&mut self, tokens: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain { network, cache, .. } => network.next(tokens, cache),
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
            Family::Gpt2 => Composition::Plain {
                network: Plain::new(config.clone(), weights),
                cache: PlainCache::default(),
                of_prompt: PlainCache::default(),
            },
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
}

impl Generator for Reference {
    fn device(&self) -> &Device {
        self.prompt.device()
    }

    fn first_phase(&self) -> (&'static str, u64) {
        let Extent {
            batch,
            prompt_tokens,
            ..
        } = self.extent;
        (PREFILL, (batch * prompt_tokens) as u64)
    }

    fn decoded(&self) -> u64 {
        (self.extent.batch * self.extent.decode_tokens) as u64
    }

    fn prefill(&mut self) -> Result<()> {
        match &mut self.composition {
            Composition::Plain { cache, .. } => *cache = PlainCache::default(),
            Composition::Stock(stock) => stock.restart()?,
        }
        let logits = self.composition.next(&self.prompt)?;
        if let Composition::Plain {
            cache, of_prompt, ..
        } = &mut self.composition
        {
            of_prompt.clone_from(cache);
        }
        self.picked = vec![logits.argmax(D::Minus1)?];
        self.logits = Some([logits.clone(), logits]);
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        for _ in 0..self.extent.decode_tokens {
            let (Some(last), Some([_, last_logits])) = (self.picked.last(), &mut self.logits)
            else {
                bail!("nothing was read yet");
            };
            let logits = self.composition.next(&last.unsqueeze(1)?)?;
            self.picked.push(logits.argmax(D::Minus1)?);
            *last_logits = logits;
        }
        Ok(())
    }

    /// The stock model cannot go back: it reads the prompt again.
    fn rewind(&mut self) -> Result<()> {
        if let Composition::Plain {
            cache, of_prompt, ..
        } = &mut self.composition
        {
            cache.clone_from(of_prompt);
        } else {
            return self.prefill();
        }
        let Some([first, last]) = &mut self.logits else {
            bail!("nothing was read yet");
        };
        *last = first.clone();
        self.picked.truncate(1);
        Ok(())
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Tensor::stack(&self.picked, 1)?.to_vec2()
    }

    /// The stock model gives the logits of the last token only.
    fn score_prompts(&self) -> Result<Option<Vec<Vec<f64>>>> {
        let Composition::Plain { network, .. } = &self.composition else {
            return Ok(None);
        };
        let logits = network.logits(&self.prompt)?.to_dtype(DType::F32)?;
        let logits: Vec<Vec<Vec<f32>>> = logits.to_vec3()?;
        let prompt: Vec<Vec<u32>> = self.prompt.to_vec2()?;
        let scored = logits.iter().zip(&prompt);
        Ok(Some(
            scored
                .map(|(rows, tokens)| logprobs(rows, tokens))
                .collect(),
        ))
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        match &self.logits {
            Some([_, last]) => last.to_dtype(DType::F32)?.to_vec2(),
            None => bail!("nothing was read yet"),
        }
    }
}
