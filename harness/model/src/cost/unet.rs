//! The U-Net of image segmentation.
//!
//! Ronneberger et al. 2015, figure 1, with padded convolutions, batch norms and transposed
//! convolutions, three input channels and two classes; native edge 512.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::image::Image;
use super::phase::Phase;
use super::tally::{After, Tally};
use crate::axis::Axis;

const CLASSES: u64 = 2;

/// Channels of each level, the finest first.
struct Unet([u64; 5]);

fn twice(tally: &mut Tally, input: Image, channels: u64) -> Image {
    input
        .conv_relu(tally, channels, 3, 1, After::BatchNorm)
        .conv_relu(tally, channels, 3, 1, After::BatchNorm)
}

/// A transposed 2×2 convolution with stride 2: four products for each pixel.
fn double(tally: &mut Tally, input: Image, channels: u64) -> Image {
    tally.linear(input.pixels(), input.channels, 4 * channels, channels);
    Image {
        edge_px: 2 * input.edge_px,
        channels,
        ..input
    }
}

fn pass(tally: &mut Tally, image: Image, channels: [u64; 5]) {
    tally.in_and_out(image.elements());
    let mut features = twice(tally, image, channels[0]);
    let mut skipped = Vec::new();
    for channels in &channels[1..] {
        skipped.push(features);
        let pooled = features.max_pool(tally, 2, 2);
        features = twice(tally, pooled, *channels);
    }
    for skip in skipped.into_iter().rev() {
        let up = double(tally, features, skip.channels);
        features = twice(tally, up.with_channels(2 * skip.channels), skip.channels);
    }
    let mask = features.conv(tally, CLASSES, 1, 1, After::Bias);
    tally.in_and_out(mask.elements());
}

impl Architecture for Unet {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let image = Image {
            batch: ask.batch,
            edge_px: ask.resolution(512, 16)?,
            channels: 3,
        };
        let mut tally = Tally::new(ask.format);
        pass(&mut tally, image, self.0);
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let channels = match model {
        // A shape of this project's, for tests.
        "unet-tiny" => [8, 12, 16, 24, 32],
        "unet" => [64, 128, 256, 512, 1024],
        _ => return None,
    };
    Some(Box::new(Unet(channels)))
}
