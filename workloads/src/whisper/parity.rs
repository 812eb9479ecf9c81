//! Tests: PyTorch gives the same for the same weights, features and prompts.
//!
//! The stock model is not held against PyTorch: its activations are another formula, and it takes
//! no feed-forward network of the fixture's width.

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::generate::Fast;
use super::inputs::Inputs;
use super::plain::Plain;
use super::weights::Weights;
use crate::checkpoint::Folder;
use crate::fused::Fused;
use crate::generation::Generator;
use crate::parity::Fixture;

fn load(fixture: &Fixture, dtype: DType) -> (Config, Weights) {
    let folder = Folder::new(fixture.path());
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a supported model");
    let weights = folder
        .weights(&config.tensors(), Config::SPELLING, dtype, &Device::Cpu)
        .expect("every tensor");
    let weights = Weights::load(&config, &weights).expect("every tensor");
    (config, weights)
}

fn fast(fixture: &Fixture, dtype: DType, decode_tokens: usize) -> Fast {
    let (config, weights) = load(fixture, dtype);
    let (features, prompt) = (
        fixture.tensor("input.features"),
        fixture.tensor("input.ids"),
    );
    let inputs = Inputs::new(&config, features, prompt).expect("fits");
    let fused = Fused::default();
    let mut fast = Fast::new(&config, weights, fused, &inputs, decode_tokens).expect("fits");
    fast.prefill().expect("runs");
    fast.decode().expect("runs");
    fast
}

fn step_logits(fixture: &Fixture, step: usize) -> Vec<Vec<f32>> {
    fixture
        .tensor("expected.step_logits")
        .narrow(1, step, 1)
        .and_then(|logits| logits.squeeze(1)?.to_vec2())
        .expect("eight steps")
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().expect("a matrix on the CPU")
}

#[test]
fn what_is_heard_is_what_pytorch_hears() {
    let fixture = Fixture::open("whisper");
    let expected = fixture.tensor("expected.encoder").flatten_to(1);
    let fast = fast(&fixture, DType::F32, 0);
    let expected = rows(&expected.expect("three dimensions"));
    let difference = Fixture::difference(&rows(fast.encoded()), &expected);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn greedy_tokens_are_those_of_pytorch() {
    let fixture = Fixture::open("whisper");
    let expected = fixture.ids("expected.tokens");
    let steps = expected[0].len() - 1;
    assert_eq!(steps, 32);
    let tokens = fast(&fixture, DType::F32, steps).tokens();
    assert_eq!(tokens.expect("on the CPU"), expected);
}

#[test]
fn logits_of_prompt_and_steps_are_those_of_pytorch() {
    let fixture = Fixture::open("whisper");
    for step in 0..8 {
        let found = fast(&fixture, DType::F32, step).last_logits();
        let found = found.expect("on the CPU");
        let difference = Fixture::difference(&found, &step_logits(&fixture, step));
        assert!(difference < 1e-4, "step {step}: {difference}");
    }
}

#[test]
fn logits_of_every_position_are_those_of_pytorch() {
    let fixture = Fixture::open("whisper");
    let (config, weights) = load(&fixture, DType::F32);
    let plain = Plain::new(config, weights);
    let rows = |tensor: candle_core::Result<Tensor>| {
        rows(
            &tensor
                .and_then(|t| t.flatten_to(1))
                .expect("three dimensions"),
        )
    };
    let encoded = plain
        .encode(&fixture.tensor("input.features"))
        .expect("runs");
    let logits = plain.logits(&fixture.tensor("input.ids"), &encoded);
    for (found, name) in [
        (Ok(encoded), "expected.encoder"),
        (logits, "expected.logits"),
    ] {
        let difference = Fixture::difference(&rows(found), &rows(Ok(fixture.tensor(name))));
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

/// Within twice PyTorch's own distance from f32.
#[test]
fn half_precision_is_as_near_as_pytorchs() {
    let fixture = Fixture::open("whisper");
    let found = fast(&fixture, DType::F16, 0).last_logits();
    let expected = step_logits(&fixture, 0);
    let difference = Fixture::difference(&found.expect("on the CPU"), &expected);
    let bound = 2.0 * fixture.deviation(&["deviation_of_logits", "f16"]);
    assert!(difference < bound, "{difference} of {bound}");
}
