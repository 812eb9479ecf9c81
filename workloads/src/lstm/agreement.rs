//! Tests: both compositions give the same, and gradients reach all of the stock one.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use proptest::prelude::*;

use super::config::Config;
use super::inputs::Inputs;
use super::network::Network;
use super::read::{Fast, Reference};
use super::stock::Stock;
use super::weights::Weights;
use crate::checkpoint::seeded;
use crate::fused::Fused;
use crate::job::task::Sequences;
use crate::parity::Fixture;
use crate::reading::{Reader, Scores};

fn config() -> Config {
    Config::named("lstm-sentiment").expect("a name of this worker")
}

fn weights(dtype: DType) -> Weights {
    let weights = seeded(1, config().parameters(), dtype, &Device::Cpu);
    Weights::load(&config(), &weights).expect("seeded weights have every tensor")
}

fn read(reader: &mut dyn Reader) -> Scores {
    reader.infer().expect("runs");
    reader.scores().expect("on the CPU")
}

fn fast(inputs: &Inputs, dtype: DType) -> Scores {
    let network = Network::new(&config(), &weights(dtype), Fused::default()).expect("fits");
    read(&mut Fast::new(network, inputs.clone(), true).expect("fits"))
}

fn reference(inputs: &Inputs, dtype: DType) -> Scores {
    let stock = Stock::new(&config(), &weights(dtype)).expect("fits");
    read(&mut Reference::new(stock, inputs.clone(), &Device::Cpu).expect("fits"))
}

fn inputs(batch: usize, tokens: usize) -> Inputs {
    Inputs::seeded(&config(), 2, Sequences { batch, tokens }).expect("fits")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Any batch and length, one word included.
    #[test]
    fn fast_and_reference_agree(batch in 1usize..9, tokens in 1usize..40) {
        let inputs = inputs(batch, tokens);
        let (found, expected) = (fast(&inputs, DType::F32), reference(&inputs, DType::F32));
        let difference = Fixture::difference(&found.logits, &expected.logits);
        prop_assert!(difference < 1e-5, "{}", difference);
    }
}

/// Ten bits of fraction.
#[test]
fn half_precision_stays_near() {
    let inputs = inputs(4, 300);
    let full = fast(&inputs, DType::F32);
    for half in [fast(&inputs, DType::F16), reference(&inputs, DType::F16)] {
        assert!(Fixture::difference(&half.logits, &full.logits) < 1e-2);
    }
}

#[test]
fn gradients_reach_every_variable() {
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let weights = Weights::load(&config(), &builder).expect("made");
    let words = Tensor::new(&[[1u32, 2, 3, 4, 5]], &Device::Cpu).expect("made");
    let gradients = Stock::new(&config(), &weights)
        .and_then(|stock| stock.forward(&words)?.sqr()?.sum_all()?.backward())
        .expect("differentiable");
    let named = variables.data().lock().expect("no thread died").clone();
    assert_eq!(named.len(), config().tensors().len());
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

/// Choices exactly, and scores in f32 to four digits: beyond these, CPUs differ.
#[test]
fn outputs_of_the_sentiment_model() {
    let inputs = inputs(8, 300);
    let (full, half) = (fast(&inputs, DType::F32), fast(&inputs, DType::F16));
    let scores = full.logits.iter().flatten().copied().map(four_digits);
    let outputs = serde_json::json!({
        "weights_seed": 1,
        "input_seed": 2,
        "sequences": inputs.sequences(),
        "f32": { "choices": full.choices, "scores": scores.collect::<Vec<_>>() },
        "f16": { "choices": half.choices },
    });
    insta::assert_json_snapshot!("lstm_sentiment_cpu", outputs);
}
