//! Shape of a denoiser.

use super::DenoiserWeights;
use crate::diffusion::listing;

/// Values of the sinusoids of each size and crop that SDXL is told.
const SIZE_WIDTH: usize = 256;
/// Height and width of the original, of the crop's corner, and of the picture.
const SIZES: usize = 6;

/// Shape of a denoiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenoiserConfig {
    /// Channels of latent pictures.
    pub latent_channels: usize,
    /// Channels of each level; each but the last halves the edge. Multiples of the groups of norms.
    pub channels: &'static [usize],
    /// Transformer blocks behind each residual block, by level; 0: no transformer.
    pub depth: &'static [usize],
    /// Heads by level.
    pub heads: &'static [usize],
    /// Transformer blocks at the bottom.
    pub bottom_depth: usize,
    /// Residual blocks of each level on the way down; one more on the way up.
    pub blocks: usize,
    /// Width of the encoded caption.
    pub caption_width: usize,
    /// Whether the frame of a transformer is stored as matrices, not as 1×1 convolutions.
    pub linear_projection: bool,
    /// What is added to the time.
    pub added: Option<Added>,
}

/// What SDXL adds to the time: the caption as a whole, sizes and crops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Width of the caption as a whole.
    pub pooled_width: usize,
}

impl Added {
    /// Values of the sinusoids of all sizes.
    pub const SIZES_WIDTH: usize = SIZES * SIZE_WIDTH;

    /// Width of caption and sizes side by side.
    pub const fn width(self) -> usize {
        self.pooled_width + Self::SIZES_WIDTH
    }

    /// Sinusoids of the sizes of a square picture that is neither enlarged nor cropped.
    pub fn sizes(edge_px: usize) -> Vec<f32> {
        #[expect(clippy::cast_precision_loss, reason = "edges are far below 2^53")]
        let edge = edge_px as f64;
        [edge, edge, 0.0, 0.0, edge, edge]
            .into_iter()
            .flat_map(|size| super::embedding::sinusoids(size, SIZE_WIDTH))
            .collect()
    }
}

impl DenoiserConfig {
    /// Stable Diffusion 1.
    pub const SD_1: Self = Self {
        latent_channels: 4,
        channels: &[320, 640, 1280, 1280],
        depth: &[1, 1, 1, 0],
        heads: &[8, 8, 8, 8],
        bottom_depth: 1,
        blocks: 2,
        caption_width: 768,
        linear_projection: false,
        added: None,
    };
    /// Stable Diffusion 2: heads of 64, a wider caption.
    pub const SD_2: Self = Self {
        heads: &[5, 10, 20, 20],
        caption_width: 1024,
        linear_projection: true,
        ..Self::SD_1
    };
    /// SDXL: three levels, most of the transformers at the bottom.
    pub const SDXL: Self = Self {
        channels: &[320, 640, 1280],
        depth: &[0, 2, 10],
        heads: &[5, 10, 20],
        bottom_depth: 10,
        caption_width: 2048,
        linear_projection: true,
        added: Some(Added { pooled_width: 1280 }),
        ..Self::SD_1
    };
    /// Two levels of few channels, for processors and tests.
    pub const TINY: Self = Self {
        channels: &[32, 64],
        depth: &[1, 1],
        heads: &[1, 2],
        caption_width: 64,
        ..Self::SD_1
    };

    /// Width of the embedded time.
    pub const fn time_width(&self) -> usize {
        4 * self.channels[0]
    }

    /// Edges are divided by this on the way down.
    pub const fn stride(&self) -> usize {
        1 << (self.channels.len() - 1)
    }

    /// Every tensor of a checkpoint, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        listing::tensors(|weights| DenoiserWeights::load(self, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::parameters;

    /// Parameters of the released checkpoints.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        for (config, published) in [
            (DenoiserConfig::SD_1, 859_520_964),
            (DenoiserConfig::SD_2, 865_910_724),
            (DenoiserConfig::SDXL, 2_567_463_684),
        ] {
            assert_eq!(parameters(&config.tensors()), published);
        }
    }

    #[test]
    fn names_are_those_of_checkpoints() {
        let names: Vec<String> = DenoiserConfig::SDXL
            .tensors()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        for name in [
            "down_blocks.0.downsamplers.0.conv.weight",
            "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_out.0.bias",
            "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
            "up_blocks.0.attentions.2.transformer_blocks.9.attn1.to_k.weight",
            "up_blocks.2.resnets.2.conv_shortcut.weight",
            "add_embedding.linear_2.bias",
        ] {
            assert!(names.iter().any(|own| own == name), "{name}");
        }
    }
}
