//! Tests: every composition of the network gives the same.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use ops::attention::Kind;
use proptest::prelude::*;

use super::config::{Config, Family};
use super::generate::{Fast, Pick, Reference};
use super::network::Network;
use super::plain::{Plain, PlainCache};
use super::stock::Stock;
use super::weights::Weights;
use crate::checkpoint::seeded;
use crate::fused::Fused;
use crate::generation::Generator;
use crate::job::task::Extent;
use crate::llama::generate::seeded_prompt;

const EXTENT: Extent = Extent {
    batch: 2,
    prompt_tokens: 16,
    decode_tokens: 64,
};

fn weights(config: &Config, dtype: DType) -> Weights {
    let weights = seeded(1, config.parameters(), dtype, &Device::Cpu);
    Weights::load(config, &weights).expect("seeded weights have every tensor")
}

fn fast(config: &Config, dtype: DType, extent: Extent, prompt: Vec<u32>) -> Fast {
    let weights = weights(config, dtype);
    let network = Network::new(config, weights, Fused::default()).expect("fits");
    Fast::new(network, Pick::Greedy, true, extent, prompt).expect("fits")
}

#[derive(Debug, PartialEq)]
struct Outputs {
    tokens: Vec<Vec<u32>>,
    last_logits: Vec<Vec<f32>>,
}

fn generate(generator: &mut dyn Generator) -> Outputs {
    generator.prefill().expect("runs");
    generator.decode().expect("runs");
    Outputs {
        tokens: generator.tokens().expect("on the CPU"),
        last_logits: generator.last_logits().expect("on the CPU"),
    }
}

/// Largest difference as a share of the largest value.
fn relative_difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let scale = expected
        .iter()
        .flatten()
        .fold(0f32, |max, v| max.max(v.abs()));
    let difference = found
        .iter()
        .flatten()
        .zip(expected.iter().flatten())
        .fold(0f32, |max, (a, b)| max.max((a - b).abs()));
    assert_eq!(found.concat().len(), expected.concat().len());
    difference / scale
}

#[test]
fn fast_and_reference_agree_over_64_steps() {
    for family in [Family::Gpt2, Family::StarCoder] {
        let config = Config::tiny(family);
        let prompt = seeded_prompt(2, config.vocab_size, EXTENT);
        let found = generate(&mut fast(&config, DType::F32, EXTENT, prompt.clone()));
        let mut reference =
            Reference::new(&config, weights(&config, DType::F32), EXTENT, prompt).expect("fits");
        let expected = generate(&mut reference);
        assert_eq!(found.tokens, expected.tokens, "{family:?}");
        assert_eq!(expected.tokens[0].len(), 65);
        let difference = relative_difference(&found.last_logits, &expected.last_logits);
        assert!(difference < 1e-4, "{family:?}: {difference}");
    }
}

/// The composition for training equals the stock one, and reads a text at once or by steps.
#[test]
fn plain_equals_stock_and_does_not_mind_the_stride() {
    let config = Config::tiny(Family::StarCoder);
    let weights = weights(&config, DType::F32);
    let extent = Extent {
        batch: 2,
        prompt_tokens: 12,
        decode_tokens: 0,
    };
    let tokens = Tensor::from_vec(
        seeded_prompt(3, config.vocab_size, extent),
        (2, 12),
        &Device::Cpu,
    )
    .expect("made");
    let mut stock = Stock::new(&config, &weights, 12).expect("fits");
    let plain = Plain::new(config, weights);
    let all = plain.logits(&tokens).expect("runs");
    let mut cache = PlainCache::default();
    for (first, length) in [(0, 5), (5, 1), (6, 6)] {
        let part = tokens
            .narrow(1, first, length)
            .and_then(|part| part.contiguous())
            .expect("in range");
        let values = |logits: Tensor| logits.to_vec2::<f32>().expect("on the CPU");
        let stocks = values(stock.next(&part).expect("runs"));
        let plains = values(plain.next(&part, &mut cache).expect("runs"));
        let at_once = values(
            all.narrow(1, first + length - 1, 1)
                .and_then(|row| row.squeeze(1))
                .expect("in range"),
        );
        assert!(relative_difference(&plains, &stocks) < 1e-5);
        assert!(relative_difference(&plains, &at_once) < 1e-5);
    }
}

#[test]
fn a_second_generation_starts_anew() {
    for family in [Family::Gpt2, Family::StarCoder] {
        let config = Config::tiny(family);
        let prompt = seeded_prompt(2, config.vocab_size, EXTENT);
        let mut generator = fast(&config, DType::F32, EXTENT, prompt.clone());
        assert_eq!(generate(&mut generator), generate(&mut generator));
        let mut reference =
            Reference::new(&config, weights(&config, DType::F32), EXTENT, prompt).expect("fits");
        assert_eq!(generate(&mut reference), generate(&mut reference));
    }
}

/// Attention with its scores in memory computes the same.
#[test]
fn naive_attention_agrees() {
    let naive = Fused {
        attention: Kind::Naive,
        ..Fused::default()
    };
    for family in [Family::Gpt2, Family::StarCoder] {
        let config = Config::tiny(family);
        let prompt = seeded_prompt(2, config.vocab_size, EXTENT);
        let network = Network::new(&config, weights(&config, DType::F32), naive).expect("fits");
        let mut found =
            Fast::new(network, Pick::Greedy, true, EXTENT, prompt.clone()).expect("fits");
        let found = generate(&mut found);
        let expected = generate(&mut fast(&config, DType::F32, EXTENT, prompt));
        assert_eq!(found.tokens, expected.tokens, "{family:?}");
        let difference = relative_difference(&found.last_logits, &expected.last_logits);
        assert!(difference < 1e-4, "{family:?}: {difference}");
    }
}

