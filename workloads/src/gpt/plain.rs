//! The network as the papers write it, of candle's operations only: what the fast composition is
//! held against, and what can be trained.
//!
//! Every operation here passes gradients on; candle's fused norm and softmax do not.

use candle_core::{D, Result, Tensor};
use candle_nn::{Module, ops};

use super::config::Config;
use super::weights::{BlockWeights, Weights};
use crate::checkpoint::NormWeights;

/// A GPT without any fused operation.
#[derive(Clone, Debug)]
pub struct Plain {
    config: Config,
    weights: Weights,
}

/// Keys and values of all layers so far, joined anew with each call.
#[derive(Clone, Debug, Default)]
pub struct PlainCache {
    /// Keys and values of each layer, `[batch, kv heads, length, head]`.
    layers: Vec<(Tensor, Tensor)>,
}

impl PlainCache {
    fn length(&self) -> Result<usize> {
        self.layers.first().map_or(Ok(0), |(keys, _)| keys.dim(2))
    }
}

impl Plain {
    /// The network of these tensors.
    pub const fn new(config: Config, weights: Weights) -> Self {
        Self { config, weights }
    }

    /// Logits (`[batch, length, vocabulary]`) after each of `tokens` (`[batch, length]`).
    ///
    /// # Errors
    /// There are more tokens than positions, or the device failed.
    pub fn logits(&self, tokens: &Tensor) -> Result<Tensor> {
        let hidden = self.hidden(tokens, &mut PlainCache::default())?;
        let (batch, length, width) = hidden.dims3()?;
        let rows = hidden.reshape((batch * length, width))?;
        rows.matmul(&self.weights.tokens.t()?)?
            .reshape((batch, length, self.config.vocab_size))
    }

    /// Logits (`[batch, vocabulary]`) of what follows everything in the cache and `tokens`
    /// (`[batch, length]`), which join it.
    ///
    /// # Errors
    /// There are more tokens than positions, or the device failed.
    pub fn next(&self, tokens: &Tensor, cache: &mut PlainCache) -> Result<Tensor> {
        let hidden = self.hidden(tokens, cache)?;
        let last = hidden.narrow(1, tokens.dim(1)? - 1, 1)?.squeeze(1)?;
        last.contiguous()?.matmul(&self.weights.tokens.t()?)
    }

    /// The residual stream after the last norm, `[batch, length, hidden]`.
    fn hidden(&self, tokens: &Tensor, cache: &mut PlainCache) -> Result<Tensor> {
        let (batch, length) = tokens.dims2()?;
        let start = cache.length()?;
        let embedded = self
            .weights
            .tokens
            .index_select(&tokens.flatten_all()?, 0)?
            .reshape((batch, length, self.config.hidden_size))?;
        let positions = self.weights.positions.narrow(0, start, length)?;
        let mut x = embedded.broadcast_add(&positions)?;
        let mask = causal_mask(length, start + length, &x)?;
        let mut layers = Vec::with_capacity(self.config.layers);
        for (index, block) in self.weights.blocks.iter().enumerate() {
            let before = cache.layers.get(index);
            let normed = self.norm(&x, &block.attention_norm)?;
            let (attended, keys_values) = self.attend(&normed, block, &mask, before)?;
            layers.push(keys_values);
            x = (x + block.output.plain().forward(&attended)?)?;
            let normed = self.norm(&x, &block.feed_forward_norm)?;
            let inner = block.up.plain().forward(&normed)?.gelu()?;
            x = (x + block.down.plain().forward(&inner)?)?;
        }
        cache.layers = layers;
        self.norm(&x, &self.weights.last_norm)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "candle takes the epsilon as f32"
    )]
    fn norm(&self, x: &Tensor, norm: &NormWeights) -> Result<Tensor> {
        let epsilon = self.config.layer_norm_epsilon as f32;
        ops::layer_norm_slow(x, &norm.weight, &norm.bias, epsilon)
    }

    /// What attention gives before its output matrix, and the keys and values so far.
    fn attend(
        &self,
        normed: &Tensor,
        block: &BlockWeights,
        mask: &Tensor,
        before: Option<&(Tensor, Tensor)>,
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        let (batch, length, hidden) = normed.dims3()?;
        let (heads, kv_heads, width) = (
            self.config.heads,
            self.config.kv_heads(),
            self.config.head_dim(),
        );
        let qkv = block.qkv.plain().forward(normed)?;
        let split = |first: usize, heads: usize| {
            qkv.narrow(D::Minus1, first, heads * width)?
                .reshape((batch, length, heads, width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let query = split(0, heads)?;
        let mut keys = split(hidden, kv_heads)?;
        let mut values = split(hidden + kv_heads * width, kv_heads)?;
        if let Some((earlier_keys, earlier_values)) = before {
            keys = Tensor::cat(&[earlier_keys, &keys], 2)?;
            values = Tensor::cat(&[earlier_values, &values], 2)?;
        }
        // Queries that share a key head are the rows of one product.
        let known = keys.dim(2)?;
        let shared = (batch, kv_heads, heads / kv_heads * length, width);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a head is far narrower than 2^53"
        )]
        let scale = 1.0 / (width as f64).sqrt();
        let scores = (query.reshape(shared)?.matmul(&keys.t()?.contiguous()?)? * scale)?
            .reshape((batch, heads, length, known))?
            .broadcast_add(mask)?;
        let weights = ops::softmax(&scores, D::Minus1)?.reshape((
            batch,
            kv_heads,
            heads / kv_heads * length,
            known,
        ))?;
        let attended = weights
            .matmul(&values)?
            .reshape((batch, heads, length, width))?
            .transpose(1, 2)?
            .reshape((batch, length, hidden))?;
        Ok((attended, (keys, values)))
    }
}

/// `[length, known]`: zero where a key is not later than its query, −∞ elsewhere.
fn causal_mask(length: usize, known: usize, like: &Tensor) -> Result<Tensor> {
    let start = known - length;
    let values: Vec<f32> = (0..length)
        .flat_map(|query| {
            (0..known).map(move |key| {
                if key <= start + query {
                    0.0
                } else {
                    f32::NEG_INFINITY
                }
            })
        })
        .collect();
    Tensor::from_vec(values, (length, known), like.device())?.to_dtype(like.dtype())
}
