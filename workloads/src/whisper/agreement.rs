//! Tests: every composition of the network gives the same.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use ops::Gelu;
use ops::attention::Kind;

use super::config::Config;
use super::generate::{Fast, Reference};
use super::inputs::Inputs;
use super::plain::Plain;
use super::stock::Stock;
use super::weights::Weights;
use crate::checkpoint::seeded;
use crate::fused::Fused;
use crate::generation::Generator;
use crate::parity::Fixture;

const BATCH: usize = 2;
/// As many as the positions of the smallest model allow.
const STEPS: usize = 60;

/// Seeded weights with larger positions: an untrained decoder would say the same at each step.
fn weights(config: &Config, dtype: DType) -> Weights {
    let weights = seeded(1, config.parameters(), dtype, &Device::Cpu);
    let mut weights = Weights::load(config, &weights).expect("seeded weights have every tensor");
    let positions = &mut weights.decoder.positions;
    *positions = (positions.clone() * 8.0).expect("made");
    weights
}

fn inputs(config: &Config) -> Inputs {
    Inputs::seeded(config, 2, BATCH).expect("fits")
}

fn fast(config: &Config, dtype: DType, fused: Fused, steps: usize) -> Fast {
    let weights = weights(config, dtype);
    Fast::new(config, weights, fused, &inputs(config), steps).expect("fits")
}

fn reference(config: &Config, steps: usize) -> Reference {
    let stock = Stock::new(config, &weights(config, DType::F32)).expect("fits");
    Reference::new(stock, &inputs(config), steps, &Device::Cpu).expect("fits")
}

#[derive(Debug, PartialEq)]
struct Outputs {
    tokens: Vec<Vec<u32>>,
    last_logits: Vec<Vec<f32>>,
}

fn outputs(generator: &dyn Generator) -> Outputs {
    Outputs {
        tokens: generator.tokens().expect("on the CPU"),
        last_logits: generator.last_logits().expect("on the CPU"),
    }
}

fn generate(generator: &mut dyn Generator) -> Outputs {
    generator.prefill().expect("runs");
    generator.decode().expect("runs");
    outputs(generator)
}

/// With the activations of the stock model; those of the released ones are held against PyTorch.
#[test]
fn fast_and_reference_agree_over_60_steps() {
    let config = Config {
        gelu: Gelu::Tanh,
        ..Config::MICRO
    };
    let found = generate(&mut fast(&config, DType::F32, Fused::default(), STEPS));
    let expected = generate(&mut reference(&config, STEPS));
    assert_eq!(found.tokens, expected.tokens);
    assert_eq!(expected.tokens[0].len(), STEPS + 1);
    let different: BTreeSet<u32> = found.tokens.concat().into_iter().collect();
    assert!(different.len() > 10, "{different:?}");
    let difference = Fixture::difference(&found.last_logits, &expected.last_logits);
    assert!(difference < 1e-4, "{difference}");
}

/// How far the other formula is away: nearer than half precision.
#[test]
fn the_activations_of_the_stock_model_matter_little() {
    let config = Config::MICRO;
    let found = generate(&mut fast(&config, DType::F32, Fused::default(), 0));
    let stock = generate(&mut reference(&config, 0));
    let difference = Fixture::difference(&found.last_logits, &stock.last_logits);
    assert!((1e-5..1e-2).contains(&difference), "{difference}");
}

