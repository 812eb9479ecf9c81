//! Tests: the composition that is trained passes gradients on.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};

use super::{DenoiserConfig, DenoiserWeights, Plain};

/// The trap of fused norms and softmax: they cut gradients silently.
#[test]
fn gradients_reach_every_variable_of_the_plain_network() {
    let config = DenoiserConfig::TINY;
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let plain = Plain::new(
        config,
        DenoiserWeights::load(&config, &builder).expect("made"),
    );
    let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).expect("made");
    let (x, captions) = (random(&[1, 4, 4, 4]), random(&[1, 3, 64]));
    let gradients = plain
        .forward(&x, &[10.0], &captions, None)
        .and_then(|noise| noise.sqr()?.sum_all()?.backward())
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
