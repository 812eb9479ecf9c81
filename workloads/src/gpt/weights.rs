//! The tensors of a GPT, loaded once and shared by every composition of the network.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::config::{Config, Family};
use crate::checkpoint::{Affine, NormWeights};

/// All tensors, matrices as `[out, in]` whatever the checkpoint has.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Token embedding, `[vocabulary, hidden]`; also the output layer.
    pub tokens: Tensor,
    /// Position embedding, `[positions, hidden]`.
    pub positions: Tensor,
    /// Blocks, first to last.
    pub blocks: Vec<BlockWeights>,
    /// Norm before the output layer.
    pub last_norm: NormWeights,
}

/// Tensors of one block.
#[derive(Clone, Debug)]
pub struct BlockWeights {
    /// Norm before attention.
    pub attention_norm: NormWeights,
    /// Queries, keys and values side by side.
    pub qkv: Affine,
    /// Output of attention.
    pub output: Affine,
    /// Norm before the feed-forward network.
    pub feed_forward_norm: NormWeights,
    /// Into the feed-forward network.
    pub up: Affine,
    /// Out of the feed-forward network.
    pub down: Affine,
}

impl Weights {
    /// Takes the tensors by their Hugging Face names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let below = weights.pp("transformer");
        let embedding = |name: &str, rows: usize| {
            below.pp(name).get_with_hints(
                (rows, config.hidden_size),
                "weight",
                Init::Randn {
                    mean: 0.0,
                    stdev: 0.02,
                },
            )
        };
        Ok(Self {
            tokens: embedding("wte", config.vocab_size)?,
            positions: embedding("wpe", config.positions)?,
            blocks: (0..config.layers)
                .map(|layer| BlockWeights::load(config, &below.pp("h").pp(layer)))
                .collect::<Result<_>>()?,
            last_norm: NormWeights::load(config.hidden_size, &below.pp("ln_f"))?,
        })
    }
}

impl BlockWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let affine = |input: usize, output: usize, name: &str| match config.family {
            Family::Gpt2 => Affine::load_transposed(input, output, &weights.pp(name)),
            Family::StarCoder => Affine::load(input, output, &weights.pp(name)),
        };
        Ok(Self {
            attention_norm: NormWeights::load(hidden, &weights.pp("ln_1"))?,
            qkv: affine(hidden, config.qkv_size(), "attn.c_attn")?,
            output: affine(hidden, hidden, "attn.c_proj")?,
            feed_forward_norm: NormWeights::load(hidden, &weights.pp("ln_2"))?,
            up: affine(hidden, config.inner_size, "mlp.c_fc")?,
            down: affine(config.inner_size, hidden, "mlp.c_proj")?,
        })
    }
}