#[test]
fn naive_attention_and_single_launches_agree() {
    let config = Config::MICRO;
    let expected = generate(&mut fast(&config, DType::F32, Fused::default(), 8));
    for (attention, graph) in [(Kind::Naive, true), (Kind::Fused, false)] {
        let fused = Fused {
            attention,
            graph,
            ..Fused::default()
        };
        let found = generate(&mut fast(&config, DType::F32, fused, 8));
        assert_eq!(found.tokens, expected.tokens);
        let difference = Fixture::difference(&found.last_logits, &expected.last_logits);
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn steps_can_be_taken_again_and_a_second_transcription_starts_anew() {
    let config = Config::MICRO;
    let fast = fast(&config, DType::F32, Fused::default(), 8);
    for mut generator in [
        Box::new(fast) as Box<dyn Generator>,
        Box::new(reference(&config, 8)),
    ] {
        assert!(generator.rewind().is_err());
        let first = generate(generator.as_mut());
        generator.rewind().expect("was heard");
        let tokens = generator.tokens().expect("on the CPU");
        assert_eq!(tokens, [[first.tokens[0][0]], [first.tokens[1][0]]]);
        generator.decode().expect("runs");
        assert_eq!(outputs(generator.as_ref()), first);
        assert_eq!(generate(generator.as_mut()), first);
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let config = Config::MICRO;
    let weights = weights(&config, DType::F32);
    let message = Fast::new(&config, weights, Fused::default(), &inputs(&config), 61)
        .err()
        .expect("too long")
        .to_string();
    assert!(
        message.contains("65 positions, the model has 64"),
        "{message}"
    );
}

/// The composition for training reads a transcript at once as the others do by steps.
#[test]
fn plain_equals_stock() {
    let config = Config {
        gelu: Gelu::Tanh,
        ..Config::MICRO
    };
    let Inputs { features, prompt } = inputs(&config);
    let plain = Plain::new(config.clone(), weights(&config, DType::F32));
    let encoded = plain.encode(&features).expect("runs");
    let last = plain.logits(&prompt, &encoded).and_then(|logits| {
        logits
            .narrow(1, prompt.dim(1)? - 1, 1)?
            .squeeze(1)?
            .to_vec2()
    });
    let expected = generate(&mut reference(&config, 0)).last_logits;
    let difference = Fixture::difference(&last.expect("runs"), &expected);
    assert!(difference < 1e-4, "{difference}");
}

/// The trap of fused norms and softmax: they cut gradients silently.
#[test]
fn gradients_reach_every_variable_of_the_plain_network() {
    let config = Config {
        source_positions: 6,
        ..Config::MICRO
    };
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let weights = Weights::load(&config, &builder).expect("made");
    let tokens = Tensor::new(&[[1u32, 2, 3, 4, 5]], &Device::Cpu).expect("made");
    let features = inputs(&Config::MICRO).features;
    let features = features
        .narrow(0, 0, 1)
        .and_then(|f| f.narrow(2, 0, config.frames()));
    let plain = Plain::new(config.clone(), weights);
    let gradients = features
        .and_then(|features| plain.encode(&features.contiguous()?))
        .and_then(|encoded| {
            plain
                .logits(&tokens, &encoded)?
                .sqr()?
                .sum_all()?
                .backward()
        })
        .expect("differentiable");
    let named = variables.data().lock().expect("no thread died").clone();
    assert_eq!(named.len(), config.tensors().len());
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

fn four_digits(value: f32) -> f64 {
    format!("{value:.3e}").parse().expect("a number")
}

/// Tokens exactly, and logits in f32 to four digits: beyond these, CPUs differ. Half precision
/// stays near.
#[test]
fn outputs_of_the_smallest_model() {
    let config = Config::MICRO;
    let full = generate(&mut fast(&config, DType::F32, Fused::default(), 8));
    let half = generate(&mut fast(&config, DType::F16, Fused::default(), 8));
    let logits: Vec<Vec<f64>> = full
        .last_logits
        .iter()
        .map(|row| row.iter().take(16).copied().map(four_digits).collect())
        .collect();
    let outputs = serde_json::json!({
        "weights_seed": 1,
        "input_seed": 2,
        "batch": BATCH,
        "f32": { "tokens": full.tokens, "last_logits_first_16": logits },
        "f16": { "tokens": half.tokens },
    });
    insta::assert_json_snapshot!("whisper_micro_cpu", outputs);
}
