//! Tests: every composition of a network gives the same, PyTorch too, and it costs what plans are
//! costed with.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use model::cost::workload;
use ops::linear::Math;
use serde_json::Value;

use super::family::ConvNet;
use super::fast::Fast;
use super::plain::Plain;
use crate::checkpoint::{Folder, seeded};
use crate::family::Family;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Pictures, Task};
use crate::job::word::Implementation;
use crate::parity::Fixture;
use crate::picture;
use crate::registry::Registry;
use crate::seeing::Pass;
use crate::weights::Places;
use crate::workload::Unobserved;

/// Outputs by name, channels first as PyTorch has them.
type Outputs = Vec<(&'static str, Tensor)>;

/// The numbers of a tensor, as one row for each picture.
pub(crate) fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor
        .to_dtype(DType::F32)
        .and_then(|tensor| tensor.flatten_from(1)?.to_vec2())
        .expect("on the CPU")
}

/// Shape, mean size and the first numbers of a tensor, to four digits: beyond these, CPUs differ.
pub(crate) fn rounded(tensor: &Tensor, count: usize) -> Value {
    let digits = |value: f64| -> f64 { format!("{value:.3e}").parse().expect("a number") };
    let values: Vec<f32> = rows(tensor).concat();
    let size = values
        .iter()
        .map(|value| f64::from(value.abs()))
        .sum::<f64>();
    // Spread over the tensor, so that every part of it shows.
    let step = (values.len() / count).max(1);
    let some = values.iter().step_by(step).take(count);
    serde_json::json!({
        "shape": tensor.dims(),
        "mean_size": digits(size / values.len() as f64),
        "values": some.map(|value| digits(f64::from(*value))).collect::<Vec<_>>(),
    })
}

fn weights(net: &ConvNet, model: &str) -> VarBuilder<'static> {
    let parameters = net.summary(model).parameters;
    seeded(1, parameters, DType::F32, &Device::Cpu)
}

fn pictures(net: &ConvNet, edge_px: usize, dtype: DType) -> Tensor {
    picture::batch(7, (2, edge_px), net.normalisation, dtype, &Device::Cpu).expect("on the CPU")
}

fn channels_first(outputs: &[(&'static str, Tensor)]) -> Outputs {
    let turned = |tensor: &Tensor| tensor.permute((0, 3, 1, 2))?.contiguous();
    outputs
        .iter()
        .map(|(name, tensor)| (*name, turned(tensor).expect("on the CPU")))
        .collect()
}

fn fast(net: &ConvNet, model: &str, weights: &VarBuilder<'_>, pictures: &Tensor) -> Outputs {
    let network = (net.describe)(model, pictures.dims()[1]);
    let fast = Fast::new(&network, weights, Math::Default, pictures.clone()).expect("fits");
    // Twice: nothing of the first pass may be left.
    fast.pass().expect("runs");
    fast.pass().expect("runs");
    channels_first(fast.tensors())
}

fn plain(net: &ConvNet, model: &str, weights: &VarBuilder<'_>, pictures: &Tensor) -> Outputs {
    let network = (net.describe)(model, pictures.dims()[1]);
    let plain = Plain::new(&network, weights, DType::F32).expect("fits");
    let pictures = pictures.permute((0, 3, 1, 2)).expect("pictures");
    plain
        .forward(&pictures.contiguous().expect("on the CPU"))
        .expect("runs")
}

#[track_caller]
fn assert_near(found: &Outputs, expected: &Outputs, bound: f64) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        let difference = Fixture::difference(&rows(found), &rows(expected));
        assert!(difference < bound, "{name}: {difference}");
    }
}

