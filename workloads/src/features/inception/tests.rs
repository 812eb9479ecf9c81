use candle_core::Device;
use scoring::network::Score;
use scoring::picture::Size;
use tempfile::TempDir;

use super::*;
use crate::features::formula::{self, difference, expected};

/// The bar of every network: features within 1e-4 of the largest.
const BAR: f32 = 1e-4;

#[test]
fn features_are_those_of_torch_fidelity_and_pytorch_fid() {
    let weights = formula::weights(&Inception::tensors());
    let network = Inception::load(&weights, "formula".to_owned()).expect("loads");
    let pictures = [formula::picture("noise", Size::new(64, 80))];
    let prepared = input::prepare(&pictures[0], FidInput::TorchFidelity).expect("prepares");
    let prepared = batch(&[prepared]).expect("one picture");
    for tap in [Tap::Pool1, Tap::Pool2, Tap::Mixed6e] {
        let features = network.forward(&prepared, tap).expect("runs");
        let features = features.to_vec2::<f32>().expect("rows").concat();
        let name = format!("inception.torch_fidelity.{}", tap.width());
        let apart = difference(&features, &expected(&name));
        assert!(apart < BAR, "{name}: {apart}");
    }
    for (input, program) in [
        (FidInput::TorchFidelity, "torch_fidelity"),
        (FidInput::PytorchFid, "pytorch_fid"),
    ] {
        let rows = network
            .features(&pictures, input, Tap::Pool3)
            .expect("runs");
        #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
        let found: Vec<f32> = rows.values().iter().map(|value| *value as f32).collect();
        let apart = difference(&found, &expected(&format!("inception.{program}.2048")));
        assert!(apart < BAR, "{program}: {apart}");
    }
    // Weights of a formula are no published ones.
    assert!(network.network(FidInput::Clean, Tap::Pool3).is_err());
}

#[test]
fn pictures_reach_the_network_as_in_each_program() {
    let picture = formula::picture("noise", Size::new(64, 80));
    for (input, program) in [
        (FidInput::TorchFidelity, "torch_fidelity"),
        (FidInput::Torchmetrics, "torchmetrics"),
        (FidInput::Clean, "clean"),
    ] {
        let prepared = input::prepare(&picture, input).expect("prepares").planes();
        let found: Vec<f32> = prepared.iter().step_by(997).copied().collect();
        let apart = difference(&found, &expected(&format!("input.{program}")));
        assert!(apart < 1e-5, "{program}: {apart}");
    }
}

#[test]
fn averages_at_the_edge_do_not_count_what_lies_outside() {
    let values: Vec<f32> = (1u8..=9).map(f32::from).collect();
    let layout = Layout::all();
    assert_eq!(layout.len(), 11);
    let x = Tensor::from_vec(values, (1, 1, 3, 3), &Device::Cpu).expect("made");
    let found = blocks_average(&x);
    // The corner: (1 + 2 + 4 + 5) / 4; the middle: 5.
    assert!((found[0] - 3.0).abs() < 1e-6 && (found[4] - 5.0).abs() < 1e-6);
}

fn blocks_average(x: &Tensor) -> Vec<f32> {
    let pooled = blocks::average(x).expect("pools");
    pooled
        .flatten_all()
        .and_then(|t| t.to_vec1())
        .expect("numbers")
}

#[test]
fn a_folder_gives_a_canonical_network_with_the_hash_of_its_files() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("model.safetensors");
    let mut tensors = formula::tensors(&Inception::tensors());
    candle_core::safetensors::save(&tensors, &file).expect("writes");
    let network = Inception::open(folder.path()).expect("opens");
    let canonical = network.network(FidInput::Clean, Tap::Pool3).expect("files");
    assert_eq!(canonical.title(Score::FrechetDistance), "FID (clean)");
    assert!(canonical.weights().starts_with("sha256:"));
    let tap = network
        .network(FidInput::Clean, Tap::Mixed6e)
        .expect("named");
    let title = tap.title(Score::FrechetDistance);
    assert_eq!(title, "fd(fid-inception/clean at width 768)");
    let grey = Picture::new(Size::square(4), 1, vec![0u8; 16]).expect("fits");
    let refusal = network.features(&[grey], FidInput::Clean, Tap::Pool1);
    let refusal = refusal.expect_err("refused").to_string();
    assert!(refusal.starts_with("picture 0 has 1 channels"), "{refusal}");

    tensors.remove("Mixed_7c.branch_pool.bn.running_var");
    candle_core::safetensors::save(&tensors, &file).expect("writes");
    let refusal = Inception::open(folder.path())
        .expect_err("refused")
        .to_string();
    assert!(
        refusal.contains("no file has the tensor 'Mixed_7c.branch_pool.bn.running_var'"),
        "{refusal}"
    );
}

/// As PyTorch counts the convolutions of torchvision's network, which has the same shapes.
#[test]
fn the_number_of_tensors_is_that_of_the_published_file() {
    let tensors = Inception::tensors();
    assert_eq!(tensors.len(), 94 * 5);
    let weights: usize = tensors
        .iter()
        .filter(|(name, _)| name.ends_with("conv.weight"))
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(weights, 21_751_136);
}
