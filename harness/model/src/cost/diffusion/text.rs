//! Text encoders of latent diffusion: the text halves of CLIP and `OpenCLIP`.

use crate::cost::tally::{Norm, Tally};
use crate::cost::transformer::{Block, Sight};

/// Every caption is padded to this.
pub(super) const TOKENS: u64 = 77;

/// Shape of a text encoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextEncoder {
    vocabulary: u64,
    layers: u64,
    block: Block,
    /// Whether the caption as a whole is projected too.
    projected: bool,
}

impl TextEncoder {
    /// Radford et al. 2021, table 20: the text half of ViT-L/14.
    pub(super) const CLIP_L: Self = Self {
        vocabulary: 49_408,
        layers: 12,
        block: Block::encoder(768, 3072, 12),
        projected: false,
    };
    /// That of `diffusion-tiny`, ours.
    pub(super) const TINY: Self = Self {
        vocabulary: 512,
        layers: 2,
        block: Block::encoder(64, 256, 2),
        ..Self::CLIP_L
    };
    /// `OpenCLIP` ViT-H/14 (Cherti et al. 2023), without its last block, which is not used.
    pub(super) const OPEN_CLIP_H: Self = Self {
        layers: 23,
        block: Block::encoder(1024, 4096, 16),
        ..Self::CLIP_L
    };
    /// `OpenCLIP` ViT-bigG/14.
    pub(super) const OPEN_CLIP_BIG_G: Self = Self {
        layers: 32,
        block: Block::encoder(1280, 5120, 20),
        projected: true,
        ..Self::CLIP_L
    };

    /// A pass of so many captions.
    pub(super) fn pass(&self, tally: &mut Tally, captions: u64) {
        let width = self.block.width;
        let rows = captions * TOKENS;
        tally.embedding(self.vocabulary, width, rows);
        tally.embedding(TOKENS, width, TOKENS);
        tally.elementwise(rows * width, 1.0, 1.0);
        for _ in 0..self.layers {
            self.block.pass(tally, captions, TOKENS, Sight::Causal);
        }
        tally.norm(rows, width, Norm::Layer);
        if self.projected {
            tally.linear(captions, width, width, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::number_format::NumberFormat;

    /// Parameters of the released checkpoints.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        let parameters = |encoder: TextEncoder| {
            let mut tally = Tally::new(NumberFormat::of("f16", "none").unwrap());
            encoder.pass(&mut tally, 1);
            tally.parameters()
        };
        assert_eq!(parameters(TextEncoder::CLIP_L), 123_060_480);
        assert_eq!(parameters(TextEncoder::OPEN_CLIP_H), 340_387_840);
        assert_eq!(parameters(TextEncoder::OPEN_CLIP_BIG_G), 694_659_840);
    }
}
