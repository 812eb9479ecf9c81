//! The tensors of a decoder, by the names of diffusers' checkpoints.

use candle_core::Result;
use candle_nn::VarBuilder;

use super::config::{COLOURS, DecoderConfig};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::layer::convolution;
use crate::diffusion::residual::ResidualWeights;

/// All tensors.
#[derive(Clone, Debug)]
pub struct DecoderWeights {
    /// Among the channels of latents, 1×1.
    pub post_quant: Affine,
    /// To the channels of the first level.
    pub conv_in: Affine,
    /// Blocks around the attention.
    pub middle: [ResidualWeights; 2],
    /// Attention among all pixels.
    pub attention: AttentionWeights,
    /// Levels, the widest first.
    pub levels: Vec<LevelWeights>,
    /// The last norm.
    pub norm_out: NormWeights,
    /// To colours.
    pub conv_out: Affine,
}

/// Tensors of the attention, which has one head.
#[derive(Clone, Debug)]
pub struct AttentionWeights {
    /// Norm over groups before it.
    pub norm: NormWeights,
    /// Queries, keys and values.
    pub qkv: [Affine; 3],
    /// The output.
    pub output: Affine,
}

/// Tensors of a level.
#[derive(Clone, Debug)]
pub struct LevelWeights {
    /// Blocks.
    pub blocks: Vec<ResidualWeights>,
    /// Over the enlarged picture; not in the last level.
    pub double: Option<Affine>,
}

impl DecoderWeights {
    /// Takes the tensors.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &DecoderConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let (latent, widest) = (config.latent_channels, config.channels[0]);
        let last = config.channels.len() - 1;
        let narrowest = config.channels[last];
        let post_quant = weights.pp("post_quant_conv");
        let decoder = weights.pp("decoder");
        let middle = decoder.pp("mid_block");
        let block =
            |index: usize| ResidualWeights::load(widest, widest, &middle.pp("resnets").pp(index));
        let mut input = widest;
        let mut levels = Vec::with_capacity(config.channels.len());
        for (level, &output) in config.channels.iter().enumerate() {
            let own = decoder.pp("up_blocks").pp(level);
            let mut blocks = Vec::with_capacity(config.blocks);
            for block in 0..config.blocks {
                let below = own.pp("resnets").pp(block);
                blocks.push(ResidualWeights::load(input, output, &below)?);
                input = output;
            }
            let double = || convolution([output, output, 3], &own.pp("upsamplers.0.conv"));
            levels.push(LevelWeights {
                blocks,
                double: (level < last).then(double).transpose()?,
            });
        }
        Ok(Self {
            post_quant: convolution([latent, latent, 1], &post_quant)?,
            conv_in: convolution([latent, widest, 3], &decoder.pp("conv_in"))?,
            middle: [block(0)?, block(1)?],
            attention: AttentionWeights::load(widest, &middle.pp("attentions.0"))?,
            levels,
            norm_out: NormWeights::load(narrowest, &decoder.pp("conv_norm_out"))?,
            conv_out: convolution([narrowest, COLOURS, 3], &decoder.pp("conv_out"))?,
        })
    }
}

impl AttentionWeights {
    fn load(width: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let square = |name: &str| Affine::load(width, width, &weights.pp(name));
        Ok(Self {
            norm: NormWeights::load(width, &weights.pp("group_norm"))?,
            qkv: [square("to_q")?, square("to_k")?, square("to_v")?],
            output: square("to_out.0")?,
        })
    }
}