/// The trap of fused norms and softmax: they cut gradients silently.
#[test]
fn gradients_reach_every_variable_of_the_plain_network() {
    for family in [Family::Gpt2, Family::StarCoder] {
        let config = Config::tiny(family);
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let weights = Weights::load(&config, &builder).expect("made");
        let tokens = Tensor::new(&[[1u32, 2, 3, 4, 5]], &Device::Cpu).expect("made");
        let gradients = Plain::new(config, weights)
            .logits(&tokens)
            .and_then(|logits| logits.sqr()?.sum_all()?.backward())
            .expect("differentiable");
        let named = variables.data().lock().expect("no thread died").clone();
        assert_eq!(named.len(), 2 + 2 * 12 + 2);
        for (name, variable) in BTreeMap::from_iter(named) {
            let gradient = gradients
                .get(&variable)
                .unwrap_or_else(|| panic!("{name}: none"));
            let size = gradient
                .abs()
                .and_then(|values| values.sum_all()?.to_scalar::<f32>())
                .expect("a number");
            assert!(size > 0.0, "{name}");
        }
    }
}

fn four_digits(value: f32) -> f64 {
    format!("{value:.3e}").parse().expect("a number")
}

/// Tokens exactly, and logits in f32 to four digits: beyond these, CPUs differ.
#[test]
fn outputs_of_the_tiny_models() {
    let extent = Extent {
        decode_tokens: 8,
        ..EXTENT
    };
    for name in ["gpt2-tiny", "starcoder-tiny"] {
        let config = Config::named(name).expect("a name of this worker");
        let prompt = seeded_prompt(2, config.vocab_size, extent);
        let full = generate(&mut fast(&config, DType::F32, extent, prompt.clone()));
        let half = generate(&mut fast(&config, DType::F16, extent, prompt));
        let logits: Vec<Vec<f64>> = full
            .last_logits
            .iter()
            .map(|row| row.iter().take(16).copied().map(four_digits).collect())
            .collect();
        let outputs = serde_json::json!({
            "weights_seed": 1,
            "input_seed": 2,
            "extent": extent,
            "f32": { "tokens": full.tokens, "last_logits_first_16": logits },
            "f16": { "tokens": half.tokens },
        });
        insta::assert_json_snapshot!(format!("{name}_cpu"), outputs);
    }
}

#[test]
fn steps_can_be_taken_again() {
    for family in [Family::Gpt2, Family::StarCoder] {
        let config = Config::tiny(family);
        let prompt = seeded_prompt(2, config.vocab_size, EXTENT);
        let reference = Reference::new(
            &config,
            weights(&config, DType::F32),
            EXTENT,
            prompt.clone(),
        )
        .expect("fits");
        let fast = fast(&config, DType::F32, EXTENT, prompt);
        for mut generator in [Box::new(fast) as Box<dyn Generator>, Box::new(reference)] {
            assert!(generator.rewind().is_err() || family == Family::StarCoder);
            let first = generate(generator.as_mut());
            generator.rewind().expect("was read");
            let tokens = generator.tokens().expect("on the CPU");
            assert_eq!(tokens, [[first.tokens[0][0]], [first.tokens[1][0]]]);
            generator.decode().expect("runs");
            assert_eq!(generator.tokens().expect("on the CPU"), first.tokens);
            let logits = generator.last_logits().expect("on the CPU");
            assert_eq!(logits, first.last_logits, "{family:?}");
        }
    }
}

/// Half precision on the CPU: near f32, and near the plain composition in half precision.
#[test]
fn half_precision_stays_near() {
    let config = Config::tiny(Family::Gpt2);
    let extent = Extent {
        decode_tokens: 1,
        ..EXTENT
    };
    let prompt = seeded_prompt(2, config.vocab_size, extent);
    let half = generate(&mut fast(&config, DType::F16, extent, prompt.clone()));
    let full = generate(&mut fast(&config, DType::F32, extent, prompt));
    // Ten bits of fraction, some tens of roundings deep.
    assert!(relative_difference(&half.last_logits, &full.last_logits) < 1e-2);
}

#[test]
fn what_is_too_long_is_refused() {
    let config = Config::tiny(Family::Gpt2);
    let extent = Extent {
        batch: 1,
        prompt_tokens: 100,
        decode_tokens: 29,
    };
    let network =
        Network::new(&config, weights(&config, DType::F32), Fused::default()).expect("fits");
    let message = Fast::new(network, Pick::Greedy, true, extent, vec![0; 100])
        .err()
        .expect("too long")
        .to_string();
    assert!(
        message.contains("129 positions, the model has 128"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Any batch and length, a prompt of one token included.
    #[test]
    fn fast_and_plain_agree_at_any_extent(
        batch in 1usize..4, prompt_tokens in 1usize..20, decode_tokens in 0usize..4, starcoder: bool,
    ) {
        let family = if starcoder { Family::StarCoder } else { Family::Gpt2 };
        let config = Config::tiny(family);
        let extent = Extent { batch, prompt_tokens, decode_tokens };
        let prompt = seeded_prompt(5, config.vocab_size, extent);
        let found = generate(&mut fast(&config, DType::F32, extent, prompt.clone()));
        let mut reference =
            Reference::new(&config, weights(&config, DType::F32), extent, prompt).expect("fits");
        let expected = generate(&mut reference);
        prop_assert_eq!(&found.tokens, &expected.tokens);
        prop_assert!(relative_difference(&found.last_logits, &expected.last_logits) < 1e-4);
    }
}
