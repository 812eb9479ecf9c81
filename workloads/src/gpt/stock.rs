//! `StarCoder` as candle-transformers composes it.

use std::collections::HashMap;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bigcode;

use super::config::Config;
use super::weights::Weights;
use crate::checkpoint::{Affine, NormWeights};

/// The stock model. It computes in f32 only, and cannot forget its keys and values: a new
/// sequence takes a new model, around the same tensors.
pub struct Stock {
    tensors: HashMap<String, Tensor>,
    config: Config,
    /// Positions that a sequence needs: the stock model makes a mask of their square.
    capacity: usize,
    model: bigcode::GPTBigCode,
    known: usize,
}

impl Stock {
    /// The stock model for sequences of up to `capacity` tokens.
    ///
    /// # Errors
    /// The weights are not f32, or `capacity` is beyond the positions of the model.
    pub fn new(config: &Config, weights: &Weights, capacity: usize) -> Result<Self> {
        if weights.tokens.dtype() != DType::F32 {
            candle_core::bail!(
                "the stock StarCoder computes in f32 only, found {:?}; use the variant fast",
                weights.tokens.dtype()
            );
        }
        let tensors = named(weights, capacity)?;
        let model = build(config, &tensors, capacity)?;
        Ok(Self {
            tensors,
            config: config.clone(),
            capacity,
            model,
            known: 0,
        })
    }

    /// Forgets the sequence.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn restart(&mut self) -> Result<()> {
        self.model = build(&self.config, &self.tensors, self.capacity)?;
        self.known = 0;
        Ok(())
    }

    /// Logits (`[batch, vocabulary]`) of what follows everything so far and `tokens`
    /// (`[batch, length]`), which join it.
    ///
    /// # Errors
    /// There are more tokens than the capacity, or the device failed.
    pub fn next(&mut self, tokens: &Tensor) -> Result<Tensor> {
        let logits = self.model.forward(tokens, self.known)?;
        self.known += tokens.dim(1)?;
        Ok(logits)
    }
}

fn build(
    config: &Config,
    tensors: &HashMap<String, Tensor>,
    capacity: usize,
) -> Result<bigcode::GPTBigCode> {
    let like = &tensors["transformer.wte.weight"];
    let weights = VarBuilder::from_tensors(tensors.clone(), like.dtype(), like.device());
    let stock = bigcode::Config {
        vocab_size: config.vocab_size,
        max_position_embeddings: capacity,
        num_hidden_layers: config.layers,
        hidden_size: config.hidden_size,
        layer_norm_epsilon: config.layer_norm_epsilon,
        n_inner: Some(config.inner_size),
        num_attention_heads: config.heads,
        multi_query: config.kv_heads() == 1,
        use_cache: true,
    };
    bigcode::GPTBigCode::load(weights, stock)
}

/// The tensors by the names that the stock model asks for, positions cut to the capacity.
fn named(weights: &Weights, capacity: usize) -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::from([
        ("transformer.wte.weight".to_owned(), weights.tokens.clone()),
        (
            "transformer.wpe.weight".to_owned(),
            weights.positions.narrow(0, 0, capacity)?,
        ),
    ]);
    let mut put = |name: String, weight: &Tensor, bias: &Tensor| {
        tensors.insert(format!("{name}.weight"), weight.clone());
        tensors.insert(format!("{name}.bias"), bias.clone());
    };
    for (layer, block) in weights.blocks.iter().enumerate() {
        for (name, NormWeights { weight, bias }) in [
            ("ln_1", &block.attention_norm),
            ("ln_2", &block.feed_forward_norm),
        ] {
            put(format!("transformer.h.{layer}.{name}"), weight, bias);
        }
        for (name, Affine { weight, bias }) in [
            ("attn.c_attn", &block.qkv),
            ("attn.c_proj", &block.output),
            ("mlp.c_fc", &block.up),
            ("mlp.c_proj", &block.down),
        ] {
            put(format!("transformer.h.{layer}.{name}"), weight, bias);
        }
    }
    let NormWeights { weight, bias } = &weights.last_norm;
    put("transformer.ln_f".to_owned(), weight, bias);
    Ok(tensors)
}
