//! The encoder as candle-transformers composes it.
//!
//! `RoBERTa` too goes through the stock BERT, with its position table from its first position on:
//! the two differ in nothing else but the positions of padding, which no other token sees. The
//! stock XLM-RoBERTa counts positions in the number format of the weights, so in bf16 it is wrong
//! beyond 256 tokens; in f32 a test holds it against this.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use candle_transformers::models::bert;

use super::config::Config;
use super::inputs::Inputs;
use super::weights::{HeadWeights, Weights};
use crate::checkpoint::{Affine, NormWeights};
use crate::job::word::Head;

/// The stock model with the head of a head.
pub struct Stock {
    body: bert::BertModel,
    head: HeadLayers,
}

/// The stock model has a masked-LM head, but none that classifies.
enum HeadLayers {
    Classification { dense: Linear, classes: Linear },
    MaskedLm(bert::BertOnlyMLMHead),
}

/// Inputs as the stock model takes them.
pub struct StockInputs {
    /// u32 `[batch, length]`, as the next.
    tokens: Tensor,
    segments: Tensor,
    /// One for each token, zero for padding, `[batch, length]`.
    mask: Tensor,
    /// Rows that the head reads.
    selected: Tensor,
}

impl StockInputs {
    /// Copies inputs to a device.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(head: Head, inputs: &Inputs, device: &Device) -> Result<Self> {
        let shape = (inputs.batch(), inputs.length());
        let ids = |ids: Vec<u32>| Tensor::from_vec(ids, shape, device);
        let mask = inputs
            .lengths()
            .iter()
            .flat_map(|length| {
                let length = *length as usize;
                (0..inputs.length()).map(move |place| u32::from(place < length))
            })
            .collect();
        let selected = inputs.selected(head);
        let count = selected.len();
        Ok(Self {
            tokens: ids(inputs.tokens().to_vec())?,
            segments: ids(inputs.segments().to_vec())?,
            mask: ids(mask)?,
            selected: Tensor::from_vec(selected, count, device)?,
        })
    }

    /// Where the inputs are.
    pub fn device(&self) -> &Device {
        self.tokens.device()
    }
}

impl Stock {
    /// The stock model of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        let stock = bert::Config {
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            num_hidden_layers: config.layers,
            num_attention_heads: config.heads,
            intermediate_size: config.inner_size,
            hidden_act: bert::HiddenAct::Gelu,
            max_position_embeddings: config.most_tokens(),
            type_vocab_size: config.segments,
            layer_norm_eps: config.layer_norm_epsilon,
            ..bert::Config::default()
        };
        let (dtype, device) = (weights.words.dtype(), weights.words.device());
        let body = VarBuilder::from_tensors(body(config, weights)?, dtype, device);
        let head = match &weights.head {
            HeadWeights::Classification { dense, classes } => HeadLayers::Classification {
                dense: dense.plain(),
                classes: classes.plain(),
            },
            HeadWeights::MaskedLm { dense, norm, bias } => {
                let tensors = masked_lm(&weights.words, dense, norm, bias);
                let head = VarBuilder::from_tensors(tensors, dtype, device);
                HeadLayers::MaskedLm(bert::BertOnlyMLMHead::load(head, &stock)?)
            }
        };
        Ok(Self {
            body: bert::BertModel::load(body, &stock)?,
            head,
        })
    }

    /// Scores of the rows that the head reads.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, inputs: &StockInputs) -> Result<Tensor> {
        let hidden = self
            .body
            .forward(&inputs.tokens, &inputs.segments, Some(&inputs.mask))?;
        let rows = hidden.flatten(0, 1)?.index_select(&inputs.selected, 0)?;
        match &self.head {
            HeadLayers::Classification { dense, classes } => {
                classes.forward(&dense.forward(&rows)?.tanh()?)
            }
            HeadLayers::MaskedLm(head) => head.forward(&rows),
        }
    }
}

type Tensors = HashMap<String, Tensor>;

fn put(tensors: &mut Tensors, name: &str, weight: &Tensor, bias: &Tensor) {
    tensors.insert(format!("{name}.weight"), weight.clone());
    tensors.insert(format!("{name}.bias"), bias.clone());
}

/// Tensors of the body by the names that the stock model asks for.
fn body(config: &Config, weights: &Weights) -> Result<Tensors> {
    let first = config.family.first_position();
    let positions = weights.positions.narrow(0, first, config.most_tokens())?;
    let mut tensors: Tensors = [
        ("word_embeddings", weights.words.clone()),
        ("position_embeddings", positions),
        ("token_type_embeddings", weights.segments.clone()),
    ]
    .map(|(name, tensor)| (format!("embeddings.{name}.weight"), tensor))
    .into();
    let NormWeights { weight, bias } = &weights.embedding_norm;
    put(&mut tensors, "embeddings.LayerNorm", weight, bias);
    let hidden = config.hidden_size;
    for (layer, block) in weights.blocks.iter().enumerate() {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for (part, name_of_part) in ["query", "key", "value"].into_iter().enumerate() {
            let rows = |tensor: &Tensor| tensor.narrow(0, part * hidden, hidden);
            put(
                &mut tensors,
                &name(&format!("attention.self.{name_of_part}")),
                &rows(&block.qkv.weight)?,
                &rows(&block.qkv.bias)?,
            );
        }
        for (part, Affine { weight, bias }) in [
            ("attention.output.dense", &block.output),
            ("intermediate.dense", &block.up),
            ("output.dense", &block.down),
        ] {
            put(&mut tensors, &name(part), weight, bias);
        }
        for (part, NormWeights { weight, bias }) in [
            ("attention.output.LayerNorm", &block.attention_norm),
            ("output.LayerNorm", &block.feed_forward_norm),
        ] {
            put(&mut tensors, &name(part), weight, bias);
        }
    }
    Ok(tensors)
}

/// Tensors of the masked-LM head by the names that the stock model asks for.
fn masked_lm(words: &Tensor, dense: &Affine, norm: &NormWeights, bias: &Tensor) -> Tensors {
    let mut tensors = Tensors::new();
    put(
        &mut tensors,
        "predictions.transform.dense",
        &dense.weight,
        &dense.bias,
    );
    put(
        &mut tensors,
        "predictions.transform.LayerNorm",
        &norm.weight,
        &norm.bias,
    );
    put(&mut tensors, "predictions.decoder", words, bias);
    tensors
}
