//! Tests: every composition gives the same, PyTorch too, and it costs what plans are costed with.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use ops::attention::Kind;

use super::captions::Captions;
use super::config::Config;
use super::network::Network;
use super::see::Reference;
use super::stock::Stock;
use crate::checkpoint::{Folder, Spelling, seeded};
use crate::convnet::agreement::{rounded, rows};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Pictures, Task};
use crate::parity::Fixture;
use crate::picture::{self, Normalisation};
use crate::seeing::{Output, Pass, Recorded, Seer};

fn micro() -> Config {
    Config::named("clip-micro").expect("ours")
}

fn weights(config: &Config, dtype: DType) -> VarBuilder<'static> {
    seeded(1, config.parameters(), dtype, &Device::Cpu)
}

fn pictures(config: &Config, dtype: DType) -> Tensor {
    let shape = (3, config.edge_px);
    picture::batch(7, shape, Normalisation::CLIP, dtype, &Device::Cpu).expect("on the CPU")
}

fn seen(mut seer: impl Seer) -> Vec<Output> {
    // Twice: nothing of the first pass may be left.
    seer.see(0).expect("runs");
    seer.see(0).expect("runs");
    seer.outputs().expect("on the CPU")
}

fn fast(
    config: &Config,
    weights: &VarBuilder<'_>,
    fused: Fused,
    pictures: &Tensor,
    captions: &Captions,
) -> Vec<Output> {
    let network = Network::new(config, weights, fused, pictures.clone(), captions).expect("fits");
    seen(Recorded::new(network, true).expect("runs"))
}

fn reference(
    config: &Config,
    weights: &VarBuilder<'_>,
    pictures: &Tensor,
    captions: &Captions,
) -> Vec<Output> {
    let stock = Stock::new(config, weights, pictures, captions).expect("fits");
    seen(Reference::new(stock))
}

#[track_caller]
fn assert_near(found: &[Output], expected: &[Output], bound: f64) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.name, &found.shape), (expected.name, &expected.shape));
        let row = |output: &Output| vec![output.values.clone()];
        let difference = Fixture::difference(&row(found), &row(expected));
        assert!(difference < bound, "{}: {difference}", found.name);
    }
}

#[test]
fn fast_naive_and_stock_agree() {
    let naive = Fused {
        attention: Kind::Naive,
        ..Fused::default()
    };
    let config = micro();
    let weights = weights(&config, DType::F32);
    let pictures = pictures(&config, DType::F32);
    let captions = Captions::seeded(&config, 5, 3);
    let expected = reference(&config, &weights, &pictures, &captions);
    for fused in [Fused::default(), naive] {
        let found = fast(&config, &weights, fused, &pictures, &captions);
        assert_near(&found, &expected, 1e-4);
    }
}

#[test]
fn half_precision_stays_near() {
    let config = micro();
    let captions = Captions::seeded(&config, 5, 3);
    let [half, full] = [DType::F16, DType::F32].map(|dtype| {
        let pictures = pictures(&config, dtype);
        let weights = weights(&config, dtype);
        let outputs = fast(&config, &weights, Fused::default(), &pictures, &captions);
        outputs[..2].to_vec()
    });
    assert_near(&half, &full, 2e-2);
}

/// Captions end at different places.
#[test]
fn embeddings_and_similarities_are_those_of_pytorch() {
    let fixture = Fixture::open("clip");
    let folder = Folder::new(fixture.path());
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a supported model");
    let weights = folder
        .weights(&config.tensors(), Spelling::EXACT, DType::F32, &Device::Cpu)
        .expect("every tensor");
    let pictures = fixture
        .tensor("input.pictures")
        .permute((0, 2, 3, 1))
        .and_then(|pictures| pictures.contiguous())
        .expect("pictures");
    let tokens = fixture.ids("input.tokens");
    let captions = Captions::new(tokens.concat(), config.tokens);
    let expected = |name| {
        let tensor = fixture.tensor(&format!("expected.{name}"));
        Output::of(name, &tensor).expect("on the CPU")
    };
    let expected = ["picture_embeddings", "caption_embeddings", "similarities"].map(expected);
    let found = fast(&config, &weights, Fused::default(), &pictures, &captions);
    assert_near(&found, &expected, 1e-4);
    let found = reference(&config, &weights, &pictures, &captions);
    assert_near(&found, &expected, 1e-4);
}

#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::MODELS {
        let config = Config::named(name).expect("a name of this worker");
        for batch in [1, 32] {
            let pictures = Pictures {
                batch,
                resolution_px: config.edge_px,
            };
            let job = Job::plain(name, Precision::Bf16, Task::See(pictures));
            let phases = model::cost::workload::phases(&job.point()).expect("in the vocabulary");
            let counted = 2.0 * batch as f64 * config.multiply_adds() as f64;
            assert_eq!(phases[0].matrix_operations, counted, "{name}");
            assert_eq!(phases[0].parameters, config.parameters(), "{name}");
            assert_eq!((phases[0].unit, phases[0].units), ("pair", batch as u64));
        }
    }
}

#[test]
fn outputs_of_the_micro_model() {
    let config = micro();
    let weights = weights(&config, DType::F32);
    let pictures = pictures(&config, DType::F32);
    let captions = Captions::seeded(&config, 5, 3);
    let network =
        Network::new(&config, &weights, Fused::default(), pictures, &captions).expect("fits");
    network.pass().expect("runs");
    assert_eq!(rows(network.pictures()).len(), 3);
    let outputs = [network.pictures(), network.captions()].map(|tensor| rounded(tensor, 24));
    insta::assert_json_snapshot!("clip_micro", outputs);
}
