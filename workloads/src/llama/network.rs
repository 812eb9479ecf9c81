//! The whole network: embedding, blocks, output layer.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use ops::attention::{self, DecodeScratch};
use ops::embedding::lookup;
use ops::gemv::{Projection, Scratch};
use ops::linear::Math;

use super::block::{self, Attention, Block, LayerCache, Norm, Span};
use super::config::Config;
use super::positions;
use super::scratch::Rows;

/// A `LLaMA` decoder with its weights on a device.
pub struct Network {
    pub(super) config: Config,
    /// A row for each token; its number format is that of all activations.
    pub(super) embedding: Tensor,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: Norm,
    pub(super) head: Box<dyn Projection>,
}

/// Keys and values of all layers, and the angles of their positions.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
    attention: Attention,
}

impl Network {
    /// Takes dense weights by their Hugging Face names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn dense(config: &Config, math: Math, weights: &VarBuilder<'_>) -> Result<Self> {
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
                .map(|layer| Block::dense(config, math, &below.pp("layers").pp(layer)))
                .collect::<Result<_>>()?,
            norm: block::norm(config, &below.pp("norm"))?,
            head: block::dense(head, math)?,
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Number format of activations.
    pub fn dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.embedding.device()
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
                keys: Tensor::zeros(shape, self.dtype(), self.device())?,
                values: Tensor::zeros(shape, self.dtype(), self.device())?,
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
                tables: positions::tables(config, capacity, self.device())?,
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
    pub fn read(
        &self,
        prompts: &Tensor,
        first: usize,
        cache: &Cache,
        rows: &Rows,
        room: &Scratch,
    ) -> Result<()> {
        lookup(&self.embedding, prompts, &rows.residual)?;
        for (block, layer) in self.blocks.iter().zip(&cache.layers) {
            let layer = layer.sequences(first, rows.batch)?;
            block.forward(rows, room, Span::Prompt, &cache.attention, &layer)?;
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
        room: &Scratch,
        scratch: &DecodeScratch,
    ) -> Result<()> {
        lookup(&self.embedding, tokens, &rows.residual)?;
        let span = Span::Step { position, scratch };
        for (block, layer) in self.blocks.iter().zip(&cache.layers) {
            block.forward(rows, room, span, &cache.attention, layer)?;
        }
        Ok(())
    }

    /// Logits (`[rows, vocabulary]`) of what follows residual streams (`[rows, hidden]`).
    ///
    /// # Errors
    /// The device failed.
    pub fn logits(&self, residual: &Tensor, room: &Scratch, out: &Tensor) -> Result<()> {
        let norm = self.norm.as_operand();
        self.head.forward_normed(residual, norm, room, out)
    }

    /// Room for what projections of so many rows cannot do at once.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn room(&self, rows: usize) -> Result<Scratch> {
        let Config {
            hidden_size,
            intermediate_size,
            ..
        } = self.config;
        let widened = self.values_to_widen();
        Scratch::new(
            rows,
            hidden_size,
            intermediate_size,
            widened,
            self.dtype(),
            self.device(),
        )
    }

    /// Values of the largest quantised matrix: many rows are multiplied with its dense form.
    fn values_to_widen(&self) -> usize {
        let of_block = |block: &Block| {
            [&block.qkv, &block.output, &block.gate_up, &block.down]
                .into_iter()
                .map(|matrix| quantised_values(&**matrix, self.dtype()))
                .max()
        };
        self.blocks
            .iter()
            .filter_map(of_block)
            .chain([quantised_values(&*self.head, self.dtype())])
            .max()
            .unwrap_or(0)
    }
}

/// Values of a matrix whose bytes are not those of its values in this format; 0 of a dense one.
fn quantised_values(matrix: &dyn Projection, dtype: DType) -> usize {
    let (outputs, inputs) = matrix.dims();
    let values = outputs * inputs;
    if matrix.bytes() == values * dtype.size_in_bytes() {
        0
    } else {
        values
    }
}
