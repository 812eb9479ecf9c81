//! One decoder block: attention and a gated feed-forward network, each behind a norm.

use candle_core::{Result, Tensor};
use candle_nn::{Init, Linear, Module, VarBuilder, linear_no_bias, ops};

use super::attention::Attention;
use super::cache::{LayerCache, Positions};
use super::config::Config;

/// Root-mean-square norm, as one fused kernel.
pub struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    /// Takes `weight` from here.
    ///
    /// # Errors
    /// The tensor is missing or has another shape.
    #[expect(clippy::cast_possible_truncation, reason = "the kernel takes an f32")]
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            weight: weights.get_with_hints(config.hidden_size, "weight", Init::Const(1.0))?,
            epsilon: config.rms_norm_eps as f32,
        })
    }

    /// Normalises the last dimension.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight, self.epsilon)
    }
}

/// Feed-forward network `down(silu(gate(x)) · up(x))`.
struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl FeedForward {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            gate: linear_no_bias(hidden, inner, weights.pp("gate_proj"))?,
            up: linear_no_bias(hidden, inner, weights.pp("up_proj"))?,
            down: linear_no_bias(inner, hidden, weights.pp("down_proj"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let gate = self.gate.forward(x)?.silu()?;
        let gated = (gate * self.up.forward(x)?)?;
        self.down.forward(&gated)
    }
}

/// One decoder block.
pub struct Block {
    attention_norm: Norm,
    attention: Attention,
    feed_forward_norm: Norm,
    feed_forward: FeedForward,
}

impl Block {
    /// Takes the weights from below `model.layers.N`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            attention_norm: Norm::load(config, &weights.pp("input_layernorm"))?,
            attention: Attention::load(config, &weights.pp("self_attn"))?,
            feed_forward_norm: Norm::load(config, &weights.pp("post_attention_layernorm"))?,
            feed_forward: FeedForward::load(config, &weights.pp("mlp"))?,
        })
    }

    /// Adds what the block computes to the residual stream `x`.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(
        &self,
        x: &Tensor,
        start: usize,
        positions: &Positions,
        cache: &LayerCache,
    ) -> Result<Tensor> {
        let x = (x + self.attention.forward(
            &self.attention_norm.forward(x)?,
            start,
            positions,
            cache,
        )?)?;
        &x + self
            .feed_forward
            .forward(&self.feed_forward_norm.forward(&x)?)?
    }
}
