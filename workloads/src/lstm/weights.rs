//! The tensors of the sentiment model, loaded once and shared by both compositions.

use candle_core::{Result, Shape, Tensor};
use candle_nn::{Init, VarBuilder};

use super::config::Config;

/// All tensors, as PyTorch lays them out: the gates of all cells one after another.
#[derive(Clone, Debug)]
pub struct Weights {
    /// `[vocabulary, width]`.
    pub embedding: Tensor,
    /// From a word to the gates, `[4 · cells, width]`.
    pub input: Tensor,
    /// From the hidden state to the gates, `[4 · cells, cells]`.
    pub recurrent: Tensor,
    /// Added to the gates with the word, `[4 · cells]`.
    pub input_bias: Tensor,
    /// Added to the gates with the hidden state, `[4 · cells]`.
    pub recurrent_bias: Tensor,
    /// From the last hidden state to the score, `[1, cells]`.
    pub dense: Tensor,
    /// `[1]`.
    pub dense_bias: Tensor,
}

impl Weights {
    /// Takes the tensors by the names of [`Config::tensors`].
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        #[expect(clippy::cast_precision_loss, reason = "cells are far below 2^53")]
        let bound = 1.0 / (config.cells as f64).sqrt();
        // What PyTorch begins the training of an LSTM and of a layer of this width with.
        let uniform = Init::Uniform {
            lo: -bound,
            up: bound,
        };
        let get = |shape: Shape, name: &str| weights.get_with_hints(shape, name, uniform);
        let gates = config.gates();
        Ok(Self {
            embedding: weights.get_with_hints(
                (config.vocab_size, config.width),
                "embedding.weight",
                Init::Randn {
                    mean: 0.0,
                    stdev: 1.0,
                },
            )?,
            input: get((gates, config.width).into(), "lstm.weight_ih_l0")?,
            recurrent: get((gates, config.cells).into(), "lstm.weight_hh_l0")?,
            input_bias: get(gates.into(), "lstm.bias_ih_l0")?,
            recurrent_bias: get(gates.into(), "lstm.bias_hh_l0")?,
            dense: get((1, config.cells).into(), "dense.weight")?,
            dense_bias: get(1.into(), "dense.bias")?,
        })
    }
}
