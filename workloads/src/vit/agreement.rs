//! Tests: every composition gives the same, PyTorch too, and it costs what plans are costed with.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use ops::attention::Kind;

use super::config::Config;
use super::network::Network;
use super::stock::stock;
use crate::checkpoint::{Folder, Spelling, seeded};
use crate::convnet::agreement::{rounded, rows};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Pictures, Task};
use crate::parity::Fixture;
use crate::picture::{self, Normalisation};
use crate::seeing::Pass;

fn micro() -> Config {
    Config::named("vit-micro").expect("ours")
}

fn weights(config: &Config, dtype: DType) -> VarBuilder<'static> {
    seeded(1, config.parameters(), dtype, &Device::Cpu)
}

fn pictures(edge_px: usize, dtype: DType) -> Tensor {
    let pixels = Normalisation::SYMMETRIC;
    picture::batch(7, (3, edge_px), pixels, dtype, &Device::Cpu).expect("on the CPU")
}

fn fast(config: &Config, weights: &VarBuilder<'_>, fused: Fused, pictures: &Tensor) -> Tensor {
    let network = Network::new(config, weights, fused, pictures.clone()).expect("fits");
    // Twice: nothing of the first pass may be left.
    network.pass().expect("runs");
    network.pass().expect("runs");
    network.logits().clone()
}

fn reference(config: &Config, weights: &VarBuilder<'_>, pictures: &Tensor) -> Tensor {
    let edge_px = pictures.dim(1).expect("pictures");
    let model = stock(config, weights, edge_px).expect("has every tensor");
    pictures
        .permute((0, 3, 1, 2))
        .and_then(|pictures| model.forward(&pictures.contiguous()?))
        .expect("runs")
}

#[test]
fn fast_naive_and_stock_agree_at_every_edge() {
    let naive = Fused {
        attention: Kind::Naive,
        ..Fused::default()
    };
    let config = micro();
    let weights = weights(&config, DType::F32);
    for edge_px in [32, 40, 16] {
        let pictures = pictures(edge_px, DType::F32);
        let expected = rows(&reference(&config, &weights, &pictures));
        for fused in [Fused::default(), naive] {
            let found = rows(&fast(&config, &weights, fused, &pictures));
            let difference = Fixture::difference(&found, &expected);
            assert!(difference < 1e-4, "{edge_px} {fused:?}: {difference}");
        }
    }
}

#[test]
fn half_precision_stays_near() {
    let config = micro();
    let logits = |dtype| {
        let weights = weights(&config, dtype);
        rows(&fast(
            &config,
            &weights,
            Fused::default(),
            &pictures(32, dtype),
        ))
    };
    let difference = Fixture::difference(&logits(DType::F16), &logits(DType::F32));
    assert!(difference < 1e-2, "{difference}");
}

/// With the positions as they were learned, and interpolated for a larger picture.
#[test]
fn logits_are_those_of_pytorch() {
    let fixture = Fixture::open("vit");
    let folder = Folder::new(fixture.path());
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a supported model");
    let weights = folder
        .weights(&config.tensors(), Spelling::EXACT, DType::F32, &Device::Cpu)
        .expect("every tensor");
    for case in ["native", "interpolated"] {
        let pictures = fixture
            .tensor(&format!("input.{case}"))
            .permute((0, 2, 3, 1))
            .and_then(|pictures| pictures.contiguous())
            .expect("pictures");
        let expected = rows(&fixture.tensor(&format!("expected.{case}")));
        let found = [
            fast(&config, &weights, Fused::default(), &pictures),
            reference(&config, &weights, &pictures),
        ];
        for found in found {
            let difference = Fixture::difference(&rows(&found), &expected);
            assert!(difference < 1e-4, "{case}: {difference}");
        }
    }
}

#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::MODELS {
        let config = Config::named(name).expect("a name of this worker");
        for (batch, edges) in [(1, 1), (32, 14), (2, 3)] {
            let resolution_px = edges * config.patch_px;
            let pictures = Pictures {
                batch,
                resolution_px,
            };
            let job = Job::plain(name, Precision::Bf16, Task::See(pictures));
            let phases = model::cost::workload::phases(&job.point()).expect("in the vocabulary");
            let counted = 2.0 * batch as f64 * config.multiply_adds(resolution_px) as f64;
            assert_eq!(phases[0].matrix_operations, counted, "{name}");
            // There, positions are counted at the edge that is looked at.
            if resolution_px == config.native_px {
                assert_eq!(phases[0].parameters, config.parameters(), "{name}");
            }
        }
    }
}

#[test]
fn outputs_of_the_micro_model() {
    let config = micro();
    let weights = weights(&config, DType::F32);
    let logits = fast(
        &config,
        &weights,
        Fused::default(),
        &pictures(32, DType::F32),
    );
    insta::assert_json_snapshot!("vit_micro", rounded(&logits, 30));
}
