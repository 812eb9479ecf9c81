//! The whole network: embedding, blocks, output layer.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Embedding, Linear, Module, VarBuilder, embedding, linear_no_bias};

use super::block::{Block, Norm};
use super::cache::{LayerCache, Positions};
use super::config::Config;

/// A `LLaMA` decoder with its weights on a device.
pub struct Network {
    config: Config,
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: Norm,
    output: Linear,
    dtype: DType,
    device: Device,
}

/// Keys and values of all layers, and the tables of their positions.
pub struct Cache {
    layers: Vec<LayerCache>,
    positions: Positions,
}

impl Network {
    /// Takes the weights by their Hugging Face names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let below = weights.pp("model");
        let embedding = embedding(
            config.vocab_size,
            config.hidden_size,
            below.pp("embed_tokens"),
        )?;
        let output = if config.tie_word_embeddings {
            Linear::new(embedding.embeddings().clone(), None)
        } else {
            linear_no_bias(config.hidden_size, config.vocab_size, weights.pp("lm_head"))?
        };
        Ok(Self {
            config: config.clone(),
            embedding,
            blocks: (0..config.num_hidden_layers)
                .map(|layer| Block::load(config, &below.pp("layers").pp(layer)))
                .collect::<Result<_>>()?,
            norm: Norm::load(config, &below.pp("norm"))?,
            output,
            dtype: weights.dtype(),
            device: weights.device().clone(),
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of weights and activations.
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the weights are.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Room for `capacity` positions of `batch` sequences.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn cache(&self, batch: usize, capacity: usize) -> Result<Cache> {
        let layer = |_| LayerCache::new(&self.config, batch, capacity, self.dtype, &self.device);
        Ok(Cache {
            layers: (0..self.blocks.len()).map(layer).collect::<Result<_>>()?,
            positions: Positions::new(&self.config, capacity, self.dtype, &self.device)?,
        })
    }

    /// Logits (`[batch, vocabulary]`) of what follows `tokens` (`[batch, length]`, first position
    /// `start`). Positions before `start` are read from the cache; a sequence starts anew with
    /// `start` 0, whatever the cache holds.
    ///
    /// # Errors
    /// The cache is too short, or the device failed.
    pub fn forward(&self, tokens: &Tensor, start: usize, cache: &Cache) -> Result<Tensor> {
        let length = tokens.dim(1)?;
        let mut x = self.embedding.forward(tokens)?;
        for (block, layer) in self.blocks.iter().zip(&cache.layers) {
            x = block.forward(&x, start, &cache.positions, layer)?;
        }
        let last = x.narrow(1, length - 1, 1)?.squeeze(1)?.contiguous()?;
        self.output.forward(&self.norm.forward(&last)?)
    }
}
