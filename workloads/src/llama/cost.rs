//! How much arithmetic and memory traffic a generation needs at least.
//!
//! Counts of the algorithm, not of an implementation: a multiply-add is two operations, weights
//! are read once per pass over the network, the cache is written once and read once per step,
//! activations stay in caches. Divided by what a device can do, they are the floor that measured
//! times are compared with. Norms, rotations, softmax and activation functions are below 0.1 % of
//! the operations and are left out.

use serde::Serialize;

use super::config::Config;
use super::generate::Extent;

/// Needs of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseCost {
    /// Name of the phase, as in marks.
    pub phase: &'static str,
    /// Passes over the network.
    pub passes: u64,
    /// Tokens read or made: the work that marks count.
    pub tokens: u64,
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes of weights read, over all passes.
    pub weight_bytes: u64,
    /// Bytes of keys and values written and read, over all passes.
    pub kv_bytes: u64,
}

/// What each token and each pass of a model costs.
#[derive(Clone, Copy, Debug)]
struct Rates {
    /// Operations of the blocks' matrices for one token.
    linear_flops: u64,
    /// Operations of the output layer for one sequence.
    output_flops: u64,
    /// Operations for one query meeting one key: product with the key and with the value.
    attention_flops: u64,
    /// Parameters that a pass reads: all but the embedding, of which it reads single rows.
    streamed_parameters: u64,
    /// Keys and values of one position.
    kv_elements: u64,
}

impl Rates {
    fn of(config: &Config) -> Self {
        let wide = |count: usize| count as u64;
        let (hidden, inner, kv) = (
            wide(config.hidden_size),
            wide(config.intermediate_size),
            wide(config.kv_size()),
        );
        let (layers, vocab) = (wide(config.num_hidden_layers), wide(config.vocab_size));
        let matrices = layers * (2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner);
        let norms = (2 * layers + 1) * hidden;
        Self {
            linear_flops: 2 * matrices,
            output_flops: 2 * vocab * hidden,
            attention_flops: 4 * hidden * layers,
            streamed_parameters: matrices + norms + vocab * hidden,
            kv_elements: 2 * layers * kv,
        }
    }
}

/// Needs of the prefill: every prompt token through all blocks, attention to itself and all
/// before it, logits for the last position only.
pub fn prefill(config: &Config, extent: Extent, bytes_per_element: u64) -> PhaseCost {
    let rates = Rates::of(config);
    let (batch, prompt) = (extent.batch as u64, extent.prompt_tokens as u64);
    let pairs = prompt * (prompt + 1) / 2;
    PhaseCost {
        phase: "prefill",
        passes: 1,
        tokens: batch * prompt,
        flops: batch
            * (prompt * rates.linear_flops + pairs * rates.attention_flops + rates.output_flops),
        weight_bytes: rates.streamed_parameters * bytes_per_element,
        kv_bytes: batch * prompt * rates.kv_elements * bytes_per_element,
    }
}

/// Needs of one decode step with `context` positions in the cache before it.
pub fn decode_step(
    config: &Config,
    batch: usize,
    context: usize,
    bytes_per_element: u64,
) -> PhaseCost {
    let rates = Rates::of(config);
    let (batch, keys) = (batch as u64, context as u64 + 1);
    PhaseCost {
        phase: "decode",
        passes: 1,
        tokens: batch,
        flops: batch * (rates.linear_flops + rates.output_flops + keys * rates.attention_flops),
        weight_bytes: rates.streamed_parameters * bytes_per_element,
        // One position is written, all before it are read.
        kv_bytes: batch * keys * rates.kv_elements * bytes_per_element,
    }
}

