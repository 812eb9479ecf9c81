//! The vision transformer as candle-transformers composes it.

use std::collections::HashMap;

use candle_core::{Module, Result, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::vit;

use super::config::Config;
use super::network::Ends;
use crate::tower::by_name;

/// The tensor that depends on the edge.
const POSITIONS: &str = "vit.embeddings.position_embeddings";

/// The stock model for pictures of an edge.
///
/// # Errors
/// A tensor is missing or has another shape.
pub fn stock(config: &Config, weights: &VarBuilder<'_>, edge_px: usize) -> Result<Box<dyn Module>> {
    let tower = config.tower;
    let stock = vit::Config {
        hidden_size: tower.width,
        num_hidden_layers: tower.layers,
        num_attention_heads: tower.heads,
        intermediate_size: tower.inner,
        hidden_act: Activation::Gelu,
        layer_norm_eps: tower.epsilon,
        // The stock model cannot interpolate positions, so it gets them interpolated.
        image_size: edge_px,
        patch_size: config.patch_px,
        num_channels: 3,
        qkv_bias: true,
    };
    let tensors = VarBuilder::from_tensors(
        tensors(config, weights, edge_px)?,
        weights.dtype(),
        weights.device(),
    );
    let model = vit::Model::new(&stock, config.classes, tensors)?;
    Ok(Box::new(move |pictures: &Tensor| model.forward(pictures)))
}

/// All tensors by their names, with the positions of this edge.
fn tensors(
    config: &Config,
    weights: &VarBuilder<'_>,
    edge_px: usize,
) -> Result<HashMap<String, Tensor>> {
    let mut tensors = by_name(config.tensors(), weights)?;
    let positions = Ends::load(config, weights, edge_px)?.patches.positions;
    tensors.insert(POSITIONS.to_owned(), positions.unsqueeze(0)?);
    Ok(tensors)
}
