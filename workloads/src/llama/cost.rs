//! How much arithmetic and memory traffic a generation needs at least.
//!
//! The counts are those of [`model::cost`], for shapes of this crate, which need no name there:
//! products of matrices, with a multiply-add as two operations; weights, read once per pass over the
//! network; the cache, written once and read once per step. Divided by what a device can do, they
//! are the floor that measured times are compared with.

use model::cost::decoder::{Decoder, Lengths};
use model::cost::number_format::NumberFormat;
use model::cost::phase::Phase;
use model::cost::tally::Norm;
use model::cost::transformer::{Biases, Block};
use serde::Serialize;

use super::config::Config;
use super::generate::Extent;

/// Needs of one phase, as they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseCost {
    /// Name of the phase, as in marks.
    pub phase: &'static str,
    /// Passes over the network.
    pub passes: u64,
    /// Tokens read or made: the work that marks count.
    pub tokens: u64,
    /// Floating-point operations of products of matrices.
    pub flops: u64,
    /// Bytes of weights read, over all passes.
    pub weight_bytes: u64,
    /// Bytes of keys and values written and read, over all passes.
    pub kv_bytes: u64,
}

impl From<Phase> for PhaseCost {
    fn from(phase: Phase) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole numbers, not negative"
        )]
        let whole = |count: f64| count.round() as u64;
        Self {
            phase: phase.name,
            passes: phase.passes,
            tokens: phase.units,
            flops: whole(phase.matrix_operations),
            weight_bytes: whole(phase.weight_bytes),
            kv_bytes: whole(phase.kv_bytes),
        }
    }
}

/// Needs of the prefill: every prompt token through all blocks, attention to itself and all
/// before it, logits for the last position only.
pub fn prefill(config: &Config, extent: Extent, format: NumberFormat) -> PhaseCost {
    decoder(config).prefill(format, lengths(extent)).into()
}

/// Needs of all decode steps of a generation.
pub fn decode(config: &Config, extent: Extent, format: NumberFormat) -> PhaseCost {
    decoder(config).decode(format, lengths(extent)).into()
}

/// The shape, as costs are counted from it.
fn decoder(config: &Config) -> Decoder {
    Decoder {
        vocabulary: config.vocab_size as u64,
        layers: config.num_hidden_layers as u64,
        block: Block {
            width: config.hidden_size as u64,
            inner: config.intermediate_size as u64,
            heads: config.num_attention_heads as u64,
            kv_heads: config.num_key_value_heads as u64,
            norm: Norm::Rms,
            biases: Biases::Without,
            gated: true,
        },
        positions: None,
        tied: config.tie_word_embeddings,
    }
}

const fn lengths(extent: Extent) -> Lengths {
    Lengths {
        batch: extent.batch as u64,
        prompt_tokens: extent.prompt_tokens as u64,
        decode_tokens: extent.decode_tokens as u64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format(precision: &str) -> NumberFormat {
        NumberFormat::of(precision, "none").expect("a format of the vocabulary")
    }

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
        let prefill = prefill(&config, extent, format("bf16"));
        // Six query-key pairs, each 2 multiply-adds for the score and 2 for the value.
        assert_eq!(prefill.flops, 2 * (3 * 34 + 6 * 4 + 10));
        // Parameters: 34 in matrices, three norms of 2, output 10; the embedding is looked up.
        assert_eq!(prefill.weight_bytes, 2 * (34 + 6 + 10));
        // Key and value of 2 each for three positions.
        assert_eq!(prefill.kv_bytes, 2 * 3 * 4);
        let decode = decode(&config, extent, format("bf16"));
        assert_eq!(decode.flops, 2 * (34 + 10 + 4 * 4));
        assert_eq!(decode.kv_bytes, 2 * 4 * 4);
    }

    /// A name means the same shape here and where plans are costed.
    #[test]
    fn shapes_are_those_that_plans_are_costed_with() {
        for name in Config::NAMES {
            let config = Config::named(name).expect("a name of this worker");
            assert_eq!(Some(decoder(&config)), Decoder::named(name), "{name}");
        }
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
        let short = Extent {
            batch: 1,
            prompt_tokens: 511,
            decode_tokens: 1,
        };
        let step = decode(&config, short, format("bf16"));
        within(step.flops, 13.5e9, 0.005);
        within(step.weight_bytes, 13.21e9, 0.001);
        within(step.kv_bytes, 0.268e9, 0.01);
        let long = Extent {
            prompt_tokens: 2048,
            ..short
        };
        let prefill = prefill(&config, long, format("bf16"));
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
                let (one, many) = (
                    phase(&config, one, format("f32")),
                    phase(&config, many, format("f32")),
                );
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
            let at_once = Extent { batch: 1, prompt_tokens: prompt, decode_tokens: 0 };
            let by_steps = Extent { batch: 1, prompt_tokens: 0, decode_tokens: prompt };
            let whole = prefill(&config, at_once, format("f32"));
            let steps = decode(&config, by_steps, format("f32"));
            let logits = 2 * (config.vocab_size * config.hidden_size) as u64;
            prop_assert_eq!(whole.flops + (prompt as u64 - 1) * logits, steps.flops);
        }
    }
}
