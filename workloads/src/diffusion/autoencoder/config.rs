//! Shape of a decoder.

use super::DecoderWeights;
use crate::diffusion::listing;

/// Colours of a pixel.
pub const COLOURS: usize = 3;

/// Shape of a decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Channels of latents.
    pub latent_channels: usize,
    /// Channels of each level, the widest first; each but the last doubles the edge.
    pub channels: &'static [usize],
    /// Residual blocks of each level.
    pub blocks: usize,
    /// What latents were multiplied with, so that their variance is about one.
    pub scale: f64,
}

impl DecoderConfig {
    /// Stable Diffusion 1 and 2.
    pub const STABLE_DIFFUSION: Self = Self {
        latent_channels: 4,
        channels: &[512, 512, 256, 128],
        blocks: 3,
        scale: 0.18215,
    };
    /// SDXL: the same network, trained anew.
    pub const SDXL: Self = Self {
        scale: 0.13025,
        ..Self::STABLE_DIFFUSION
    };
    /// Small enough for processors and tests.
    pub const TINY: Self = Self {
        channels: &[64, 32, 32, 32],
        ..Self::STABLE_DIFFUSION
    };

    /// How many times the edge of latents a picture's is.
    pub const fn factor(&self) -> usize {
        1 << (self.channels.len() - 1)
    }

    /// Every tensor of a checkpoint that is needed, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        listing::tensors(|weights| DecoderWeights::load(self, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::parameters;

    /// Decoder and the 1×1 convolution before it, of the released checkpoint.
    #[test]
    fn the_decoder_has_the_published_parameter_count() {
        let tensors = DecoderConfig::STABLE_DIFFUSION.tensors();
        assert_eq!(parameters(&tensors), 49_490_179 + 20);
        assert_eq!(DecoderConfig::STABLE_DIFFUSION.factor(), 8);
    }
}
