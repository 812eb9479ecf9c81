//! Greedy generation in two phases.
//!
//! Prefill reads the prompt and yields the first token; each of the `decode_tokens` steps that
//! follow reads one token and yields the next. Tokens stay on the device until both are over, so
//! the host never waits in between.

use std::cell::Cell;
use std::rc::Rc;

use candle_core::{DType, Result, Tensor};
use ops::argmax::argmax;
use ops::attention::{self, DecodeScratch};
use ops::gemv::Scratch;
use ops::graph::Graph;
use ops::sequence::append;

use super::network::{Cache, Network};
use super::scratch::{Rows, sequences_at_once};
use crate::fused::Fused;
use crate::generation::seeded_tokens;
pub use crate::job::task::Extent;
use crate::quality::score_by_steps;

/// Prompt tokens, uniform over the vocabulary, sequence after sequence.
pub fn seeded_prompt(seed: u64, vocab_size: usize, extent: Extent) -> Vec<u32> {
    seeded_tokens(seed, vocab_size, extent.batch * extent.prompt_tokens)
}

/// A network with a prompt and the room to continue it, again and again.
pub struct Generator {
    stepper: Rc<Stepper>,
    extent: Extent,
    /// `[batch, prompt_tokens]`.
    prompt: Tensor,
    /// Room of a prefill of some sequences.
    prefill_rows: Rows,
    /// Room of its projections.
    prefill_room: Scratch,
    step: Graph,
    /// Tokens of each sequence so far.
    made: Cell<usize>,
}

/// A network and what its steps read and write: all of it lies on the device, so that a step needs
/// nothing from the host.
struct Stepper {
    network: Network,
    cache: Cache,
    rows: Rows,
    room: Scratch,
    scratch: DecodeScratch,
    /// The token of each sequence that is read next, `u32 [batch]`.
    tokens: Tensor,
    /// Where it is read, `u32 [1]`.
    position: Tensor,
    /// All tokens from the first picked one on, each behind the place that it was picked at:
    /// `u32 [batch, positions + 1]`.
    sequences: Tensor,
    /// What the last token was picked from, `[batch, vocabulary]`.
    logits: Tensor,
}

impl Stepper {
    fn new(network: Network, extent: Extent, kind: attention::Kind) -> Result<Self> {
        let (config, device, dtype) = (network.config(), network.device(), network.dtype());
        let (batch, capacity) = (extent.batch, extent.positions());
        let (heads, head) = (config.num_attention_heads, config.head_dim());
        Ok(Self {
            cache: network.cache(batch, capacity, kind)?,
            rows: Rows::new(config, batch, 1, dtype, device)?,
            room: network.room(batch)?,
            scratch: DecodeScratch::new(batch, heads, head, capacity, device)?,
            tokens: Tensor::zeros(batch, DType::U32, device)?,
            position: Tensor::zeros(1, DType::U32, device)?,
            sequences: Tensor::zeros((batch, capacity + 1), DType::U32, device)?,
            logits: Tensor::zeros((batch, config.vocab_size), dtype, device)?,
            network,
        })
    }

    /// Picks the tokens that follow the residual streams in `rows`, which come from `position`.
    fn pick(&self) -> Result<()> {
        self.network
            .logits(&self.rows.residual, &self.room, &self.logits)?;
        argmax(&self.logits, &self.tokens)?;
        append(&self.tokens, &self.position, &self.sequences)
    }

    /// Reads the last tokens and picks those that follow.
    fn step(&self) -> Result<()> {
        let Self {
            tokens,
            position,
            cache,
            rows,
            room,
            scratch,
            ..
        } = self;
        self.network
            .step(tokens, position, cache, rows, room, scratch)?;
        self.pick()
    }

    /// Moves to a position, from the host.
    fn seek(&self, position: usize) -> Result<()> {
        let position = u32::try_from(position).map_err(candle_core::Error::wrap)?;
        let there = Tensor::new(&[position], self.position.device())?;
        self.position.slice_set(&there, 0, 0)
    }
}

