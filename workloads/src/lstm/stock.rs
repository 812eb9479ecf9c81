//! The sentiment model as candle-nn composes it, one step after another. Gradients pass through all
//! of it.

use std::collections::HashMap;

use candle_core::{Result, Tensor};
use candle_nn::rnn::{LSTM, LSTMConfig, LSTMState, RNN};
use candle_nn::{Linear, Module, VarBuilder};

use super::config::Config;
use super::weights::Weights;

/// The stock composition.
#[derive(Clone, Debug)]
pub struct Stock {
    embedding: Tensor,
    lstm: LSTM,
    dense: Linear,
}

impl Stock {
    /// The network of these tensors, which it shares.
    ///
    /// # Errors
    /// Tensors do not fit together.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        let tensors = [
            ("weight_ih_l0", &weights.input),
            ("weight_hh_l0", &weights.recurrent),
            ("bias_ih_l0", &weights.input_bias),
            ("bias_hh_l0", &weights.recurrent_bias),
        ];
        let tensors: HashMap<String, Tensor> = tensors
            .into_iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
            .collect();
        let (dtype, device) = (weights.embedding.dtype(), weights.embedding.device());
        let named = VarBuilder::from_tensors(tensors, dtype, device);
        Ok(Self {
            embedding: weights.embedding.clone(),
            lstm: LSTM::new(config.width, config.cells, LSTMConfig::default(), named)?,
            dense: Linear::new(weights.dense.clone(), Some(weights.dense_bias.clone())),
        })
    }

    /// States after each of `words` (u32 `[batch, words]`).
    ///
    /// # Errors
    /// A word is unknown, or the device failed.
    pub fn states(&self, words: &Tensor) -> Result<Vec<LSTMState>> {
        let (batch, length) = words.dims2()?;
        let embedded = self.embedding.index_select(&words.flatten_all()?, 0)?;
        self.lstm.seq(&embedded.reshape((batch, length, ()))?)
    }

    /// The score of each sequence, `[batch]`.
    ///
    /// # Errors
    /// There is no word, one is unknown, or the device failed.
    pub fn forward(&self, words: &Tensor) -> Result<Tensor> {
        match self.states(words)?.last() {
            Some(state) => self.dense.forward(state.h())?.squeeze(1),
            None => candle_core::bail!("sequences have no word"),
        }
    }
}
