//! CLIP as candle-transformers composes it.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use candle_transformers::models::clip::text_model::{Activation, ClipTextConfig};
use candle_transformers::models::clip::vision_model::ClipVisionConfig;
use candle_transformers::models::clip::{ClipConfig, ClipModel, div_l2_norm};

use super::captions::Captions;
use super::config::Config;
use super::network::{LOGIT_SCALE, SCALE, scale};
use crate::tower::by_name;

/// The stock model with a batch of pairs.
pub struct Stock {
    model: ClipModel,
    /// `[batch, 3, edge, edge]`.
    pictures: Tensor,
    /// u32 `[batch, length]`.
    tokens: Tensor,
    scale: f32,
}

impl Stock {
    /// The stock model of these tensors.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn new(
        config: &Config,
        weights: &VarBuilder<'_>,
        pictures: &Tensor,
        captions: &Captions,
    ) -> Result<Self> {
        let device = pictures.device();
        let tensors = tensors(config, weights)?;
        let tensors = VarBuilder::from_tensors(tensors, weights.dtype(), device);
        let shape = (captions.batch(), captions.length());
        Ok(Self {
            model: ClipModel::new(tensors, &stock(config))?,
            pictures: pictures.permute((0, 3, 1, 2))?.contiguous()?,
            tokens: Tensor::from_slice(captions.tokens(), shape, device)?,
            scale: scale(weights)?,
        })
    }

    /// Embeddings of the pictures and of the captions, of length 1.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self) -> Result<[Tensor; 2]> {
        let pictures = self.model.get_image_features(&self.pictures)?;
        let captions = self.model.get_text_features(&self.tokens)?;
        Ok([div_l2_norm(&pictures)?, div_l2_norm(&captions)?])
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        self.pictures.device()
    }

    /// Pairs that it looks at.
    pub fn batch(&self) -> usize {
        self.pictures.dims()[0]
    }

    /// The factor of similarities.
    pub const fn scale(&self) -> f32 {
        self.scale
    }
}

/// The stock model knows one activation and one ε, those of the released models.
fn stock(config: &Config) -> ClipConfig {
    let (vision, text) = (&config.vision, &config.text);
    ClipConfig {
        text_config: ClipTextConfig {
            vocab_size: config.vocabulary,
            embed_dim: text.width,
            activation: Activation::QuickGelu,
            intermediate_size: text.inner,
            max_position_embeddings: config.tokens,
            pad_with: None,
            num_hidden_layers: text.layers,
            num_attention_heads: text.heads,
            projection_dim: config.projection,
        },
        vision_config: ClipVisionConfig {
            embed_dim: vision.width,
            activation: Activation::QuickGelu,
            intermediate_size: vision.inner,
            num_hidden_layers: vision.layers,
            num_attention_heads: vision.heads,
            projection_dim: config.projection,
            num_channels: 3,
            image_size: config.edge_px,
            patch_size: config.patch_px,
        },
        #[expect(clippy::cast_possible_truncation, reason = "a constant")]
        logit_scale_init_value: LOGIT_SCALE as f32,
        image_size: config.edge_px,
    }
}

/// All tensors by their names.
fn tensors(config: &Config, weights: &VarBuilder<'_>) -> Result<HashMap<String, Tensor>> {
    let mut wanted = config.tensors();
    wanted.retain(|(name, _)| name != SCALE);
    let mut tensors = by_name(wanted, weights)?;
    let scale = weights.get_with_hints((), SCALE, Init::Const(LOGIT_SCALE))?;
    tensors.insert(SCALE.to_owned(), scale);
    Ok(tensors)
}
