//! Networks that enlarge an image to four times its edge: Real-ESRGAN and EDSR.
//!
//! Wang et al. 2021 (`RRDBNet`: 23 blocks of 64 channels, growth 32); Lim et al. 2017, section 3.4
//! (EDSR: 32 blocks of 256 channels). `resolution_px` is the edge of the small image, native 256.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::image::Image;
use super::phase::Phase;
use super::tally::{After, Tally};
use crate::axis::Axis;

#[derive(Clone, Copy, Debug)]
enum Enlarger {
    RealEsrgan {
        blocks: u64,
        channels: u64,
        growth: u64,
    },
    Edsr {
        blocks: u64,
        channels: u64,
    },
}

fn conv(tally: &mut Tally, image: Image, outputs: u64) -> Image {
    image.conv(tally, outputs, 3, 1, After::Bias)
}

/// Three dense blocks of five convolutions, each of which sees all before it.
fn dense_blocks(tally: &mut Tally, features: Image, growth: u64) {
    for _ in 0..3 {
        for grown in 0..4 {
            let seen = features.with_channels(features.channels + grown * growth);
            seen.conv_relu(tally, growth, 3, 1, After::Bias);
        }
        conv(
            tally,
            features.with_channels(features.channels + 4 * growth),
            features.channels,
        );
        // Scaled and added.
        tally.fused(features.elements(), 2.0);
    }
    tally.fused(features.elements(), 2.0);
}

fn real_esrgan(tally: &mut Tally, image: Image, blocks: u64, channels: u64, growth: u64) -> Image {
    let mut features = conv(tally, image, channels);
    for _ in 0..blocks {
        dense_blocks(tally, features, growth);
    }
    conv(tally, features, channels);
    for _ in 0..2 {
        features = features
            .upsample(tally, 2, 0.0)
            .conv_relu(tally, channels, 3, 1, After::Bias);
    }
    let features = features.conv_relu(tally, channels, 3, 1, After::Bias);
    conv(tally, features, 3)
}

fn edsr(tally: &mut Tally, image: Image, blocks: u64, channels: u64) -> Image {
    let mut features = conv(tally, image, channels);
    for _ in 0..blocks {
        let hidden = features.conv_relu(tally, channels, 3, 1, After::Bias);
        conv(tally, hidden, channels);
        tally.fused(features.elements(), 2.0);
    }
    conv(tally, features, channels);
    for _ in 0..2 {
        // Four times the channels become twice the edge.
        let wide = conv(tally, features, 4 * channels);
        tally.elementwise(wide.elements(), 0.0, 2.0);
        features.edge_px *= 2;
    }
    conv(tally, features, 3)
}

impl Architecture for Enlarger {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let image = Image {
            batch: ask.batch,
            edge_px: ask.resolution(256, 1)?,
            channels: 3,
        };
        let mut tally = Tally::new(ask.format);
        tally.in_and_out(image.elements());
        let large = match self {
            Self::RealEsrgan {
                blocks,
                channels,
                growth,
            } => real_esrgan(&mut tally, image, *blocks, *channels, *growth),
            Self::Edsr { blocks, channels } => edsr(&mut tally, image, *blocks, *channels),
        };
        tally.in_and_out(large.elements());
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let network = match model {
        // Shapes of this project's, for tests.
        "real-esrgan-tiny" => Enlarger::RealEsrgan {
            blocks: 2,
            channels: 12,
            growth: 6,
        },
        "edsr-tiny" => Enlarger::Edsr {
            blocks: 3,
            channels: 16,
        },
        "real-esrgan" => Enlarger::RealEsrgan {
            blocks: 23,
            channels: 64,
            growth: 32,
        },
        "edsr" => Enlarger::Edsr {
            blocks: 32,
            channels: 256,
        },
        _ => return None,
    };
    Some(Box::new(network))
}
