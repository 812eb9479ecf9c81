//! Tests: PyTorch gives the same for the same weights and inputs.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::encode::{Fast, Reference};
use super::inputs::{Guess, Inputs};
use super::network::Network;
use super::weights::Weights;
use crate::checkpoint::Folder;
use crate::fused::Fused;
use crate::job::word::Head;
use crate::parity::Fixture;
use crate::quality::Expected;
use crate::reading::{Reader, Scores};

const NAMES: [&str; 2] = ["bert", "roberta"];
const HEADS: [(Head, &str); 2] = [
    (Head::Classification, "class_logits"),
    (Head::MaskedLm, "masked_logits"),
];

fn load(path: &Path, head: Head, dtype: DType) -> (Config, Weights) {
    let folder = Folder::new(path);
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a supported model");
    let spelling = config.family.spelling();
    let weights = folder
        .weights(&config.tensors(head), spelling, dtype, &Device::Cpu)
        .expect("every tensor");
    let weights = Weights::load(&config, head, &weights).expect("every tensor");
    (config, weights)
}

/// The inputs of a case; for the masked LM every token that is no padding is to be guessed.
fn inputs(fixture: &Fixture, case: &str) -> Inputs {
    let ids = |name: &str| fixture.ids(&format!("{case}.{name}"));
    let tokens = ids("ids");
    let (batch, length) = (tokens.len(), tokens[0].len());
    let inputs = Inputs::new(batch, tokens.concat()).expect("whole sequences");
    let inputs = if case == "padded" {
        let lengths = fixture.row("input.lengths");
        inputs
            .with_lengths(lengths)
            .with_segments(ids("token_type_ids").concat())
    } else {
        inputs
    };
    let guesses = inputs
        .lengths()
        .iter()
        .enumerate()
        .flat_map(|(sequence, known)| {
            let first = sequence * length;
            first..first + *known as usize
        })
        .map(|row| Guess {
            row: u32::try_from(row).expect("small"),
            token: 0,
        })
        .collect();
    inputs.with_guesses(guesses)
}

fn encode(encoder: &mut dyn Reader) -> Scores {
    encoder.infer().expect("runs");
    encoder.scores().expect("on the CPU")
}

fn both(path: &Path, head: Head, inputs: &Inputs, dtype: DType) -> [Scores; 2] {
    let (config, weights) = load(path, head, dtype);
    let mut reference =
        Reference::new(&config, &weights, head, inputs.clone(), Expected::Unknown).expect("fits");
    let network = Network::new(&config, weights, Fused::default()).expect("fits");
    let mut fast = Fast::new(network, true, head, inputs.clone(), Expected::Unknown).expect("fits");
    [encode(&mut fast), encode(&mut reference)]
}

/// Rows of `expected` that the head selects.
fn selected(expected: &Tensor, head: Head, inputs: &Inputs) -> Vec<Vec<f32>> {
    match head {
        Head::Classification => expected.to_vec2().expect("a matrix"),
        Head::MaskedLm => {
            let rows: Vec<Vec<f32>> = expected
                .flatten(0, 1)
                .and_then(|rows| rows.to_vec2())
                .expect("a matrix for each sequence");
            let row = |row: u32| rows[row as usize].clone();
            inputs.selected(head).into_iter().map(row).collect()
        }
    }
}

#[test]
fn logits_are_those_of_pytorch_with_and_without_padding() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        for case in ["plain", "padded"] {
            let inputs = inputs(&fixture, case);
            for (head, logits) in HEADS {
                let expected = fixture.tensor(&format!("{case}.{logits}"));
                let expected = selected(&expected, head, &inputs);
                for found in both(fixture.path(), head, &inputs, DType::F32) {
                    let difference = Fixture::difference(&found.logits, &expected);
                    assert!(difference < 1e-4, "{name} {case} {head:?}: {difference}");
                }
            }
        }
    }
}

/// Within twice PyTorch's own distance from f32.
#[test]
fn half_precision_is_as_near_as_pytorchs() {
    for name in NAMES {
        let fixture = Fixture::open(name);
        for case in ["plain", "padded"] {
            let inputs = inputs(&fixture, case);
            let head = Head::Classification;
            let logits = format!("{case}.class_logits");
            let expected = selected(&fixture.tensor(&logits), head, &inputs);
            let bound = 2.0 * fixture.deviation(&["deviation_of_logits", &logits, "f16"]);
            let [fast, _] = both(fixture.path(), head, &inputs, DType::F16);
            let difference = Fixture::difference(&fast.logits, &expected);
            assert!(difference < bound, "{name} {case}: {difference} of {bound}");
        }
    }
}
