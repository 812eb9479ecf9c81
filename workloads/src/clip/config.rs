//! Shape of both towers, and the sizes that are released or ours.

use model::resolution::Resolutions;

use crate::tower::{Activation, Names, Shape};

/// What Hugging Face calls the tensors of a block.
const fn names(layers: &'static str) -> Names {
    Names {
        layers,
        first_norm: "layer_norm1",
        query_key_value: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        output: "self_attn.out_proj",
        second_norm: "layer_norm2",
        up: "mlp.fc1",
        down: "mlp.fc2",
    }
}

/// Of the tower for pictures.
pub const VISION_NAMES: Names = names("vision_model.encoder.layers");
/// Of the tower for captions.
pub const TEXT_NAMES: Names = names("text_model.encoder.layers");

/// Shape of CLIP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Blocks for pictures.
    pub vision: Shape,
    /// Edge of a patch.
    pub patch_px: usize,
    /// Edge of a picture.
    pub edge_px: usize,
    /// Blocks for captions.
    pub text: Shape,
    /// Tokens that it knows; the last one ends a caption.
    pub vocabulary: usize,
    /// Positions of a caption.
    pub tokens: usize,
    /// Width of the embeddings of both.
    pub projection: usize,
}

impl Config {
    /// Names of the sizes that this worker runs, the smallest first.
    pub const MODELS: [&'static str; 3] = ["clip-micro", "clip-vit-b-32", "clip-vit-l-14"];

    /// The model of this name.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            // For tests.
            "clip-micro" => Self {
                edge_px: 32,
                vocabulary: 128,
                tokens: 16,
                ..Self::released(8, shape(2, 64, 4, false), shape(2, 32, 2, true), 24)
            },
            // Table 20 (captions) and section 2.4 (pictures).
            "clip-vit-b-32" => {
                Self::released(32, shape(12, 768, 12, false), shape(12, 512, 8, true), 512)
            }
            "clip-vit-l-14" => Self::released(
                14,
                shape(24, 1024, 16, false),
                shape(12, 768, 12, true),
                768,
            ),
            _ => return None,
        })
    }

    const fn released(patch_px: usize, vision: Shape, text: Shape, projection: usize) -> Self {
        Self {
            vision,
            patch_px,
            edge_px: 224,
            text,
            vocabulary: 49_408,
            tokens: 77,
            projection,
        }
    }

    /// The edge that positions were learned for, and no other.
    pub const fn resolutions(&self) -> Resolutions {
        Resolutions::only(self.edge_px as u64)
    }

    /// Positions of a picture: its patches, and the class token.
    pub const fn positions(&self) -> usize {
        let edge = self.edge_px / self.patch_px;
        edge * edge + 1
    }

    /// Every tensor of a checkpoint by its Hugging Face name.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (vision, text, patch) = (self.vision.width, self.text.width, self.patch_px);
        let mut tensors: Vec<(String, Vec<usize>)> = [
            (
                "text_model.embeddings.token_embedding.weight",
                vec![self.vocabulary, text],
            ),
            (
                "text_model.embeddings.position_embedding.weight",
                vec![self.tokens, text],
            ),
            ("vision_model.embeddings.class_embedding", vec![vision]),
            (
                "vision_model.embeddings.patch_embedding.weight",
                vec![vision, 3, patch, patch],
            ),
            (
                "vision_model.embeddings.position_embedding.weight",
                vec![self.positions(), vision],
            ),
            ("visual_projection.weight", vec![self.projection, vision]),
            ("text_projection.weight", vec![self.projection, text]),
            ("logit_scale", vec![]),
        ]
        .map(|(name, shape)| (name.to_owned(), shape))
        .into();
        for (norm, width) in [
            ("text_model.final_layer_norm", text),
            // So it is spelled.
            ("vision_model.pre_layrnorm", vision),
            ("vision_model.post_layernorm", vision),
        ] {
            tensors.push((format!("{norm}.weight"), vec![width]));
            tensors.push((format!("{norm}.bias"), vec![width]));
        }
        tensors.extend(self.vision.tensors(&VISION_NAMES));
        tensors.extend(self.text.tensors(&TEXT_NAMES));
        tensors
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }

    /// Multiply-adds of one pair.
    pub fn multiply_adds(&self) -> u64 {
        let patches = self.positions() as u64 - 1;
        let patch = 3 * (self.patch_px * self.patch_px) as u64;
        patches * patch * self.vision.width as u64
            + self.vision.multiply_adds(self.positions() as u64)
            + self.text.multiply_adds(self.tokens as u64)
            + ((self.vision.width + self.text.width) * self.projection) as u64
    }
}

const fn shape(layers: usize, width: usize, heads: usize, causal: bool) -> Shape {
    Shape {
        width,
        inner: 4 * width,
        layers,
        heads,
        epsilon: 1e-5,
        activation: Activation::QuickGelu,
        causal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the released checkpoints.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        for (model, published) in [
            ("clip-vit-b-32", 151_277_313),
            ("clip-vit-l-14", 427_616_513),
        ] {
            let config = Config::named(model).expect("a name of this worker");
            assert_eq!(config.parameters(), published, "{model}");
        }
    }
}
