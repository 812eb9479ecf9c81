//! Generation by the fast composition: nothing is allocated, and a step can be recorded.

use candle_core::{DType, Result, Tensor, bail};
use ops::Start;
use ops::argmax::argmax;

use super::{Generator, Outputs};
use crate::gpt::config::Config;
use crate::gpt::network::{Network, Pass};
use crate::gpt::scratch::{Cache, Scratch};
use crate::llama::generate::Extent;

/// The fast generator.
pub struct Fast {
    network: Network,
    extent: Extent,
    /// u32 `[batch, prompt]`.
    prompt: Tensor,
    cache: Cache,
    reading: Scratch,
    step: Step,
    /// Tokens picked so far, u32 `[decode tokens + 1, batch]`.
    picked: Tensor,
    /// How many of its rows are filled.
    rows: usize,
    /// 0, 1, 2, …: what the position is set from without leaving the device.
    places: Tensor,
}

/// What one decode step works on; all that changes from step to step lies on the device.
struct Step {
    scratch: Scratch,
    /// Last token of each sequence, u32 `[batch, 1]`.
    token: Tensor,
    /// Its position, u32 `[1]`.
    position: Tensor,
}

impl Fast {
    /// A generator for `prompt`, the token ids of all sequences one after another.
    ///
    /// # Errors
    /// The prompt has another number of tokens than `extent`, the network fewer positions, or the
    /// device is out of memory.
    pub fn new(network: Network, extent: Extent, prompt: Vec<u32>) -> Result<Self> {
        let (dtype, device) = (network.dtype(), network.device().clone());
        let (batch, capacity) = (extent.batch, extent.positions());
        if capacity > network.config().positions {
            bail!(
                "prompt and decode tokens make {capacity} positions, the model has {}",
                network.config().positions
            );
        }
        let scratch = |length| {
            let sizes = [batch, length, capacity];
            Scratch::new(network.config(), sizes, dtype, &device)
        };
        Ok(Self {
            extent,
            prompt: Tensor::from_vec(prompt, (batch, extent.prompt_tokens), &device)?,
            cache: Cache::new(network.config(), batch, capacity, dtype, &device)?,
            reading: scratch(extent.prompt_tokens)?,
            step: Step {
                scratch: scratch(1)?,
                token: Tensor::zeros((batch, 1), DType::U32, &device)?,
                position: Tensor::zeros(1, DType::U32, &device)?,
            },
            picked: Tensor::zeros((extent.decode_tokens + 1, batch), DType::U32, &device)?,
            rows: 0,
            places: Tensor::from_vec((0..=place(capacity)).collect(), capacity + 1, &device)?,
            network,
        })
    }

    /// Bytes that a generator allocates beside the weights.
    pub fn bytes(config: &Config, extent: Extent, dtype: DType) -> u64 {
        let (batch, capacity) = (extent.batch, extent.positions());
        Cache::bytes(config, batch, capacity, dtype)
            + Scratch::bytes(config, batch, extent.prompt_tokens, dtype)
            + Scratch::bytes(config, batch, 1, dtype)
    }

    /// Keeps the token that was just picked, and sets the position that it will be read at.
    fn keep(&mut self) -> Result<()> {
        let row = self.step.token.reshape((1, self.extent.batch))?;
        self.picked.slice_set(&row, 0, self.rows)?;
        let next = self.extent.prompt_tokens + self.rows;
        self.rows += 1;
        self.step
            .position
            .slice_set(&self.places.narrow(0, next, 1)?, 0, 0)
    }
}

impl Step {
    /// Reads the last token at its position, and picks the next in its place.
    fn take(&self, network: &Network, cache: &Cache) -> Result<()> {
        let pass = Pass::Decode(Start::Device(&self.position));
        network.forward(&self.token, pass, cache, &self.scratch)?;
        argmax(&self.scratch.logits, &self.token)
    }
}

impl Generator for Fast {
    fn restart(&mut self) -> Result<()> {
        self.rows = 0;
        Ok(())
    }

    fn prefill(&mut self) -> Result<()> {
        self.network
            .forward(&self.prompt, Pass::Prefill, &self.cache, &self.reading)?;
        argmax(&self.reading.logits, &self.step.token)?;
        self.keep()
    }

    fn decode(&mut self) -> Result<()> {
        for _ in 0..self.extent.decode_tokens {
            self.step.take(&self.network, &self.cache)?;
            self.keep()?;
        }
        Ok(())
    }

    fn synchronise(&self) -> Result<()> {
        self.network.device().synchronize()
    }

    fn outputs(&self) -> Result<Outputs> {
        let logits = match self.rows {
            0 => return Ok(Outputs::default()),
            1 => &self.reading.logits,
            _ => &self.step.scratch.logits,
        };
        let picked = self.picked.narrow(0, 0, self.rows)?;
        Ok(Outputs {
            tokens: picked.t()?.contiguous()?.to_vec2()?,
            last_logits: logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }
}

/// A position as it lies on the device.
fn place(position: usize) -> u32 {
    u32::try_from(position).expect("the positions of a model are far below 2^32")
}