/// Needs of all decode steps of a generation.
pub fn decode(config: &Config, extent: Extent, bytes_per_element: u64) -> PhaseCost {
    let zero = PhaseCost {
        phase: "decode",
        passes: 0,
        tokens: 0,
        flops: 0,
        weight_bytes: 0,
        kv_bytes: 0,
    };
    (0..extent.decode_tokens)
        .map(|step| {
            decode_step(
                config,
                extent.batch,
                extent.prompt_tokens + step,
                bytes_per_element,
            )
        })
        .fold(zero, |sum, step| PhaseCost {
            phase: sum.phase,
            passes: sum.passes + step.passes,
            tokens: sum.tokens + step.tokens,
            flops: sum.flops + step.flops,
            weight_bytes: sum.weight_bytes + step.weight_bytes,
            kv_bytes: sum.kv_bytes + step.kv_bytes,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By hand for one block, two wide, three inside, five tokens known, two heads:
    /// q, k, v, o 4·4, gate, up, down 3·6, so 34 multiply-adds a token; output 10.
    #[test]
    fn a_model_small_enough_to_count_by_hand() {
        let config = Config {
            vocab_size: 5,
            hidden_size: 2,
            intermediate_size: 3,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            num_key_value_heads: 2,
            ..Config::tiny()
        };
        let extent = Extent {
            batch: 1,
            prompt_tokens: 3,
            decode_tokens: 1,
        };
        // Six query-key pairs, each 2 multiply-adds for the score and 2 for the value.
        assert_eq!(prefill(&config, extent, 2).flops, 2 * (3 * 34 + 6 * 4 + 10));
        // Parameters: 34 in matrices, three norms of 2, output 10; the embedding is looked up.
        assert_eq!(prefill(&config, extent, 2).weight_bytes, 2 * (34 + 6 + 10));
        // Key and value of 2 each for three positions.
        assert_eq!(prefill(&config, extent, 2).kv_bytes, 2 * 3 * 4);
        assert_eq!(decode(&config, extent, 2).flops, 2 * (34 + 10 + 4 * 4));
        assert_eq!(decode(&config, extent, 2).kv_bytes, 2 * 4 * 4);
    }

    fn within(value: u64, expected: f64, relative: f64) {
        let ratio = value as f64 / expected;
        assert!(
            (ratio - 1.0).abs() < relative,
            "{value} is {ratio} of {expected}"
        );
    }

    /// Published and hand-made figures for the 7B model in bf16.
    #[test]
    fn the_7b_model_costs_what_is_known_of_it() {
        let config = Config::llama_2_7b();
        let step = decode_step(&config, 1, 511, 2);
        within(step.flops, 13.5e9, 0.005);
        within(step.weight_bytes, 13.21e9, 0.001);
        within(step.kv_bytes, 0.268e9, 0.01);
        let long = Extent {
            batch: 1,
            prompt_tokens: 2048,
            decode_tokens: 1,
        };
        let prefill = prefill(&config, long, 2);
        within(prefill.flops, 27.6e12, 0.005);
        within(prefill.weight_bytes + prefill.kv_bytes, 14.29e9, 0.001);
    }

    proptest! {
        #[test]
        fn costs_are_linear_in_the_batch_and_weights_do_not_grow_with_it(
            batch in 1usize..64, prompt in 1usize..512, steps in 1usize..32,
        ) {
            let config = Config::tiny();
            let one = Extent { batch: 1, prompt_tokens: prompt, decode_tokens: steps };
            let many = Extent { batch, ..one };
            for phase in [prefill, decode] {
                let (one, many) = (phase(&config, one, 4), phase(&config, many, 4));
                let batch = batch as u64;
                prop_assert_eq!(many.flops, batch * one.flops);
                prop_assert_eq!(many.kv_bytes, batch * one.kv_bytes);
                prop_assert_eq!(many.tokens, batch * one.tokens);
                prop_assert_eq!(many.weight_bytes, one.weight_bytes);
            }
        }

        #[test]
        fn reading_a_text_costs_the_same_arithmetic_at_once_or_by_steps(prompt in 1usize..128) {
            let config = Config::tiny();
            let whole = prefill(&config, Extent { batch: 1, prompt_tokens: prompt, decode_tokens: 0 }, 4);
            let steps = decode(&config, Extent { batch: 1, prompt_tokens: 0, decode_tokens: prompt }, 4);
            let spared_logits = (prompt as u64 - 1) * Rates::of(&config).output_flops;
            prop_assert_eq!(whole.flops + spared_logits, steps.flops);
        }
    }
}
