//! The U-Net that denoises: residual convolutions, and transformers over the pixels that also
//! look at the caption.

use super::text::TOKENS;
use crate::cost::image::Image;
use crate::cost::tally::{After, Attention, GELU_OPERATIONS, Norm, SILU_OPERATIONS, Tally};

/// Channels of latents.
pub(super) const LATENT_CHANNELS: u64 = 4;
/// Residual blocks of each level on the way down; one more on the way up.
const BLOCKS: usize = 2;

/// Shape of a denoiser.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denoiser {
    /// Channels of each level; each but the last halves the edge.
    channels: &'static [u64],
    /// Transformer blocks behind each residual block, by level.
    depth: &'static [u64],
    /// Heads by level.
    heads: &'static [u64],
    /// Transformer blocks at the bottom.
    bottom_depth: u64,
    /// Width of the encoded caption.
    caption_width: u64,
    /// Width of what SDXL adds to the time: sizes, crops, the caption as a whole.
    added_width: Option<u64>,
}

impl Denoiser {
    /// Stable Diffusion 1.
    pub(super) const SD_1: Self = Self {
        channels: &[320, 640, 1280, 1280],
        depth: &[1, 1, 1, 0],
        heads: &[8, 8, 8, 8],
        bottom_depth: 1,
        caption_width: 768,
        added_width: None,
    };
    /// Stable Diffusion 2: heads of 64, a wider caption.
    pub(super) const SD_2: Self = Self {
        heads: &[5, 10, 20, 20],
        caption_width: 1024,
        ..Self::SD_1
    };
    /// SDXL: three levels, most of the transformers at the bottom.
    pub(super) const SDXL: Self = Self {
        channels: &[320, 640, 1280],
        depth: &[0, 2, 10],
        heads: &[5, 10, 20],
        bottom_depth: 10,
        caption_width: 2048,
        added_width: Some(2816),
    };

    /// `diffusion-tiny`, ours: two levels of few channels.
    pub(super) const TINY: Self = Self {
        channels: &[32, 64],
        depth: &[1, 1],
        heads: &[1, 2],
        caption_width: 64,
        ..Self::SD_1
    };

    fn time_width(&self) -> u64 {
        4 * self.channels[0]
    }

    /// A pass over so many latents of this edge.
    pub(super) fn pass(&self, tally: &mut Tally, batch: u64, edge: u64) {
        let time = self.time_width();
        for width in [Some(self.channels[0]), self.added_width]
            .into_iter()
            .flatten()
        {
            tally.linear(batch, width, time, time);
            tally.fused(batch * time, SILU_OPERATIONS);
            tally.linear(batch, time, time, time);
        }
        let latents = Image {
            batch,
            edge_px: edge,
            channels: LATENT_CHANNELS,
        };
        tally.in_and_out(2 * latents.elements());
        let mut image = latents.conv(tally, self.channels[0], 3, 1, After::Bias);
        let mut skipped = vec![image];
        let last = self.channels.len() - 1;
        for level in 0..=last {
            for _ in 0..BLOCKS {
                image = residual(tally, image, self.channels[level], Some(time));
                self.look(tally, image, level, self.depth[level]);
                skipped.push(image);
            }
            if level < last {
                image = image.conv(tally, image.channels, 3, 2, After::Bias);
                skipped.push(image);
            }
        }
        image = residual(tally, image, image.channels, Some(time));
        self.look(tally, image, last, self.bottom_depth);
        image = residual(tally, image, image.channels, Some(time));
        for level in (0..=last).rev() {
            for _ in 0..=BLOCKS {
                let skip = skipped.pop().expect("as many on the way up as down");
                let joined = image.with_channels(image.channels + skip.channels);
                image = residual(tally, joined, self.channels[level], Some(time));
                self.look(tally, image, level, self.depth[level]);
            }
            if level > 0 {
                image =
                    image
                        .upsample(tally, 2, 0.0)
                        .conv(tally, image.channels, 3, 1, After::Bias);
            }
        }
        tally.group_norm_silu(image.pixels(), image.channels);
        image.conv(tally, LATENT_CHANNELS, 3, 1, After::Bias);
    }

    /// A transformer of so many blocks over the pixels. Launches: three of its frame, and of each
    /// block three norms, two projections, attention, output, two projections, attention, output,
    /// three of the feed-forward network.
    fn look(&self, tally: &mut Tally, image: Image, level: usize, depth: u64) {
        if depth == 0 {
            return;
        }
        let (rows, width) = (image.pixels(), image.channels);
        tally.norm(rows, width, Norm::Layer);
        tally.linear(rows, width, width, width);
        for _ in 0..depth {
            tally.norm(rows, width, Norm::Layer);
            tally.linear(rows, width, 3 * width, 0);
            self.attend(tally, image, level, image.edge_px * image.edge_px);
            tally.norm(rows, width, Norm::Layer);
            tally.linear(rows, width, width, 0);
            tally.linear(image.batch * TOKENS, self.caption_width, 2 * width, 0);
            self.attend(tally, image, level, TOKENS);
            tally.norm(rows, width, Norm::Layer);
            // Four times as wide, and as many gates.
            tally.linear(rows, width, 8 * width, 8 * width);
            tally.elementwise(rows * 4 * width, GELU_OPERATIONS + 1.0, 3.0);
            tally.linear(rows, 4 * width, width, width);
        }
        tally.linear(rows, width, width, width);
    }

    /// All pixels of an image look at so many keys; then the output projection.
    fn attend(&self, tally: &mut Tally, image: Image, level: usize, keys: u64) {
        let (width, heads) = (image.channels, self.heads[level]);
        let queries = image.edge_px * image.edge_px;
        let attention = Attention {
            batch: image.batch,
            heads,
            kv_heads: heads,
            head_width: width / heads,
            queries,
            keys,
            pairs: queries * keys,
        };
        tally.attention(attention, 1.0);
        tally.linear(image.pixels(), width, width, width);
    }
}

/// Two convolutions, each after a group norm with `SiLU`, with the time added between them, and a
/// shortcut, which is a convolution where the channels change. Launches: six to eight.
pub(super) fn residual(
    tally: &mut Tally,
    input: Image,
    channels: u64,
    time_width: Option<u64>,
) -> Image {
    tally.group_norm_silu(input.pixels(), input.channels);
    let hidden = input.conv(tally, channels, 3, 1, After::Bias);
    if let Some(time_width) = time_width {
        tally.linear(input.batch, time_width, channels, channels);
        tally.fused(hidden.elements(), 1.0);
    }
    tally.group_norm_silu(hidden.pixels(), channels);
    let output = hidden.conv(tally, channels, 3, 1, After::Bias);
    if input.channels != channels {
        input.conv(tally, channels, 1, 1, After::Bias);
    }
    tally.fused(output.elements(), 1.0);
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::number_format::NumberFormat;

    fn pass(denoiser: Denoiser, edge: u64) -> Tally {
        let mut tally = Tally::new(NumberFormat::of("f16", "none").unwrap());
        denoiser.pass(&mut tally, 1, edge);
        tally
    }

    /// Parameters of the released checkpoints.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        let parameters = |denoiser| pass(denoiser, 8).parameters();
        assert_eq!(parameters(Denoiser::SD_1), 859_520_964);
        assert_eq!(parameters(Denoiser::SD_2), 865_910_724);
        assert_eq!(parameters(Denoiser::SDXL), 2_567_463_684);
    }
}
