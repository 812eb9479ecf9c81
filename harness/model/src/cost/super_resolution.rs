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
    RealEsrgan,
    Edsr,
}

fn conv(tally: &mut Tally, image: Image, outputs: u64) -> Image {
    image.conv(tally, outputs, 3, 1, After::Bias)
}

/// Three dense blocks of five convolutions, each of which sees all before it.
fn dense_blocks(tally: &mut Tally, features: Image) {
    const GROWTH: u64 = 32;
    for _ in 0..3 {
        for grown in 0..4 {
            let seen = features.with_channels(features.channels + grown * GROWTH);
            seen.conv_relu(tally, GROWTH, 3, 1, After::Bias);
        }
        conv(
            tally,
            features.with_channels(features.channels + 4 * GROWTH),
            features.channels,
        );
        // Scaled and added.
        tally.fused(features.elements(), 2.0);
    }
    tally.fused(features.elements(), 2.0);
}

fn real_esrgan(tally: &mut Tally, image: Image) -> Image {
    let mut features = conv(tally, image, 64);
    for _ in 0..23 {
        dense_blocks(tally, features);
    }
    conv(tally, features, 64);
    for _ in 0..2 {
        features = features
            .upsample(tally, 2, 0.0)
            .conv_relu(tally, 64, 3, 1, After::Bias);
    }
    let features = features.conv_relu(tally, 64, 3, 1, After::Bias);
    conv(tally, features, 3)
}

fn edsr(tally: &mut Tally, image: Image) -> Image {
    let mut features = conv(tally, image, 256);
    for _ in 0..32 {
        let hidden = features.conv_relu(tally, 256, 3, 1, After::Bias);
        conv(tally, hidden, 256);
        tally.fused(features.elements(), 2.0);
    }
    conv(tally, features, 256);
    for _ in 0..2 {
        // Four times the channels become twice the edge.
        let wide = conv(tally, features, 4 * 256);
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
            Self::RealEsrgan => real_esrgan(&mut tally, image),
            Self::Edsr => edsr(&mut tally, image),
        };
        tally.in_and_out(large.elements());
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let network = match model {
        "real-esrgan" => Enlarger::RealEsrgan,
        "edsr" => Enlarger::Edsr,
        _ => return None,
    };
    Some(Box::new(network))
}
