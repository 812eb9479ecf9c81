//! Whisper as candle-transformers composes it.
//!
//! It differs from the released models in one thing: its activations are the tanh formula of GELU.
//! It computes in f32 only, and keeps no keys and values of the tokens so far: each step reads the
//! whole transcript again.

use std::collections::HashMap;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::whisper;

use super::config::{Config, STRIDE};
use super::weights::{BlockWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};

/// The stock model.
pub struct Stock {
    model: whisper::model::Whisper,
}

impl Stock {
    /// The model of these tensors, which it shares.
    ///
    /// # Errors
    /// The tensors are not in f32, the feed-forward networks are not four times as wide as the
    /// stream, or the device is out of memory.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        let dtype = weights.decoder.tokens.dtype();
        if dtype != DType::F32 {
            candle_core::bail!("the stock Whisper takes f32, weights are {dtype:?}");
        }
        let stock = whisper::Config {
            num_mel_bins: config.mel_bins,
            max_source_positions: config.source_positions,
            d_model: config.hidden_size,
            encoder_attention_heads: config.heads,
            encoder_layers: config.encoder_layers,
            vocab_size: config.vocab_size,
            max_target_positions: config.target_positions,
            decoder_attention_heads: config.heads,
            decoder_layers: config.decoder_layers,
            suppress_tokens: Vec::new(),
        };
        let device = weights.decoder.tokens.device();
        let named = VarBuilder::from_tensors(tensors(weights)?, dtype, device);
        Ok(Self {
            model: whisper::model::Whisper::load(&named, stock)?,
        })
    }

    /// Reads features, `[batch, bins, frames]`; gives `[batch, positions, hidden]`.
    ///
    /// # Errors
    /// The device failed.
    pub fn encode(&mut self, features: &Tensor) -> Result<Tensor> {
        debug_assert_eq!(
            features.dims().last().copied(),
            Some(STRIDE * self.model.config.max_source_positions)
        );
        self.model.encoder.forward(features, true)
    }

    /// Logits (`[batch, vocabulary]`) of what follows `tokens` (u32 `[batch, length]`), all of them.
    /// `is_new` tells that `encoded` is not that of the call before.
    ///
    /// # Errors
    /// There are more tokens than positions, or the device failed.
    pub fn next(&mut self, tokens: &Tensor, encoded: &Tensor, is_new: bool) -> Result<Tensor> {
        let decoder = &mut self.model.decoder;
        let hidden = decoder.forward(tokens, encoded, is_new)?;
        let last = hidden.narrow(1, tokens.dim(1)? - 1, 1)?;
        decoder.final_linear(&last.contiguous()?)?.squeeze(1)
    }
}

/// All tensors by their Hugging Face names.
fn tensors(weights: &Weights) -> Result<HashMap<String, Tensor>> {
    let mut named = Named(HashMap::new());
    let encoder = &weights.encoder;
    named.affine("encoder.conv1", &encoder.first);
    named.affine("encoder.conv2", &encoder.second);
    named.norm("encoder.layer_norm", &encoder.last_norm);
    for (layer, block) in encoder.blocks.iter().enumerate() {
        named.block(&format!("encoder.layers.{layer}"), block)?;
    }
    let decoder = &weights.decoder;
    named.put("decoder.embed_tokens.weight", decoder.tokens.clone());
    named.put("decoder.embed_positions.weight", decoder.positions.clone());
    named.norm("decoder.layer_norm", &decoder.last_norm);
    for (layer, block) in decoder.blocks.iter().enumerate() {
        let name = format!("decoder.layers.{layer}");
        named.block(&name, &block.own)?;
        named.norm(
            &format!("{name}.encoder_attn_layer_norm"),
            &block.cross_norm,
        );
        let name = format!("{name}.encoder_attn");
        named.affine(&format!("{name}.q_proj"), &block.cross_query);
        let both = &block.cross_keys_values;
        named.part(&format!("{name}.k_proj"), both, [0, 2])?;
        named.part(&format!("{name}.v_proj"), both, [1, 2])?;
        named.affine(&format!("{name}.out_proj"), &block.cross_output);
    }
    Ok(named.0)
}

/// Tensors by name; those without use, such as biases of keys, do no harm.
struct Named(HashMap<String, Tensor>);

impl Named {
    fn put(&mut self, name: &str, tensor: Tensor) {
        self.0.insert(format!("model.{name}"), tensor);
    }

    fn affine(&mut self, name: &str, Affine { weight, bias }: &Affine) {
        self.put(&format!("{name}.weight"), weight.clone());
        self.put(&format!("{name}.bias"), bias.clone());
    }

    fn norm(&mut self, name: &str, NormWeights { weight, bias }: &NormWeights) {
        self.put(&format!("{name}.weight"), weight.clone());
        self.put(&format!("{name}.bias"), bias.clone());
    }

    /// One of several that lie side by side.
    fn part(&mut self, name: &str, joined: &Affine, [index, of]: [usize; 2]) -> Result<()> {
        let rows = joined.bias.dim(0)? / of;
        let part = Affine {
            weight: joined.weight.narrow(0, index * rows, rows)?,
            bias: joined.bias.narrow(0, index * rows, rows)?,
        };
        self.affine(name, &part);
        Ok(())
    }

    fn block(&mut self, name: &str, block: &BlockWeights) -> Result<()> {
        self.norm(
            &format!("{name}.self_attn_layer_norm"),
            &block.attention_norm,
        );
        for (index, matrix) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
            self.part(
                &format!("{name}.self_attn.{matrix}"),
                &block.qkv,
                [index, 3],
            )?;
        }
        self.affine(&format!("{name}.self_attn.out_proj"), &block.output);
        self.norm(
            &format!("{name}.final_layer_norm"),
            &block.feed_forward_norm,
        );
        self.affine(&format!("{name}.fc1"), &block.up);
        self.affine(&format!("{name}.fc2"), &block.down);
        Ok(())
    }
}
