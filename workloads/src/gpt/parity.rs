//! Tests: PyTorch gives the same for the same weights and prompts.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::generate::{Fast, Pick, Reference};
use super::network::Network;
use super::plain::Plain;
use super::weights::Weights;
use crate::checkpoint::Folder;
use crate::fused::Fused;
use crate::generation::Generator;
use crate::job::task::Extent;
use crate::parity::Fixture;

const NAMES: [&str; 2] = ["gpt2", "starcoder"];

fn load(path: &Path, dtype: DType) -> (Config, Weights) {
    let folder = Folder::new(path);
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a supported model");
    let weights = folder
        .weights(&config.tensors(), Config::SPELLING, dtype, &Device::Cpu)
        .expect("every tensor");
    let weights = Weights::load(&config, &weights).expect("every tensor");
    (config, weights)
}

fn prompt(fixture: &Fixture, decode_tokens: usize) -> (Extent, Vec<u32>) {
    let ids = fixture.ids("input.ids");
    let extent = Extent {
        batch: ids.len(),
        prompt_tokens: ids[0].len(),
        decode_tokens,
    };
    (extent, ids.concat())
}

fn fast(fixture: &Fixture, dtype: DType, decode_tokens: usize) -> Outputs {
    let (config, weights) = load(fixture.path(), dtype);
    let (extent, prompt) = prompt(fixture, decode_tokens);
    let network = Network::new(&config, weights, Fused::default()).expect("fits");
    generate(&mut Fast::new(network, Pick::Greedy, true, extent, prompt).expect("fits"))
}

fn reference(fixture: &Fixture, decode_tokens: usize) -> Outputs {
    let (config, weights) = load(fixture.path(), DType::F32);
    let (extent, prompt) = prompt(fixture, decode_tokens);
    generate(&mut Reference::new(&config, weights, extent, prompt).expect("fits"))
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

fn step_logits(fixture: &Fixture, step: usize) -> Vec<Vec<f32>> {
    fixture
        .tensor("expected.step_logits")
        .narrow(1, step, 1)
        .and_then(|logits| logits.squeeze(1)?.to_vec2())
        .expect("eight steps")
}

#[test]
fn greedy_tokens_are_those_of_pytorch() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        let expected = fixture.ids("expected.tokens");
        let steps = expected[0].len() - 1;
        assert_eq!(steps, 64);
        assert_eq!(fast(&fixture, DType::F32, steps).tokens, expected, "{name}");
        assert_eq!(reference(&fixture, steps).tokens, expected, "{name}");
    }
}

#[test]
fn logits_of_prefill_and_steps_are_those_of_pytorch() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        for step in 0..8 {
            let expected = step_logits(&fixture, step);
            for found in [fast(&fixture, DType::F32, step), reference(&fixture, step)] {
                let difference = Fixture::difference(&found.last_logits, &expected);
                assert!(difference < 1e-4, "{name} step {step}: {difference}");
            }
        }
    }
}

#[test]
fn logits_of_every_position_are_those_of_pytorch() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        let (config, weights) = load(fixture.path(), DType::F32);
        let rows = |logits: &Tensor| {
            logits
                .flatten(0, 1)
                .and_then(|rows| rows.to_vec2())
                .expect("a matrix for each sequence")
        };
        let found = Plain::new(config, weights)
            .logits(&fixture.tensor("input.ids"))
            .expect("runs");
        let expected = rows(&fixture.tensor("expected.logits"));
        let difference = Fixture::difference(&rows(&found), &expected);
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

/// Within twice PyTorch's own distance from f32.
#[test]
fn half_precision_is_as_near_as_pytorchs() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        let found = fast(&fixture, DType::F16, 0);
        let difference = Fixture::difference(&found.last_logits, &step_logits(&fixture, 0));
        let bound = 2.0 * fixture.deviation(&["deviation_of_logits", "f16"]);
        assert!(difference < bound, "{name}: {difference} of {bound}");
    }
}