/// A name means the same shape here and where plans are costed.
pub(crate) fn costs(net: &ConvNet) {
    for model in net.models {
        for (batch, steps) in [(1, 1), (3, 2)] {
            let step = net.resolutions.step_px.max(32);
            let resolution_px = usize::try_from(steps * step).expect("small");
            let pictures = Pictures {
                batch,
                resolution_px,
            };
            let job = Job::plain(model, Precision::Bf16, Task::See(pictures));
            let phases = workload::phases(&job.point()).expect("in the vocabulary");
            let network = (net.describe)(model, resolution_px);
            let counted = 2.0 * batch as f64 * network.multiply_adds() as f64;
            assert_eq!(phases[0].matrix_operations, counted, "{model}");
            assert_eq!(phases[0].parameters, network.parameters(), "{model}");
            assert_eq!(phases[0].units, batch as u64, "{model}");
            assert_eq!(
                phases[0].weight_bytes,
                2.0 * network.folded() as f64,
                "{model}"
            );
        }
    }
}

/// Fused and plain operations give the same, also in half precision; the worker runs both.
pub(crate) fn compositions(net: &ConvNet, model: &str, edge_px: usize) {
    let weights = weights(net, model);
    let pictures_f32 = pictures(net, edge_px, DType::F32);
    let expected = plain(net, model, &weights, &pictures_f32);
    assert_near(&fast(net, model, &weights, &pictures_f32), &expected, 1e-4);
    let half = fast(net, model, &weights, &pictures(net, edge_px, DType::F16));
    assert_near(&half, &expected, 2e-2);
    let variants = [
        (Implementation::Fast, Precision::F32),
        (Implementation::Fast, Precision::F16),
        (Implementation::Reference, Precision::F32),
        (Implementation::Reference, Precision::F16),
    ];
    for (implementation, precision) in variants {
        let task = Pictures {
            batch: 1,
            resolution_px: edge_px,
        };
        let mut job = Job::plain(model, precision, Task::See(task));
        job.variant.implementation = implementation;
        let mut work = Registry::own()
            .load(&job, &Places::default(), &Device::Cpu)
            .expect("loads");
        work.iterate(&mut Unobserved).expect("runs");
        let outcome = work.outcome().expect("plausible");
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
    }
}

/// PyTorch gives the same of the same weights and pictures.
pub(crate) fn with_pytorch(net: &ConvNet, model: &str) {
    let fixture = Fixture::open(model);
    let pictures = fixture.tensor("input.pictures");
    let pictures = pictures.permute((0, 2, 3, 1)).expect("pictures");
    let pictures = pictures.contiguous().expect("on the CPU");
    let network = (net.describe)(model, pictures.dims()[1]);
    let weights = Folder::new(fixture.path())
        .weights(&network.tensors(), net.spelling, DType::F32, &Device::Cpu)
        .expect("every tensor");
    let expected: Outputs = network
        .outputs
        .iter()
        .map(|(name, _)| (*name, fixture.tensor(&format!("expected.{name}"))))
        .collect();
    assert_near(&fast(net, model, &weights, &pictures), &expected, 1e-4);
    assert_near(&plain(net, model, &weights, &pictures), &expected, 1e-4);
}

/// The module of candle-transformers gives the same of the same weights.
pub(crate) fn with_stock(net: &ConvNet, model: &str, edge_px: usize) {
    let weights = weights(net, model);
    let pictures = pictures(net, edge_px, DType::F32);
    let module = (net.stock)(model, weights.clone())
        .expect("there is one")
        .expect("has every tensor");
    let turned = pictures.permute((0, 3, 1, 2)).expect("pictures");
    let expected = module
        .forward(&turned.contiguous().expect("on the CPU"))
        .expect("runs");
    let found = fast(net, model, &weights, &pictures);
    let difference = Fixture::difference(&rows(&found[0].1), &rows(&expected));
    assert!(difference < 1e-4, "{difference}");
}

/// What the fast composition puts out, to four digits.
pub(crate) fn outputs(net: &ConvNet, model: &str, edge_px: usize) -> Value {
    let weights = weights(net, model);
    let outputs = fast(net, model, &weights, &pictures(net, edge_px, DType::F32));
    outputs
        .iter()
        .map(|(name, tensor)| ((*name).to_owned(), rounded(tensor, 24)))
        .collect()
}
