//! Generation by the fast composition: nothing is allocated, and a decode step is recorded once and
//! replayed.

use std::rc::Rc;

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::Start;
use ops::argmax::argmax;
use ops::graph::Graph;
use ops::sampling::sample;
use ops::sequence::append;

use super::Pick;
use crate::generation::{Generator, PREFILL};
use crate::gpt::config::Config;
use crate::gpt::network::{Network, Pass};
use crate::gpt::scratch::{Cache, Scratch};
use crate::job::task::Extent;
use crate::quality::score_by_steps;

/// The fast generator.
pub struct Fast {
    state: Rc<State>,
    extent: Extent,
    /// u32 `[batch, prompt]`.
    prompt: Tensor,
    reading: Scratch,
    /// One decode step.
    step: Graph,
    /// The last place of the prompt, u32 `[1]`: what the position is set to at a start.
    prompt_end: Tensor,
    /// The place of the first token that is made, u32 `[1]`.
    first_place: Tensor,
    /// How many tokens of each sequence were picked.
    picked: usize,
}

/// All that a decode step works on; what changes from step to step lies on the device.
struct State {
    network: Network,
    pick: Pick,
    cache: Cache,
    scratch: Scratch,
    /// Last token of each sequence, u32 `[batch]`, …
    token: Tensor,
    /// … and the same memory as `[batch, 1]`.
    column: Tensor,
    /// Its place, u32 `[1]`.
    position: Tensor,
    /// All sequences, u32 `[batch, prompt + decode tokens + 1]`; the part of the prompt is unused.
    sequences: Tensor,
}

impl Fast {
    /// A generator for `prompt`, the token ids of all sequences one after another. Where steps are
    /// recorded, the first is taken here, with a token and a cache of zeros.
    ///
    /// # Errors
    /// The prompt has another number of tokens than `extent`, the network fewer positions, or the
    /// device is out of memory.
    pub fn new(
        network: Network,
        pick: Pick,
        records: bool,
        extent: Extent,
        prompt: Vec<u32>,
    ) -> Result<Self> {
        let (dtype, device) = (network.dtype(), network.device().clone());
        let (batch, capacity) = (extent.batch, extent.positions());
        if extent.prompt_tokens == 0 {
            bail!("the prompt is empty, expected 1 or more tokens");
        }
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
        let (reading, stepping) = (scratch(extent.prompt_tokens)?, scratch(1)?);
        let token = Tensor::zeros(batch, DType::U32, &device)?;
        let first = u32::try_from(extent.prompt_tokens).map_err(candle_core::Error::wrap)?;
        let state = Rc::new(State {
            cache: Cache::new(network.config(), batch, capacity, dtype, &device)?,
            scratch: stepping,
            column: token.reshape((batch, 1))?,
            token,
            position: Tensor::zeros(1, DType::U32, &device)?,
            sequences: Tensor::zeros((batch, capacity + 1), DType::U32, &device)?,
            network,
            pick,
        });
        let step = {
            let state = Rc::clone(&state);
            move || state.step()
        };
        Ok(Self {
            extent,
            prompt: Tensor::from_vec(prompt, (batch, extent.prompt_tokens), &device)?,
            reading,
            step: if records && extent.decode_tokens > 0 {
                Graph::capture(&device, step)?
            } else {
                Graph::unrecorded(step)
            },
            prompt_end: Tensor::new(&[first - 1], &device)?,
            first_place: Tensor::new(&[first], &device)?,
            picked: 0,
            state,
        })
    }

    /// Bytes that a generator allocates beside weights and cache.
    pub fn scratch_bytes(config: &Config, extent: Extent, dtype: DType) -> u64 {
        let scratch = |length| {
            let sizes = [extent.batch, length, extent.positions()];
            Scratch::bytes(config, sizes, dtype)
        };
        scratch(extent.prompt_tokens) + scratch(1)
    }
}

impl State {
    /// Reads the last token at its place, and picks the next.
    fn step(&self) -> Result<()> {
        let pass = Pass::Decode(Start::Device(&self.position));
        self.network
            .forward(&self.column, pass, &self.cache, &self.scratch)?;
        self.pick(&self.scratch.logits)
    }

    /// Appends the next token.
    fn pick(&self, logits: &Tensor) -> Result<()> {
        match &self.pick {
            Pick::Greedy => argmax(logits, &self.token)?,
            Pick::Random(sampling) => {
                let place = Start::Device(&self.position);
                sample(logits, sampling, place, &self.token)?;
            }
        }
        append(&self.token, &self.position, &self.sequences)
    }
}

impl Generator for Fast {
    fn device(&self) -> &Device {
        self.state.network.device()
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
        let state = &self.state;
        state.position.slice_set(&self.prompt_end, 0, 0)?;
        state
            .network
            .forward(&self.prompt, Pass::Prefill, &state.cache, &self.reading)?;
        state.pick(&self.reading.logits)?;
        self.picked = 1;
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        for _ in 0..self.extent.decode_tokens {
            self.step.replay()?;
            self.picked += 1;
        }
        Ok(())
    }

    /// Keys and values of the prompt are still in the cache; those after it are written anew.
    fn rewind(&mut self) -> Result<()> {
        if self.picked == 0 {
            bail!("nothing was read yet");
        }
        let state = &self.state;
        let first = state.sequences.narrow(1, self.extent.prompt_tokens, 1)?;
        let first = first.contiguous()?.reshape(self.extent.batch)?;
        state.token.slice_set(&first, 0, 0)?;
        state.position.slice_set(&self.first_place, 0, 0)?;
        self.picked = 1;
        Ok(())
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        let first = self.extent.prompt_tokens;
        let made = self.state.sequences.narrow(1, first, self.picked)?;
        made.to_vec2()
    }

    /// The prompt goes through the steps of the decode phase, token by token.
    fn score_prompts(&self) -> Result<Option<Vec<Vec<f64>>>> {
        let State { network, cache, .. } = &*self.state;
        let sizes = [self.extent.batch, 1, self.extent.positions()];
        let scratch = Scratch::new(network.config(), sizes, network.dtype(), self.device())?;
        let logprobs = score_by_steps(&self.prompt, |place, column| {
            let pass = Pass::Decode(Start::At(place));
            network.forward(column, pass, cache, &scratch)?;
            Ok(scratch.logits.clone())
        })?;
        Ok(Some(logprobs))
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        let logits = match self.picked {
            0 => bail!("nothing was read yet"),
            1 => &self.reading.logits,
            _ => &self.state.scratch.logits,
        };
        logits.to_dtype(DType::F32)?.to_vec2()
    }
}
