//! Tests: networks against what diffusers and transformers compute
//! (`tests/fixtures/make_diffusion_networks.py`).

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use super::autoencoder::{Decoder, DecoderConfig, DecoderWeights};
use super::denoiser::network::Size;
use super::denoiser::{Added, Denoiser, DenoiserConfig, DenoiserWeights, Plain};
use super::text::config::Activation;
use super::text::{Memory, Output, TextConfig, TextEncoder, TextWeights};
use crate::fused::Fused;
use crate::parity::Fixture;

/// SDXL's kind of denoiser, as small as the tiny one.
const XL: DenoiserConfig = DenoiserConfig {
    depth: &[0, 2],
    bottom_depth: 2,
    linear_projection: true,
    added: Some(Added { pooled_width: 64 }),
    ..DenoiserConfig::TINY
};

/// max|found − expected| / max|expected| that is allowed in f32.
const BOUND: f64 = 1e-4;

/// Numbers between −1 and 1 that follow from a name, as in the script: FNV-1a, then `SplitMix64`.
fn uniform(name: &str, count: usize) -> Vec<f64> {
    let fold = |state: u64, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let start = name.bytes().fold(0xCBF2_9CE4_8422_2325, fold);
    let number = |index: u64| {
        let z = start.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (1..=count as u64).map(number).collect()
}

/// In single precision.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded as the script rounds"
)]
fn single(value: f64) -> f32 {
    value as f32
}

/// Weights that follow from their names.
struct Named;

impl SimpleBackend for Named {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        let (spread, mean) = match s.dims() {
            [_] if name.ends_with("weight") => (0.1, 1.0),
            [_] => (0.1, 0.0),
            dims => {
                let fan_in: usize = dims[1..].iter().product();
                ((3.0 / fan_in as f64).sqrt(), 0.0)
            }
        };
        let values: Vec<f32> = uniform(name, s.elem_count())
            .into_iter()
            .map(|value| single(mean + spread * value))
            .collect();
        Tensor::from_vec(values, s, dev)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("{name} without a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn weights(dtype: DType) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Named), dtype, Device::Cpu)
}

/// An input of the script.
fn given(fixture: &Fixture, name: &str, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let values: Vec<f32> = uniform(name, shape.elem_count())
        .into_iter()
        .map(single)
        .collect();
    let first: Vec<f32> = fixture.tensor(name).to_vec1().expect("a vector");
    assert_eq!(values[..8], first);
    Tensor::from_vec(values, shape, &Device::Cpu).expect("made")
}

fn flat(tensor: &Tensor) -> Vec<Vec<f32>> {
    let flat = tensor.to_dtype(DType::F32).and_then(|t| t.flatten_all());
    vec![flat.and_then(|t| t.to_vec1()).expect("on the CPU")]
}

fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    Fixture::difference(&flat(found), &flat(expected))
}

fn channels_last(picture: &Tensor) -> Tensor {
    let permuted = picture.permute((0, 2, 3, 1));
    permuted.and_then(|p| p.contiguous()).expect("a picture")
}

fn channels_first(picture: &Tensor) -> Tensor {
    let permuted = picture.permute((0, 3, 1, 2));
    permuted.and_then(|p| p.contiguous()).expect("a picture")
}

/// Inputs and output of a denoiser.
struct Case {
    config: DenoiserConfig,
    time: f64,
    latents: Tensor,
    captions: Tensor,
    pooled: Option<Tensor>,
    expected: Tensor,
}

impl Case {
    fn all() -> [Self; 2] {
        let fixture = Fixture::open("diffusion");
        let latents = given(&fixture, "latents", (2, 4, 8, 8));
        let captions = given(&fixture, "captions", (2, 77, 64));
        let one = Self {
            config: DenoiserConfig::TINY,
            time: 501.0,
            latents,
            captions,
            pooled: None,
            expected: fixture.tensor("denoiser"),
        };
        let xl = Self {
            config: XL,
            time: 249.75,
            latents: one.latents.clone(),
            captions: one.captions.clone(),
            pooled: Some(given(&fixture, "pooled", (2, 64))),
            expected: fixture.tensor("denoiser_xl"),
        };
        [one, xl]
    }

    fn fast(&self, dtype: DType) -> Result<Tensor> {
        let tensors = DenoiserWeights::load(&self.config, &weights(dtype))?;
        let denoiser = Denoiser::new(&self.config, tensors, Fused::default())?;
        let size = Size {
            batch: 2,
            edge: 8,
            tokens: 77,
            edge_px: 64,
        };
        // A step among others.
        let memory = denoiser.memory(size, &[900.0, self.time])?;
        let captions = self.captions.reshape((2 * 77, 64))?.to_dtype(dtype)?;
        let pooled = self.pooled.as_ref().map(|p| p.to_dtype(dtype));
        denoiser.prepare(&captions, pooled.transpose()?.as_ref(), &memory)?;
        let input = channels_last(&self.latents).to_dtype(dtype)?;
        memory.input.slice_set(&input, 0, 0)?;
        denoiser.forward(&Tensor::new(&[1u32], &Device::Cpu)?, &memory)?;
        Ok(channels_first(&memory.output))
    }

