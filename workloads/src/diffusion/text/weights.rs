//! The tensors of a text encoder, by the names of Hugging Face's checkpoints.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::config::{TOKENS, TextConfig};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::layer::matrix;

/// All tensors.
#[derive(Clone, Debug)]
pub struct TextWeights {
    /// Token embedding, `[vocabulary, width]`.
    pub tokens: Tensor,
    /// Position embedding, `[77, width]`.
    pub positions: Tensor,
    /// Blocks, first to last.
    pub blocks: Vec<TextBlockWeights>,
    /// The last norm.
    pub norm: NormWeights,
    /// Of the caption as a whole, `[width, width]`.
    pub projection: Option<Tensor>,
}

/// Tensors of a block.
#[derive(Clone, Debug)]
pub struct TextBlockWeights {
    /// Norm before attention.
    pub attention_norm: NormWeights,
    /// Queries, keys and values.
    pub qkv: [Affine; 3],
    /// Output of attention.
    pub output: Affine,
    /// Norm before the feed-forward network.
    pub feed_forward_norm: NormWeights,
    /// Into the feed-forward network.
    pub up: Affine,
    /// Out of it.
    pub down: Affine,
}

impl TextWeights {
    /// Takes the tensors.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &TextConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let model = weights.pp("text_model");
        // As CLIP initialises them.
        let table = |name: &str, rows: usize, stdev: f64| {
            let init = Init::Randn { mean: 0.0, stdev };
            let below = model.pp("embeddings").pp(name);
            below.get_with_hints((rows, config.width), "weight", init)
        };
        let layers = model.pp("encoder.layers");
        Ok(Self {
            tokens: table("token_embedding", config.vocabulary, 0.02)?,
            positions: table("position_embedding", TOKENS, 0.01)?,
            blocks: (0..config.layers)
                .map(|layer| TextBlockWeights::load(config, &layers.pp(layer)))
                .collect::<Result<_>>()?,
            norm: NormWeights::load(config.width, &model.pp("final_layer_norm"))?,
            projection: config
                .pooled
                .then(|| matrix(config.width, config.width, &weights.pp("text_projection")))
                .transpose()?,
        })
    }
}

impl TextBlockWeights {
    fn load(config: &TextConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let (width, inner) = (config.width, config.inner());
        let square = |name: &str| Affine::load(width, width, &weights.pp("self_attn").pp(name));
        let norm = |name: &str| NormWeights::load(width, &weights.pp(name));
        Ok(Self {
            attention_norm: norm("layer_norm1")?,
            qkv: [square("q_proj")?, square("k_proj")?, square("v_proj")?],
            output: square("out_proj")?,
            feed_forward_norm: norm("layer_norm2")?,
            up: Affine::load(width, inner, &weights.pp("mlp.fc1"))?,
            down: Affine::load(inner, width, &weights.pp("mlp.fc2"))?,
        })
    }
}
