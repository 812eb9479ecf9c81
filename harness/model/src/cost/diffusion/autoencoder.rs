//! The decoder half of the autoencoder: from latents to an image of eight times their edge. The
//! same shape in all released versions.

use super::denoiser::{LATENT_CHANNELS, residual};
use crate::cost::image::Image;
use crate::cost::tally::{After, Attention, Norm, Tally};

/// Channels of each level; each but the last doubles the edge.
pub(super) type Channels = [u64; 4];
/// Those of the released versions.
pub(super) const RELEASED: Channels = [512, 512, 256, 128];
/// Those of `diffusion-tiny`, ours.
pub(super) const TINY: Channels = [64, 32, 32, 32];
/// Residual blocks of each level.
const BLOCKS: u64 = 3;

/// A pass over so many latents of this edge.
pub(super) fn decode(tally: &mut Tally, levels: Channels, batch: u64, edge: u64) {
    let latents = Image {
        batch,
        edge_px: edge,
        channels: LATENT_CHANNELS,
    };
    tally.in_and_out(latents.elements());
    let mut image = latents
        .conv(tally, LATENT_CHANNELS, 1, 1, After::Bias)
        .conv(tally, levels[0], 3, 1, After::Bias);
    image = residual(tally, image, levels[0], None);
    attend(tally, image);
    image = residual(tally, image, levels[0], None);
    for (level, channels) in levels.into_iter().enumerate() {
        for _ in 0..BLOCKS {
            image = residual(tally, image, channels, None);
        }
        if level + 1 < levels.len() {
            image = image
                .upsample(tally, 2, 0.0)
                .conv(tally, channels, 3, 1, After::Bias);
        }
    }
    tally.group_norm_silu(image.pixels(), image.channels);
    let pixels = image.conv(tally, 3, 3, 1, After::Bias);
    tally.in_and_out(pixels.elements());
}

/// One head over all pixels.
fn attend(tally: &mut Tally, image: Image) {
    let (rows, width) = (image.pixels(), image.channels);
    let positions = image.edge_px * image.edge_px;
    tally.norm(rows, width, Norm::Layer);
    tally.linear(rows, width, 3 * width, 3 * width);
    let attention = Attention {
        batch: image.batch,
        heads: 1,
        kv_heads: 1,
        head_width: width,
        queries: positions,
        keys: positions,
        pairs: positions * positions,
    };
    tally.attention(attention, 1.0);
    tally.linear(rows, width, width, width);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::number_format::NumberFormat;

    /// Decoder and the 1×1 convolution before it, of the released checkpoint.
    #[test]
    fn the_decoder_has_the_published_parameter_count() {
        let mut tally = Tally::new(NumberFormat::of("f16", "none").unwrap());
        decode(&mut tally, RELEASED, 1, 8);
        assert_eq!(tally.parameters(), 49_490_179 + 20);
    }
}
