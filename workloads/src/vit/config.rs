//! Shape of a vision transformer, and the sizes that are released or ours.

use model::resolution::Resolutions;

use crate::tower::{Activation, Names, Shape};

/// What Hugging Face calls the tensors of a block.
pub const NAMES: Names = Names {
    layers: "vit.encoder.layer",
    first_norm: "layernorm_before",
    query_key_value: [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
    ],
    output: "attention.output.dense",
    second_norm: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
};

/// Shape of a vision transformer (Dosovitskiy et al. 2021) with a head for classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The blocks.
    pub tower: Shape,
    /// Edge of a patch.
    pub patch_px: usize,
    /// Edge of the pictures that positions were learned for.
    pub native_px: usize,
    /// Classes.
    pub classes: usize,
}

impl Config {
    /// Names of the sizes that this worker runs, the smallest first.
    pub const MODELS: [&'static str; 4] = ["vit-micro", "vit-base", "vit-large", "vit-huge"];

    /// The model of this name.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            // For tests; the released tiny one is larger.
            "vit-micro" => Self {
                native_px: 32,
                classes: 10,
                ..Self::released(8, 2, 64, 4)
            },
            // Table 1.
            "vit-base" => Self::released(16, 12, 768, 12),
            "vit-large" => Self::released(16, 24, 1024, 16),
            "vit-huge" => Self::released(14, 32, 1280, 16),
            _ => return None,
        })
    }

    const fn released(patch_px: usize, layers: usize, width: usize, heads: usize) -> Self {
        Self {
            tower: Shape {
                width,
                inner: 4 * width,
                layers,
                heads,
                epsilon: 1e-12,
                activation: Activation::Gelu,
                causal: false,
            },
            patch_px,
            native_px: 224,
            classes: 1_000,
        }
    }

    /// Edges that it takes; positions are interpolated for all but the native one.
    pub const fn resolutions(&self) -> Resolutions {
        Resolutions::multiples(self.native_px as u64, self.patch_px as u64)
    }

    /// Positions of a picture of an edge: its patches, and the class token.
    pub const fn positions(&self, edge_px: usize) -> usize {
        let edge = edge_px / self.patch_px;
        edge * edge + 1
    }

    /// Every tensor of a checkpoint by its Hugging Face name.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, patch) = (self.tower.width, self.patch_px);
        let named = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        let embeddings = [
            named("vit.embeddings.cls_token", &[1, 1, width]),
            named(
                "vit.embeddings.position_embeddings",
                &[1, self.positions(self.native_px), width],
            ),
            named(
                "vit.embeddings.patch_embeddings.projection.weight",
                &[width, 3, patch, patch],
            ),
            named("vit.embeddings.patch_embeddings.projection.bias", &[width]),
        ];
        let last = [
            named("vit.layernorm.weight", &[width]),
            named("vit.layernorm.bias", &[width]),
            named("classifier.weight", &[self.classes, width]),
            named("classifier.bias", &[self.classes]),
        ];
        let blocks = self.tower.tensors(&NAMES);
        embeddings.into_iter().chain(blocks).chain(last).collect()
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }

    /// Multiply-adds of one picture of an edge.
    pub fn multiply_adds(&self, edge_px: usize) -> u64 {
        let width = self.tower.width as u64;
        let positions = self.positions(edge_px) as u64;
        let patch = 3 * (self.patch_px * self.patch_px) as u64;
        (positions - 1) * patch * width
            + self.tower.multiply_adds(positions)
            + width * self.classes as u64
    }
}
