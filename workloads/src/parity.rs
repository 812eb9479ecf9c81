//! Tests: what PyTorch computed of small models (`workloads/tests/fixtures`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

/// One folder of fixtures: a model, inputs, and the outputs of PyTorch.
pub(crate) struct Fixture {
    path: PathBuf,
    expected: HashMap<String, Tensor>,
    facts: serde_json::Value,
}

impl Fixture {
    /// The fixture of this name.
    pub(crate) fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let file = path.join("expected.safetensors");
        let expected = candle_core::safetensors::load(&file, &Device::Cpu)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let facts = std::fs::read(path.join("facts.json")).expect("has facts");
        Self {
            expected,
            facts: serde_json::from_slice(&facts).expect("facts are JSON"),
            path,
        }
    }

    /// The folder: a model as Hugging Face lays it out.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An input or output.
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        self.expected
            .get(name)
            .unwrap_or_else(|| panic!("{}: no {name}", self.path.display()))
            .clone()
    }

    /// Ids of each sequence.
    pub(crate) fn ids(&self, name: &str) -> Vec<Vec<u32>> {
        self.tensor(name).to_vec2().expect("a matrix of ids")
    }

    /// One number for each sequence.
    pub(crate) fn row(&self, name: &str) -> Vec<u32> {
        self.tensor(name).to_vec1().expect("a row of ids")
    }

    /// A number of the facts: how far PyTorch itself is from f32.
    pub(crate) fn deviation(&self, path: &[&str]) -> f64 {
        path.iter()
            .fold(&self.facts, |value, key| &value[*key])
            .as_f64()
            .unwrap_or_else(|| panic!("{}: no {path:?}", self.path.display()))
    }

    /// max|found − expected| / max|expected|, the measure of the fixtures' bounds.
    pub(crate) fn difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
        let (found, expected) = (found.concat(), expected.concat());
        assert_eq!(found.len(), expected.len());
        let largest = |values: &mut dyn Iterator<Item = f32>| {
            // A value that is no number must not hide in a maximum.
            values.fold(0f64, |max, v| {
                if v.is_nan() {
                    f64::NAN
                } else {
                    max.max(f64::from(v.abs()))
                }
            })
        };
        let apart = largest(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
        assert!(found.iter().all(|value| value.is_finite()));
        apart / largest(&mut expected.iter().copied())
    }
}
