//! Tests: PyTorch gives the same for the same weights and words.

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::inputs::Inputs;
use super::network::Network;
use super::read::Fast;
use super::stock::Stock;
use super::weights::Weights;
use crate::checkpoint::{Folder, Spelling};
use crate::fused::Fused;
use crate::job::task::Sequences;
use crate::parity::Fixture;
use crate::reading::Reader;

fn load(fixture: &Fixture, dtype: DType) -> (Config, Weights) {
    let folder = Folder::new(fixture.path());
    let config = folder.config(Config::from_json).expect("a supported model");
    let weights = folder
        .weights(&config.tensors(), Spelling::EXACT, dtype, &Device::Cpu)
        .expect("every tensor");
    let weights = Weights::load(&config, &weights).expect("every tensor");
    (config, weights)
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().expect("a matrix on the CPU")
}

fn fast(fixture: &Fixture, dtype: DType) -> Vec<Vec<f32>> {
    let (config, weights) = load(fixture, dtype);
    let ids = fixture.ids("input.ids");
    let sequences = Sequences {
        batch: ids.len(),
        tokens: ids[0].len(),
    };
    assert_eq!(sequences.tokens, config.words);
    let inputs = Inputs::new(&config, sequences, ids.concat()).expect("fits");
    let network = Network::new(&config, &weights, Fused::default()).expect("fits");
    let mut reader = Fast::new(network, inputs, true).expect("fits");
    reader.infer().expect("runs");
    reader.scores().expect("on the CPU").logits
}

#[test]
fn scores_are_those_of_pytorch() {
    let fixture = Fixture::open("lstm");
    let expected = rows(&fixture.tensor("expected.logits"));
    let difference = Fixture::difference(&fast(&fixture, DType::F32), &expected);
    assert!(difference < 1e-4, "{difference}");

    let (config, weights) = load(&fixture, DType::F32);
    let stock = Stock::new(&config, &weights).expect("fits");
    let found = stock.forward(&fixture.tensor("input.ids"));
    let found = rows(&found.and_then(|scores| scores.unsqueeze(1)).expect("runs"));
    let difference = Fixture::difference(&found, &expected);
    assert!(difference < 1e-4, "{difference}");
}

/// Every step, by the stock layer and by the plain operation that the kernel is held against.
#[test]
fn states_are_those_of_pytorch() {
    let fixture = Fixture::open("lstm");
    let (config, weights) = load(&fixture, DType::F32);
    let words = fixture.tensor("input.ids");
    let expected = fixture.tensor("expected.hidden");
    let expected = rows(&expected.flatten_to(1).expect("has three dimensions"));

    let stock = Stock::new(&config, &weights).expect("fits");
    let states = stock.states(&words).expect("runs");
    let hidden: Vec<&Tensor> = states.iter().map(candle_nn::rnn::LSTMState::h).collect();
    let found = Tensor::stack(&hidden, 1).and_then(|states| states.flatten_to(1));
    let difference = Fixture::difference(&rows(&found.expect("alike")), &expected);
    assert!(difference < 1e-4, "{difference}");

    let gates = || {
        let embedded = weights.embedding.index_select(&words.flatten_all()?, 0)?;
        let bias = (&weights.input_bias + &weights.recurrent_bias)?;
        let gates = embedded.matmul(&weights.input.t()?)?.broadcast_add(&bias)?;
        let (batch, length) = words.dims2()?;
        let in_order = ops::lstm::interleave(&gates.t()?.contiguous()?)?;
        let gates = in_order.t()?.reshape((batch, length, config.gates()))?;
        let recurrent = ops::lstm::interleave(&weights.recurrent)?;
        ops::plain::lstm::states(&gates, &recurrent)?.flatten_to(1)
    };
    let found: candle_core::Result<Tensor> = gates();
    let difference = Fixture::difference(&rows(&found.expect("runs")), &expected);
    assert!(difference < 1e-4, "{difference}");
}

/// Within twice PyTorch's own distance from f32.
#[test]
fn half_precision_is_as_near_as_pytorchs() {
    let fixture = Fixture::open("lstm");
    let expected = rows(&fixture.tensor("expected.logits"));
    let difference = Fixture::difference(&fast(&fixture, DType::F16), &expected);
    let bound = 2.0 * fixture.deviation(&["deviation_of_logits", "f16"]);
    assert!(difference < bound, "{difference} of {bound}");
}