    fn plain(&self) -> Result<Tensor> {
        let tensors = DenoiserWeights::load(&self.config, &weights(DType::F32))?;
        let added = match &self.pooled {
            None => None,
            Some(pooled) => {
                let sizes = Added::sizes(64).repeat(2);
                let sizes = Tensor::from_vec(sizes, (2, Added::SIZES_WIDTH), &Device::Cpu)?;
                Some(Tensor::cat(&[pooled, &sizes], 1)?)
            }
        };
        let plain = Plain::new(self.config, tensors);
        plain.forward(
            &self.latents,
            &[self.time; 2],
            &self.captions,
            added.as_ref(),
        )
    }
}

#[test]
fn denoisers_agree() {
    for case in Case::all() {
        let fast = difference(&case.fast(DType::F32).expect("runs"), &case.expected);
        assert!(fast < BOUND, "fast, {:?}: {fast}", case.config);
        let plain = difference(&case.plain().expect("runs"), &case.expected);
        assert!(plain < BOUND, "plain, {:?}: {plain}", case.config);
    }
}

#[test]
fn a_denoiser_in_half_precision_stays_near() {
    for (dtype, bound) in [(DType::F16, 1e-2), (DType::BF16, 6e-2)] {
        for case in Case::all() {
            let found = difference(&case.fast(dtype).expect("runs"), &case.expected);
            assert!(found < bound, "{dtype:?}: {found}");
        }
    }
}

#[test]
fn a_denoiser_without_captions_as_a_whole_is_refused() {
    let [_, mut xl] = Case::all();
    xl.pooled = None;
    let message = xl.fast(DType::F32).expect_err("refused").to_string();
    assert!(
        message.contains("looks at captions as a whole"),
        "{message}"
    );
    xl.latents = xl.latents.narrow(3, 0, 7).expect("narrower");
    assert!(xl.plain().is_err());
}

#[test]
fn decoders_agree() {
    let fixture = Fixture::open("diffusion");
    let latents = given(&fixture, "latents", (2, 4, 8, 8));
    let config = DecoderConfig::TINY;
    let picture = || -> Result<Tensor> {
        let tensors = DecoderWeights::load(&config, &weights(DType::F32))?;
        let decoder = Decoder::new(&config, tensors, Fused::default())?;
        let memory = decoder.memory(1, 4, DType::F32, &Device::Cpu)?;
        let corner = latents.narrow(0, 0, 1)?.narrow(2, 0, 4)?.narrow(3, 0, 4)?;
        memory.latents.slice_set(&channels_last(&corner), 0, 0)?;
        decoder.forward(&memory)?;
        Ok(channels_first(&memory.picture))
    };
    let found = difference(&picture().expect("runs"), &fixture.tensor("picture"));
    assert!(found < BOUND, "{found}");
}

fn encode(config: &TextConfig, fixture: &Fixture) -> Result<Memory> {
    let ids = fixture.tensor("ids").to_dtype(DType::U32)?.to_vec2()?;
    let tensors = TextWeights::load(config, &weights(DType::F32))?;
    let encoder = TextEncoder::new(config, tensors, Fused::default())?;
    let memory = Memory::new(config, &ids, DType::F32, &Device::Cpu)?;
    encoder.forward(&memory)?;
    Ok(memory)
}

/// Every eleventh row: the fixture has no more.
fn some_rows(memory: &Memory) -> Tensor {
    let rows: Vec<u32> = (0..77).step_by(11).collect();
    let rows = Tensor::new(rows, &Device::Cpu).expect("made");
    let encoded = memory.encoded().reshape((2, 77, 64));
    encoded
        .and_then(|encoded| encoded.index_select(&rows, 1))
        .expect("rows")
}

#[test]
fn text_encoders_agree() {
    let fixture = Fixture::open("diffusion");
    let memory = encode(&TextConfig::TINY, &fixture).expect("runs");
    let found = difference(&some_rows(&memory), &fixture.tensor("text"));
    assert!(found < BOUND, "{found}");
    assert!(memory.pooled().is_none());
    let xl = TextConfig {
        activation: Activation::Gelu,
        output: Output::BeforeLast,
        pooled: true,
        ..TextConfig::TINY
    };
    let memory = encode(&xl, &fixture).expect("runs");
    let rows = difference(&some_rows(&memory), &fixture.tensor("text_xl"));
    assert!(rows < BOUND, "{rows}");
    let pooled = memory.pooled().expect("of the caption as a whole");
    let pooled = difference(pooled, &fixture.tensor("text_xl_pooled"));
    assert!(pooled < BOUND, "{pooled}");
}

#[test]
fn captions_without_an_end_are_refused() {
    let config = TextConfig::TINY;
    for caption in [vec![1; 77], vec![511; 76], vec![512; 77]] {
        let refused = Memory::new(&config, &[caption], DType::F32, &Device::Cpu);
        let message = refused.err().expect("refused").to_string();
        assert!(message.contains("caption 0 has"), "{message}");
    }
}