impl Generator {
    /// A generator for `prompt`, the token ids of all sequences one after another. Nothing is
    /// allocated after it.
    ///
    /// # Errors
    /// The prompt has another number of tokens than `extent`, or the device is out of memory.
    pub fn new(network: Network, extent: Extent, prompt: Vec<u32>, fused: Fused) -> Result<Self> {
        let Extent {
            batch,
            prompt_tokens,
            ..
        } = extent;
        let (dtype, device) = (network.dtype(), network.device().clone());
        let at_once = sequences_at_once(batch, prompt_tokens);
        let prompt = Tensor::from_vec(prompt, (batch, prompt_tokens), &device)?;
        let prefill_rows = Rows::new(network.config(), at_once, prompt_tokens, dtype, &device)?;
        let prefill_room = network.room(at_once * prompt_tokens)?;
        let stepper = Rc::new(Stepper::new(network, extent, fused.attention)?);
        // Kernels begin to read weights before the work in front of them is done, so nothing may
        // be left of loading.
        device.synchronize()?;
        let recorded = Rc::clone(&stepper);
        let step = move || recorded.step();
        let step = if fused.graph {
            // Recording takes a step at position 0; every prefill begins anew.
            Graph::capture(&device, step)?
        } else {
            Graph::unrecorded(step)
        };
        Ok(Self {
            stepper,
            extent,
            prompt,
            prefill_rows,
            prefill_room,
            step,
            made: Cell::new(0),
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.stepper.network
    }

    /// Sequences and their lengths.
    pub const fn extent(&self) -> Extent {
        self.extent
    }

    /// Reads the prompts and picks the first tokens.
    ///
    /// # Errors
    /// The device failed.
    pub fn prefill(&self) -> Result<()> {
        let Self {
            stepper,
            prefill_rows,
            ..
        } = self;
        let Extent {
            batch,
            prompt_tokens,
            ..
        } = self.extent;
        for first in (0..batch).step_by(prefill_rows.batch) {
            let rows = prefill_rows.first(prefill_rows.batch.min(batch - first))?;
            let prompts = self.prompt.narrow(0, first, rows.batch)?;
            stepper
                .network
                .read(&prompts, first, &stepper.cache, &rows, &self.prefill_room)?;
            let last = rows
                .residual
                .reshape((rows.batch, prompt_tokens, ()))?
                .narrow(1, prompt_tokens - 1, 1)?
                .squeeze(1)?
                .contiguous()?;
            stepper.rows.residual.slice_set(&last, 0, first)?;
        }
        stepper.seek(prompt_tokens - 1)?;
        self.made.set(1);
        stepper.pick()
    }

    /// Takes all steps that follow the prefill.
    ///
    /// # Errors
    /// The device failed.
    pub fn decode(&self) -> Result<()> {
        for _ in 0..self.extent.decode_tokens {
            self.step.replay()?;
        }
        self.made.set(self.made.get() + self.extent.decode_tokens);
        Ok(())
    }

    /// Goes back to where the prefill ended, so that the steps can be taken again.
    ///
    /// # Errors
    /// The device failed.
    pub fn rewind(&self) -> Result<()> {
        let Stepper {
            sequences, tokens, ..
        } = &*self.stepper;
        let first = sequences
            .narrow(1, self.extent.prompt_tokens, 1)?
            .squeeze(1)?
            .contiguous()?;
        tokens.slice_set(&first, 0, 0)?;
        self.made.set(1);
        self.stepper.seek(self.extent.prompt_tokens)
    }

    /// ln p of each token of each prompt but the first: the prompt goes through the steps of the
    /// decode phase, which overwrites what they work on.
    ///
    /// # Errors
    /// The device failed.
    pub fn score_prompts(&self) -> Result<Vec<Vec<f64>>> {
        let Stepper {
            network,
            cache,
            rows,
            room,
            scratch,
            tokens,
            position,
            logits,
            ..
        } = &*self.stepper;
        let logits = logits.zeros_like()?;
        score_by_steps(&self.prompt, |place, column| {
            self.stepper.seek(place)?;
            tokens.slice_set(&column.squeeze(1)?, 0, 0)?;
            network.step(tokens, position, cache, rows, room, scratch)?;
            network.logits(&rows.residual, room, &logits)?;
            Ok(logits.clone())
        })
    }

    /// Waits until the device has done everything.
    ///
    /// # Errors
    /// The device failed.
    pub fn synchronise(&self) -> Result<()> {
        self.network().device().synchronize()
    }

    /// Token ids of each sequence so far: the one from the prefill, then one for each step.
    ///
    /// # Errors
    /// The device failed.
    pub fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        self.stepper
            .sequences
            .narrow(1, self.extent.prompt_tokens, self.made.get())?
            .to_vec2()
    }

    /// Logits that the last token of each sequence was picked from, as f32 on the host.
    ///
    /// # Errors
    /// The device failed.
    pub fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        self.stepper.logits.to_dtype(DType::F32)?.to_vec2()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_nn::VarBuilder;
    use ops::linear::Math;

    use super::*;
    use crate::llama::config::Config;
    use crate::seeded::SeededWeights;

    const EXTENT: Extent = Extent {
        batch: 2,
        prompt_tokens: 16,
        decode_tokens: 8,
    };

    fn tiny(weights_seed: u64, extent: Extent, prompt: Vec<u32>) -> Generator {
        let config = Config::tiny();
        let seeded = SeededWeights::new(weights_seed, config.parameters());
        let weights = VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu);
        let network = Network::dense(&config, Math::Default, &weights)
            .expect("seeded weights have every tensor");
        Generator::new(network, extent, prompt, Fused::default()).expect("fits")
    }

