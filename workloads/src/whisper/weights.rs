//! The tensors of a Whisper, loaded once and shared by every composition of the network.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::config::{Config, WINDOW};
use crate::checkpoint::{Affine, NormWeights};

/// All tensors.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Of the encoder.
    pub encoder: EncoderWeights,
    /// Of the decoder.
    pub decoder: DecoderWeights,
}

/// Tensors of the encoder.
#[derive(Clone, Debug)]
pub struct EncoderWeights {
    /// Convolution over frames; its weight is `[hidden, bins, 3]`.
    pub first: Affine,
    /// Convolution that halves the frames; its weight is `[hidden, hidden, 3]`.
    pub second: Affine,
    /// Blocks, first to last.
    pub blocks: Vec<BlockWeights>,
    /// Norm of what the decoder sees.
    pub last_norm: NormWeights,
}

/// Tensors of the decoder.
#[derive(Clone, Debug)]
pub struct DecoderWeights {
    /// Token embedding, `[vocabulary, hidden]`; also the output layer.
    pub tokens: Tensor,
    /// Position embedding, `[positions, hidden]`.
    pub positions: Tensor,
    /// Blocks, first to last.
    pub blocks: Vec<DecoderBlockWeights>,
    /// Norm before the output layer.
    pub last_norm: NormWeights,
}

/// Tensors of a block, without those of the attention to the encoder.
#[derive(Clone, Debug)]
pub struct BlockWeights {
    /// Norm before attention.
    pub attention_norm: NormWeights,
    /// Queries, keys and values side by side; the bias of the keys is zero.
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

/// Tensors of a block of the decoder.
#[derive(Clone, Debug)]
pub struct DecoderBlockWeights {
    /// What a block of the encoder has, too.
    pub own: BlockWeights,
    /// Norm before the attention to the encoder.
    pub cross_norm: NormWeights,
    /// Queries of that attention.
    pub cross_query: Affine,
    /// Its keys and values side by side, of the encoder's output; the bias of the keys is zero.
    pub cross_keys_values: Affine,
    /// Its output.
    pub cross_output: Affine,
}

impl Weights {
    /// Takes the tensors by their Hugging Face names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let below = weights.pp("model");
        Ok(Self {
            encoder: EncoderWeights::load(config, &below.pp("encoder"))?,
            decoder: DecoderWeights::load(config, &below.pp("decoder"))?,
        })
    }
}

impl EncoderWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let layers = weights.pp("layers");
        Ok(Self {
            first: convolution(config.mel_bins, hidden, &weights.pp("conv1"))?,
            second: convolution(hidden, hidden, &weights.pp("conv2"))?,
            blocks: (0..config.encoder_layers)
                .map(|layer| BlockWeights::load(config, &layers.pp(layer)))
                .collect::<Result<_>>()?,
            last_norm: NormWeights::load(hidden, &weights.pp("layer_norm"))?,
        })
    }
}

impl DecoderWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let table = |name: &str, rows: usize| {
            let init = Init::Randn {
                mean: 0.0,
                stdev: 0.02,
            };
            weights
                .pp(name)
                .get_with_hints((rows, hidden), "weight", init)
        };
        let layers = weights.pp("layers");
        Ok(Self {
            tokens: table("embed_tokens", config.vocab_size)?,
            positions: table("embed_positions", config.target_positions)?,
            blocks: (0..config.decoder_layers)
                .map(|layer| DecoderBlockWeights::load(config, &layers.pp(layer)))
                .collect::<Result<_>>()?,
            last_norm: NormWeights::load(hidden, &weights.pp("layer_norm"))?,
        })
    }
}

impl BlockWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.inner_size);
        let attention = weights.pp("self_attn");
        Ok(Self {
            attention_norm: NormWeights::load(hidden, &weights.pp("self_attn_layer_norm"))?,
            qkv: Affine::side_by_side(&[
                &Affine::load(hidden, hidden, &attention.pp("q_proj"))?,
                &without_bias(hidden, &attention.pp("k_proj"))?,
                &Affine::load(hidden, hidden, &attention.pp("v_proj"))?,
            ])?,
            output: Affine::load(hidden, hidden, &attention.pp("out_proj"))?,
            feed_forward_norm: NormWeights::load(hidden, &weights.pp("final_layer_norm"))?,
            up: Affine::load(hidden, inner, &weights.pp("fc1"))?,
            down: Affine::load(inner, hidden, &weights.pp("fc2"))?,
        })
    }
}

impl DecoderBlockWeights {
    fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let cross = weights.pp("encoder_attn");
        Ok(Self {
            own: BlockWeights::load(config, weights)?,
            cross_norm: NormWeights::load(hidden, &weights.pp("encoder_attn_layer_norm"))?,
            cross_query: Affine::load(hidden, hidden, &cross.pp("q_proj"))?,
            cross_keys_values: Affine::side_by_side(&[
                &without_bias(hidden, &cross.pp("k_proj"))?,
                &Affine::load(hidden, hidden, &cross.pp("v_proj"))?,
            ])?,
            cross_output: Affine::load(hidden, hidden, &cross.pp("out_proj"))?,
        })
    }
}

/// A convolution over three frames.
fn convolution(input: usize, output: usize, weights: &VarBuilder<'_>) -> Result<Affine> {
    Ok(Affine {
        weight: weights.get_with_hints(
            (output, input, WINDOW),
            "weight",
            random(WINDOW * input),
        )?,
        bias: weights.get_with_hints(output, "bias", Init::Const(0.0))?,
    })
}

/// A square matrix whose bias is zero and no parameter.
fn without_bias(width: usize, weights: &VarBuilder<'_>) -> Result<Affine> {
    let weight = weights.get_with_hints((width, width), "weight", random(width))?;
    Ok(Affine {
        bias: Tensor::zeros(width, weight.dtype(), weight.device())?,
        weight,
    })
}

/// Normal with variance 1/fan-in.
fn random(fan_in: usize) -> Init {
    #[expect(clippy::cast_precision_loss, reason = "a fan-in is far below 2^53")]
    Init::Randn {
        mean: 0.0,
        stdev: 1.0 / (fan_in as f64).sqrt(),
    }
}
