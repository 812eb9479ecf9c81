//! Greedy generation in two phases.
//!
//! Prefill reads the prompt and yields the first token; each of the `decode_tokens` steps that
//! follow reads one token and yields the next. Tokens stay on the device until both are over, so
//! the host never waits in between.

use candle_core::{D, DType, Result, Tensor};

use super::network::{Cache, Network};
use crate::generation::seeded_tokens;
pub use crate::job::task::Extent;

/// Prompt tokens, uniform over the vocabulary, sequence after sequence.
pub fn seeded_prompt(seed: u64, vocab_size: usize, extent: Extent) -> Vec<u32> {
    seeded_tokens(seed, vocab_size, extent.batch * extent.prompt_tokens)
}

/// A network with a prompt and the room to continue it, again and again.
pub struct Generator {
    network: Network,
    extent: Extent,
    prompt: Tensor,
    cache: Cache,
}

/// What one generation has put out so far, on the device.
#[derive(Clone)]
pub struct Generation {
    /// One `[batch]` tensor of token ids for the prefill and each step.
    tokens: Vec<Tensor>,
    /// Logits (`[batch, vocabulary]`) that the last token was picked from.
    logits: Tensor,
}

impl Generator {
    /// A generator for `prompt`, the token ids of all sequences one after another.
    ///
    /// # Errors
    /// The prompt has another number of tokens than `extent`, or the device is out of memory.
    pub fn new(network: Network, extent: Extent, prompt: Vec<u32>) -> Result<Self> {
        let shape = (extent.batch, extent.prompt_tokens);
        let prompt = Tensor::from_vec(prompt, shape, network.device())?;
        let cache = network.cache(extent.batch, extent.positions())?;
        Ok(Self {
            network,
            extent,
            prompt,
            cache,
        })
    }

    /// The network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Sequences and their lengths.
    pub const fn extent(&self) -> Extent {
        self.extent
    }

    /// Reads the prompt and picks the first token.
    ///
    /// # Errors
    /// The device failed.
    pub fn prefill(&self) -> Result<Generation> {
        let logits = self.network.forward(&self.prompt, 0, &self.cache)?;
        Ok(Generation {
            tokens: vec![logits.argmax(D::Minus1)?],
            logits,
        })
    }

    /// Takes all steps that follow the prefill.
    ///
    /// # Errors
    /// The device failed.
    pub fn decode(&self, mut generation: Generation) -> Result<Generation> {
        for step in 0..self.extent.decode_tokens {
            let last = generation
                .tokens
                .last()
                .expect("the prefill picked a token")
                .unsqueeze(1)?;
            let logits =
                self.network
                    .forward(&last, self.extent.prompt_tokens + step, &self.cache)?;
            generation.tokens.push(logits.argmax(D::Minus1)?);
            generation.logits = logits;
        }
        Ok(generation)
    }

    /// Waits until the device has done everything.
    ///
    /// # Errors
    /// The device failed.
    pub fn synchronise(&self) -> Result<()> {
        self.network.device().synchronize()
    }
}

impl Generation {
    /// Token ids of each sequence: the one from the prefill, then one for each step.
    ///
    /// # Errors
    /// The device failed.
    pub fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Tensor::stack(&self.tokens, 1)?.to_vec2()
    }

    /// Logits that the last token of each sequence was picked from, as f32 on the host.
    ///
    /// # Errors
    /// The device failed.
    pub fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        self.logits.to_dtype(DType::F32)?.to_vec2()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_nn::VarBuilder;

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
        let network = Network::load(&config, &weights).expect("seeded weights have every tensor");
        Generator::new(network, extent, prompt).expect("fits")
    }

    fn four_digits(value: f32) -> f64 {
        format!("{value:.3e}").parse().expect("a number")
    }

    /// Tokens exactly, logits to four digits: beyond these, CPUs differ. The tokens are those
    /// that Hugging Face transformers 5.17 gives for the same weights and prompt.
    #[test]
    fn outputs_of_the_tiny_model() {
        let generator = tiny(1, EXTENT, seeded_prompt(2, 512, EXTENT));
        let generation = generator
            .prefill()
            .and_then(|g| generator.decode(g))
            .expect("runs");
        let logits = generation.last_logits().expect("on the CPU");
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
            "tokens": generation.tokens().expect("on the CPU"),
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
            .and_then(|g| generator.decode(g)?.tokens())
            .expect("runs")
            .remove(0);
        for known in 0..tokens.len() {
            let text: Vec<u32> = prompt.iter().chain(&tokens[..known]).copied().collect();
            let extent = Extent {
                batch: 1,
                prompt_tokens: text.len(),
                decode_tokens: 1,
            };
            let next = tiny(1, extent, text)
                .prefill()
                .and_then(|g| g.tokens())
                .expect("runs");
            assert_eq!(next[0][0], tokens[known], "token {known}");
        }
    }

    #[test]
    fn a_second_generation_starts_anew() {
        let generator = tiny(1, EXTENT, seeded_prompt(2, 512, EXTENT));
        let run = || {
            generator
                .prefill()
                .and_then(|g| generator.decode(g)?.tokens())
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
            tiny(seed, EXTENT, prompt.clone())
                .prefill()
                .and_then(|g| g.tokens())
                .expect("runs")
        };
        assert_ne!(tokens(1), tokens(2));
    }
}
