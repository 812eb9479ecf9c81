//! The LLaMA decoder against Hugging Face transformers on PyTorch: see `fixtures/README.md`.

use std::path::PathBuf;

use candle_core::{DType, Device, Tensor, safetensors};
use candle_nn::VarBuilder;
use ops::linear::Math;
use workloads::checkpoint::{Folder, Spelling};
use workloads::fused::Fused;
use workloads::llama::config::Config;
use workloads::llama::generate::{Extent, Generator};
use workloads::llama::network::Network;

/// Largest difference of logits as a share of the largest logit, in f32.
const BOUND: f32 = 1e-4;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn check(name: &str) {
    let path = fixture(name);
    let cpu = Device::Cpu;
    let expected = safetensors::load(path.join("expected.safetensors"), &cpu).expect("a fixture");
    let prompt = &expected["input.ids"];
    let (batch, prompt_tokens) = prompt.dims2().expect("a matrix");
    let tokens: Vec<Vec<u32>> = expected["expected.tokens"]
        .to_dtype(DType::U32)
        .and_then(|tokens| tokens.to_vec2())
        .expect("a matrix");
    let extent = Extent {
        batch,
        prompt_tokens,
        decode_tokens: tokens[0].len() - 1,
    };
    let folder = Folder::new(&path);
    let config = folder
        .config(Config::from_hugging_face)
        .expect("a configuration in the words of Hugging Face");
    let network = folder
        .weights(&config.tensors(), Spelling::EXACT, DType::F32, &cpu)
        .map(|weights| Network::dense(&config, Math::Default, &weights))
        .expect("a folder in the layout of Hugging Face")
        .expect("complete");
    let prompt: Vec<u32> = prompt
        .to_dtype(DType::U32)
        .and_then(|prompt| prompt.flatten_all()?.to_vec1())
        .expect("ids");
    let generator = Generator::new(network, extent, prompt, Fused::default()).expect("fits");

    generator.prefill().expect("runs");
    let found = generator.last_logits().expect("on the CPU");
    let logits: Vec<Vec<f32>> = expected["expected.step_logits"]
        .narrow(1, 0, 1)
        .and_then(|first| first.squeeze(1)?.to_vec2())
        .expect("logits of the first step");
    let scale = logits.iter().flatten().fold(0f32, |m, v| m.max(v.abs()));
    for (found, expected) in found.iter().flatten().zip(logits.iter().flatten()) {
        assert!(
            (found - expected).abs() <= BOUND * scale,
            "{name}: {found}, PyTorch has {expected}, largest {scale}"
        );
    }
    generator.decode().expect("runs");
    assert_eq!(generator.tokens().expect("on the CPU"), tokens, "{name}");
}

#[test]
fn grouped_queries() {
    check("llama-2");
}

#[test]
fn another_rotary_base_and_wide_heads() {
    check("llama-3");
}

#[test]
fn stretched_positions_and_a_tied_output_layer() {
    check("llama-3.1");
}

/// A decoder that ignores a weight would pass with weights that do not matter.
#[test]
fn the_comparison_notices_a_changed_weight() {
    let path = fixture("llama-2");
    let cpu = Device::Cpu;
    let mut tensors = safetensors::load(path.join("model.safetensors"), &cpu).expect("a fixture");
    let name = "model.layers.1.mlp.down_proj.weight";
    let changed = (&tensors[name].to_dtype(DType::F32).expect("floats") * 1.01).expect("scales");
    tensors.insert(name.to_owned(), changed);
    let config = Folder::new(&path)
        .config(Config::from_hugging_face)
        .expect("a configuration");
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &cpu);
    let network = Network::dense(&config, Math::Default, &weights).expect("complete");
    let expected = safetensors::load(path.join("expected.safetensors"), &cpu).expect("a fixture");
    let prompt: Vec<u32> = expected["input.ids"]
        .to_dtype(DType::U32)
        .and_then(|prompt| prompt.flatten_all()?.to_vec1())
        .expect("ids");
    let (batch, prompt_tokens) = expected["input.ids"].dims2().expect("a matrix");
    let extent = Extent {
        batch,
        prompt_tokens,
        decode_tokens: 1,
    };
    let generator = Generator::new(network, extent, prompt, Fused::default()).expect("fits");
    generator.prefill().expect("runs");
    let found = Tensor::new(generator.last_logits().expect("on the CPU"), &cpu).expect("a matrix");
    let logits = expected["expected.step_logits"]
        .narrow(1, 0, 1)
        .and_then(|first| first.squeeze(1))
        .expect("logits");
    let difference = (found - &logits)
        .and_then(|d| d.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>())
        .expect("a number");
    let scale = logits
        .abs()
        .and_then(|l| l.flatten_all()?.max(0)?.to_scalar::<f32>())
        .expect("a number");
    assert!(difference > BOUND * scale, "{difference} of {scale}");
}
