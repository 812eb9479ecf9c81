//! Tests: weights that are a formula of names and places, and what the canonical programs computed
//! with them (`workloads/tests/fixtures/make_features.py`).

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use scoring::picture::{Picture, Size};

/// `SplitMix64` of the numbers from `seed + 1` on.
fn bits(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |index| {
        let mut z = (seed + index).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// FNV-1a of 64 bits over the name; the lower 40 bits.
fn seed_of(name: &str) -> u64 {
    let digest = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
    digest & ((1 << 40) - 1)
}

fn draw(name: &str, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let fan_in = (count / shape[0]) as f64;
    let scale = (6.0 / fan_in).sqrt();
    let value = |u: f64| {
        if name.ends_with("running_var") {
            0.5 + u
        } else if name.ends_with("bn.weight") {
            0.8 + 0.4 * u
        } else if name.starts_with("lin") {
            u
        } else if name.ends_with("running_mean") || name.ends_with("bias") {
            0.4 * u - 0.2
        } else {
            (2.0 * u - 1.0) * scale
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    let values: Vec<f32> = bits(seed_of(name))
        .take(count)
        .map(|bits| value((bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)) as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("made")
}

/// The tensors of a network.
pub(super) fn weights(wanted: &[(String, Vec<usize>)]) -> VarBuilder<'static> {
    VarBuilder::from_tensors(tensors(wanted), DType::F32, &Device::Cpu)
}

/// The same, to be written to a file.
pub(super) fn tensors(wanted: &[(String, Vec<usize>)]) -> HashMap<String, Tensor> {
    wanted
        .iter()
        .map(|(name, shape)| (name.clone(), draw(name, shape)))
        .collect()
}

/// The pictures `ramp` and `noise` of the fixtures.
pub(super) fn picture(kind: &str, size: Size) -> Picture<u8> {
    let count = size.pixels() * 3;
    let values = if kind == "ramp" {
        (0..count)
            .map(|index| {
                let (pixel, channel) = (index / 3, index % 3);
                let (y, x) = (pixel / size.width, pixel % size.width);
                u8::try_from((7 * x + 3 * y + 40 * channel) % 256).expect("a byte")
            })
            .collect()
    } else {
        let seed = (size.height * 1000 + size.width) as u64;
        bits(seed)
            .map(|bits| bits.to_be_bytes()[0])
            .take(count)
            .collect()
    };
    Picture::new(size, 3, values).expect("fits")
}

/// What is expected under this name.
pub(super) fn expected(name: &str) -> Vec<f32> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features/expected.safetensors");
    let all = candle_core::safetensors::load(&file, &Device::Cpu).expect("the fixture");
    let tensor = all.get(name).unwrap_or_else(|| panic!("no {name}"));
    tensor.to_vec1().expect("a row of numbers")
}

/// max|found − expected| / max|expected|.
pub(super) fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let largest = expected
        .iter()
        .fold(0f32, |most, value| most.max(value.abs()));
    apart.fold(0f32, f32::max) / largest
}