    fn four_digits(value: f32) -> f64 {
        format!("{value:.3e}").parse().expect("a number")
    }

    /// Tokens exactly, logits to four digits: beyond these, CPUs differ. The tokens are those
    /// that Hugging Face transformers 5.17 gives for the same weights and prompt.
    #[test]
    fn outputs_of_the_tiny_model() {
        let generator = tiny(1, EXTENT, seeded_prompt(2, 512, EXTENT));
        generator
            .prefill()
            .and_then(|()| generator.decode())
            .expect("runs");
        let logits = generator.last_logits().expect("on the CPU");
        let of_row = |row: &Vec<f32>| {
            row.iter()
                .take(16)
                .copied()
                .map(four_digits)
                .collect::<Vec<_>>()
        };
        let outputs = serde_json::json!({
            "weights_seed": 1,
            "input_seed": 2,
            "extent": EXTENT,
            "tokens": generator.tokens().expect("on the CPU"),
            "last_logits_first_16": logits.iter().map(of_row).collect::<Vec<_>>(),
        });
        insta::assert_json_snapshot!("tiny_f32_cpu", outputs);
    }

    /// Decoding with the cache is the same as reading the whole text anew.
    #[test]
    fn every_token_is_the_greedy_continuation_of_all_before_it() {
        let prompt = seeded_prompt(3, 512, Extent { batch: 1, ..EXTENT });
        let one = Extent { batch: 1, ..EXTENT };
        let generator = tiny(1, one, prompt.clone());
        let tokens = generator
            .prefill()
            .and_then(|()| generator.decode())
            .and_then(|()| generator.tokens())
            .expect("runs")
            .remove(0);
        for known in 0..tokens.len() {
            let text: Vec<u32> = prompt.iter().chain(&tokens[..known]).copied().collect();
            let extent = Extent {
                batch: 1,
                prompt_tokens: text.len(),
                decode_tokens: 1,
            };
            let longer = tiny(1, extent, text);
            let next = longer
                .prefill()
                .and_then(|()| longer.tokens())
                .expect("runs");
            assert_eq!(next[0][0], tokens[known], "token {known}");
        }
    }

    /// Attention, graph and a second run of the steps alone change nothing.
    #[test]
    fn every_way_of_computing_gives_the_same_tokens() {
        let prompt = seeded_prompt(4, 512, EXTENT);
        let tokens = |attention, graph| {
            let config = Config {
                num_key_value_heads: 2,
                ..Config::tiny()
            };
            let seeded = SeededWeights::new(1, config.parameters());
            let weights = VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu);
            let network = Network::dense(&config, Math::Default, &weights).expect("seeded");
            let fused = Fused {
                attention,
                graph,
                ..Fused::default()
            };
            let generator = Generator::new(network, EXTENT, prompt.clone(), fused).expect("fits");
            let first = generator
                .prefill()
                .and_then(|()| generator.decode())
                .and_then(|()| generator.tokens())
                .expect("runs");
            let again = generator
                .rewind()
                .and_then(|()| generator.decode())
                .and_then(|()| generator.tokens())
                .expect("runs");
            assert_eq!(first, again);
            first
        };
        let fused = tokens(attention::Kind::Fused, true);
        assert_eq!(fused, tokens(attention::Kind::Fused, false));
        assert_eq!(fused, tokens(attention::Kind::Naive, true));
    }

    #[test]
    fn a_second_generation_starts_anew() {
        let generator = tiny(1, EXTENT, seeded_prompt(2, 512, EXTENT));
        let run = || {
            generator
                .prefill()
                .and_then(|()| generator.decode())
                .and_then(|()| generator.tokens())
                .expect("runs")
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn seeds_change_prompt_and_weights() {
        let prompt = seeded_prompt(2, 512, EXTENT);
        assert_eq!(prompt, seeded_prompt(2, 512, EXTENT));
        assert_ne!(prompt, seeded_prompt(3, 512, EXTENT));
        assert!(prompt.iter().all(|token| *token < 512));
        let tokens = |seed| {
            let generator = tiny(seed, EXTENT, prompt.clone());
            generator
                .prefill()
                .and_then(|()| generator.tokens())
                .expect("runs")
        };
        assert_ne!(tokens(1), tokens(2));
    }
}
