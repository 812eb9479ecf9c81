//! The whole network: embedding, blocks, output layer.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use ops::attention::{self, DecodeScratch};
use ops::embedding::lookup;
use ops::linear::Math;

use super::block::{self, Attention, Block, LayerCache, Span};
use super::config::Config;
use super::matrix::{Matrix, Norm};
use super::positions;
use super::scratch::Rows;

/// A `LLaMA` decoder with its weights on a device.
#[derive(Clone, Debug)]
pub struct Network {
    config: Config,
    /// A row for each token.
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    head: Matrix,
    dtype: DType,
    device: Device,
}

/// Keys and values of all layers, and the angles of their positions.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
    attention: Attention,
}

impl Network {
    /// Takes the weights by their Hugging Face names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, math: Math, weights: &VarBuilder<'_>) -> Result<Self> {
        let below = weights.pp("model");
        let table = (config.vocab_size, config.hidden_size);
        let embedding = block::matrix(table, &below.pp("embed_tokens"))?;
        let head = if config.tie_word_embeddings {
            embedding.clone()
        } else {
            block::matrix(table, &weights.pp("lm_head"))?
        };
        Ok(Self {
            config: config.clone(),
            embedding,
            blocks: (0..config.num_hidden_layers)
                .map(|layer| Block::load(config, math, &below.pp("layers").pp(layer)))
                .collect::<Result<_>>()?,
            norm: block::norm(config, &below.pp("norm"))?,
            head: block::dense(head, math)?,
            dtype: weights.dtype(),
            device: weights.device().clone(),
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of activations.
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
    pub fn cache(&self, batch: usize, capacity: usize, kind: attention::Kind) -> Result<Cache> {
        let config = &self.config;
        let shape = (
            batch,
            config.num_key_value_heads,
            capacity,
            config.head_dim(),
        );
        let layer = |_| {
            Ok(LayerCache {
                keys: Tensor::zeros(shape, self.dtype, &self.device)?,
                values: Tensor::zeros(shape, self.dtype, &self.device)?,
            })
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a head is far narrower than 2^23"
        )]
        let scale = 1.0 / (config.head_dim() as f32).sqrt();
        Ok(Cache {
            layers: (0..self.blocks.len()).map(layer).collect::<Result<_>>()?,
            attention: Attention {
                tables: positions::tables(config, capacity, &self.device)?,
                scale,
                kind,
            },
        })
    }

    /// Reads prompts (`[sequences, length]`, the sequences of the cache from `first` on) and leaves
    /// their residual streams in `rows`.
    ///
    /// # Errors
    /// The cache is too short, or the device failed.
    pub fn read(&self, prompts: &Tensor, first: usize, cache: &Cache, rows: &Rows) -> Result<()> {
        lookup(&self.embedding, prompts, &rows.residual)?;
        for (block, layer) in self.blocks.iter().zip(&cache.layers) {
            let layer = layer.sequences(first, rows.batch)?;
            block.forward(rows, Span::Prompt, &cache.attention, &layer)?;
        }
        Ok(())
    }

    /// Takes one step of all sequences: reads `tokens` (`u32 [batch]`) at `position` (`u32 [1]`)
    /// and leaves their residual streams in `rows`.
    ///
    /// # Errors
    /// The device failed.
    pub fn step(
        &self,
        tokens: &Tensor,
        position: &Tensor,
        cache: &Cache,
        rows: &Rows,
        scratch: &DecodeScratch,
    ) -> Result<()> {
        lookup(&self.embedding, tokens, &rows.residual)?;
        let span = Span::Step { position, scratch };
        for (block, layer) in self.blocks.iter().zip(&cache.layers) {
            block.forward(rows, span, &cache.attention, layer)?;
        }
        Ok(())
    }

    /// Logits (`[rows, vocabulary]`) of what follows residual streams (`[rows, hidden]`); `normed`
    /// is room for their norm.
    ///
    /// # Errors
    /// The device failed.
    pub fn logits(&self, residual: &Tensor, normed: &Tensor, out: &Tensor) -> Result<()> {
        self.head.normed(residual, &self.norm, normed, out)
    }
}
