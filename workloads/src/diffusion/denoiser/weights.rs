//! The tensors of a denoiser, loaded once and shared by its compositions.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::config::DenoiserConfig;
use super::layout::{Looks, Part, Shape};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::layer::{convolution, matrix};
use crate::diffusion::residual::ResidualWeights;

/// All tensors.
#[derive(Clone, Debug)]
pub struct DenoiserWeights {
    /// Embedding of the time, two layers.
    pub time: [Affine; 2],
    /// Embedding of what is added to it, two layers.
    pub added: Option<[Affine; 2]>,
    /// From latents to the channels of the first level.
    pub conv_in: Affine,
    /// Parts, in the order of [`Part::all`].
    pub parts: Vec<PartWeights>,
    /// The last norm.
    pub norm_out: NormWeights,
    /// Back to the channels of latents.
    pub conv_out: Affine,
}

/// Tensors of a part.
#[derive(Clone, Debug)]
pub enum PartWeights {
    /// Of a block.
    Block(Box<BlockWeights>),
    /// The convolution of another part.
    Convolution(Affine),
}

/// Tensors of a block.
#[derive(Clone, Debug)]
pub struct BlockWeights {
    /// Of the residual block.
    pub residual: ResidualWeights,
    /// From the embedded time to channels.
    pub time: Affine,
    /// Of the transformer.
    pub transformer: Option<TransformerWeights>,
}

/// Tensors of a transformer.
#[derive(Clone, Debug)]
pub struct TransformerWeights {
    /// Norm over groups before it.
    pub norm: NormWeights,
    /// Into it; a matrix or a 1×1 convolution.
    pub proj_in: Affine,
    /// Blocks, first to last.
    pub blocks: Vec<LookWeights>,
    /// Out of it; a matrix or a 1×1 convolution.
    pub proj_out: Affine,
}

/// Tensors of a block of a transformer.
#[derive(Clone, Debug)]
pub struct LookWeights {
    /// Norms before the three parts.
    pub norms: [NormWeights; 3],
    /// Attention among the pixels.
    pub own: AttentionWeights,
    /// Attention to the caption.
    pub cross: AttentionWeights,
    /// Into the feed-forward network: values and gates.
    pub up: Affine,
    /// Out of it.
    pub down: Affine,
}

/// Tensors of an attention.
#[derive(Clone, Debug)]
pub struct AttentionWeights {
    /// Of what looks.
    pub query: Tensor,
    /// Of what is looked at.
    pub key: Tensor,
    /// Of what is looked at.
    pub value: Tensor,
    /// The output.
    pub output: Affine,
}

impl DenoiserWeights {
    /// Takes the tensors by the names of diffusers' checkpoints.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &DenoiserConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let (first, latent, time) = (
            config.channels[0],
            config.latent_channels,
            config.time_width(),
        );
        let embedding = |name: &str, input: usize| -> Result<[Affine; 2]> {
            let below = weights.pp(name);
            Ok([
                Affine::load(input, time, &below.pp("linear_1"))?,
                Affine::load(time, time, &below.pp("linear_2"))?,
            ])
        };
        Ok(Self {
            conv_in: convolution([latent, first, 3], &weights.pp("conv_in"))?,
            time: embedding("time_embedding", first)?,
            added: config
                .added
                .map(|added| embedding("add_embedding", added.width()))
                .transpose()?,
            parts: Part::all(config)
                .iter()
                .map(|part| PartWeights::load(config, part, weights))
                .collect::<Result<_>>()?,
            norm_out: NormWeights::load(first, &weights.pp("conv_norm_out"))?,
            conv_out: convolution([first, latent, 3], &weights.pp("conv_out"))?,
        })
    }
}

impl PartWeights {
    fn load(config: &DenoiserConfig, part: &Part, weights: &VarBuilder<'_>) -> Result<Self> {
        let own = weights.pp(&part.name);
        Ok(match &part.shape {
            Shape::Block {
                input,
                output,
                looks,
                ..
            } => Self::Block(Box::new(BlockWeights {
                residual: ResidualWeights::load(*input, *output, &own)?,
                time: Affine::load(config.time_width(), *output, &own.pp("time_emb_proj"))?,
                transformer: looks
                    .as_ref()
                    .map(|looks| TransformerWeights::load(config, *output, looks, weights))
                    .transpose()?,
            })),
            Shape::Halve { channels } | Shape::Double { channels } => {
                Self::Convolution(convolution([*channels, *channels, 3], &own)?)
            }
        })
    }
}

impl TransformerWeights {
    fn load(
        config: &DenoiserConfig,
        width: usize,
        looks: &Looks,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let own = weights.pp(&looks.name);
        let frame = |name: &str| {
            if config.linear_projection {
                Affine::load(width, width, &own.pp(name))
            } else {
                convolution([width, width, 1], &own.pp(name))
            }
        };
        let blocks = own.pp("transformer_blocks");
        Ok(Self {
            norm: NormWeights::load(width, &own.pp("norm"))?,
            proj_in: frame("proj_in")?,
            blocks: (0..looks.depth)
                .map(|block| LookWeights::load(config, width, &blocks.pp(block)))
                .collect::<Result<_>>()?,
            proj_out: frame("proj_out")?,
        })
    }
}

impl LookWeights {
    fn load(config: &DenoiserConfig, width: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let norm = |name: &str| NormWeights::load(width, &weights.pp(name));
        let attention =
            |name: &str, seen: usize| AttentionWeights::load(width, seen, &weights.pp(name));
        let feed_forward = weights.pp("ff.net");
        Ok(Self {
            norms: [norm("norm1")?, norm("norm2")?, norm("norm3")?],
            own: attention("attn1", width)?,
            cross: attention("attn2", config.caption_width)?,
            up: Affine::load(width, 8 * width, &feed_forward.pp("0.proj"))?,
            down: Affine::load(4 * width, width, &feed_forward.pp("2"))?,
        })
    }
}

impl AttentionWeights {
    fn load(width: usize, seen: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            query: matrix(width, width, &weights.pp("to_q"))?,
            key: matrix(seen, width, &weights.pp("to_k"))?,
            value: matrix(seen, width, &weights.pp("to_v"))?,
            output: Affine::load(width, width, &weights.pp("to_out.0"))?,
        })
    }
}
