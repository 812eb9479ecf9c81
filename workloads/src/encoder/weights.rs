//! The tensors of an encoder, loaded once and shared by every composition of the network.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::config::Config;
use crate::checkpoint::{Affine, NormWeights};
use crate::job::word::Head;

/// All tensors.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Word embedding, `[vocabulary, hidden]`.
    pub words: Tensor,
    /// Position embedding, `[positions, hidden]`.
    pub positions: Tensor,
    /// Segment embedding, `[segments, hidden]`.
    pub segments: Tensor,
    /// Norm of the sum of these.
    pub embedding_norm: NormWeights,
    /// Blocks, first to last.
    pub blocks: Vec<BlockWeights>,
    /// What follows the last block.
    pub head: HeadWeights,
}

/// Tensors of one block.
#[derive(Clone, Debug)]
pub struct BlockWeights {
    /// Queries, keys and values side by side.
    pub qkv: Affine,
    /// Output of attention.
    pub output: Affine,
    /// Norm after attention.
    pub attention_norm: NormWeights,
    /// Into the feed-forward network.
    pub up: Affine,
    /// Out of the feed-forward network.
    pub down: Affine,
    /// Norm after the feed-forward network.
    pub feed_forward_norm: NormWeights,
}

/// Tensors of a head. Those of BERT and `RoBERTa` compute the same under different names.
#[derive(Clone, Debug)]
pub enum HeadWeights {
    /// `classes(tanh(dense(first position)))`.
    Classification {
        /// The square matrix: BERT's pooler.
        dense: Affine,
        /// To the classes.
        classes: Affine,
    },
    /// `words(norm(gelu(dense(position)))) + bias`, with the word embedding as the matrix.
    MaskedLm {
        /// The square matrix.
        dense: Affine,
        /// Norm after it.
        norm: NormWeights,
        /// `[vocabulary]`.
        bias: Tensor,
    },
}

impl Weights {
    /// Takes the tensors by their Hugging Face names, with the head of a head.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, head: Head, weights: &VarBuilder<'_>) -> Result<Self> {
        let body = weights.pp(config.family.prefix());
        let embeddings = body.pp("embeddings");
        let table = |name: &str, rows: usize| {
            let init = Init::Randn {
                mean: 0.0,
                stdev: 0.02,
            };
            embeddings
                .pp(name)
                .get_with_hints((rows, config.hidden_size), "weight", init)
        };
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.positions)?,
            segments: table("token_type_embeddings", config.segments)?,
            embedding_norm: NormWeights::load(config.hidden_size, &embeddings.pp("LayerNorm"))?,
            blocks: (0..config.layers)
                .map(|layer| BlockWeights::load(config, &body.pp("encoder.layer").pp(layer)))
                .collect::<Result<_>>()?,
            head: HeadWeights::load(config, head, weights)?,
        })
    }
}

impl BlockWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.inner_size);
        let affine = |input, output, name: &str| Affine::load(input, output, &weights.pp(name));
        let norm = |name: &str| NormWeights::load(hidden, &weights.pp(name));
        Ok(Self {
            qkv: Affine::side_by_side(&[
                &affine(hidden, hidden, "attention.self.query")?,
                &affine(hidden, hidden, "attention.self.key")?,
                &affine(hidden, hidden, "attention.self.value")?,
            ])?,
            output: affine(hidden, hidden, "attention.output.dense")?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: affine(hidden, inner, "intermediate.dense")?,
            down: affine(inner, hidden, "output.dense")?,
            feed_forward_norm: norm("output.LayerNorm")?,
        })
    }
}

impl HeadWeights {
    fn load(config: &Config, head: Head, weights: &VarBuilder<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let names = config.family.head_names(head);
        let dense = Affine::load(hidden, hidden, &weights.pp(names.dense))?;
        let last = weights.pp(names.last);
        Ok(match head {
            Head::Classification => Self::Classification {
                dense,
                classes: Affine::load(hidden, config.classes, &last)?,
            },
            Head::MaskedLm => Self::MaskedLm {
                dense,
                norm: NormWeights::load(hidden, &last)?,
                bias: weights.get_with_hints(
                    config.vocab_size,
                    names.vocabulary_bias,
                    Init::Const(0.0),
                )?,
            },
        })
    }
}
