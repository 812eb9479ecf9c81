//! `SegFormer`: a class for each pixel, by attention.
//!
//! Xie et al. 2021, table 6, with the parameter counts of the checkpoints for the 150 classes of
//! ADE20K. Keys and values come from a picture that is smaller by a factor of each stage; a
//! depthwise convolution stands in each feed-forward layer. Logits are resized to the edge of the
//! picture.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::image::Image;
use super::phase::Phase;
use super::tally::{After, Attention, GELU_OPERATIONS, Norm, Tally};
use crate::axis::Axis;

/// A feed-forward layer is so many times as wide inside.
const EXPANSION: u64 = 4;
/// Operations of a pixel that lies between four.
const BILINEAR_OPERATIONS: f64 = 8.0;

/// Shape of the network; a value of each stage.
#[derive(Clone, Copy, Debug)]
struct Segformer {
    depths: [u64; 4],
    widths: [u64; 4],
    heads: [u64; 4],
    /// Edge of the picture by that of the one that keys and values come from.
    reductions: [u64; 4],
    /// Channels of the head.
    decoder: u64,
    classes: u64,
}

impl Segformer {
    /// Launches: norm, queries, smaller picture and its norm, keys and values, attention, output.
    fn attend(tally: &mut Tally, image: Image, heads: u64, reduction: u64) {
        let width = image.channels;
        tally.norm(image.pixels(), width, Norm::Layer);
        tally.linear(image.pixels(), width, width, width);
        let mut answering = image;
        if reduction > 1 {
            answering = image.conv(tally, width, reduction, reduction, After::Bias);
            tally.norm(answering.pixels(), width, Norm::Layer);
        }
        tally.linear(answering.pixels(), width, 2 * width, 2 * width);
        let (queries, keys) = (image.edge_px.pow(2), answering.edge_px.pow(2));
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

    fn feed_forward(tally: &mut Tally, image: Image) {
        let (width, inner) = (image.channels, EXPANSION * image.channels);
        tally.norm(image.pixels(), width, Norm::Layer);
        tally.linear(image.pixels(), width, inner, inner);
        let wide = image.with_channels(inner);
        wide.depthwise(tally, 3, 1, After::Bias);
        tally.fused(wide.elements(), GELU_OPERATIONS);
        tally.linear(image.pixels(), inner, width, width);
    }

    fn pass(&self, tally: &mut Tally, image: Image) {
        let mut features = image;
        let mut joined = 0;
        for stage in 0..4 {
            let (kernel, stride) = if stage == 0 { (7, 4) } else { (3, 2) };
            features = features.conv(tally, self.widths[stage], kernel, stride, After::Bias);
            let pixels = features.pixels();
            tally.norm(pixels, features.channels, Norm::Layer);
            for _ in 0..self.depths[stage] {
                Self::attend(tally, features, self.heads[stage], self.reductions[stage]);
                Self::feed_forward(tally, features);
            }
            tally.norm(pixels, features.channels, Norm::Layer);
            tally.linear(pixels, features.channels, self.decoder, self.decoder);
            let part = features.with_channels(self.decoder);
            if stage > 0 {
                part.upsample(tally, 1 << stage, BILINEAR_OPERATIONS);
            }
            joined += self.decoder;
        }
        let quarter = Image {
            edge_px: image.edge_px / 4,
            channels: joined,
            ..image
        };
        let fused = quarter.conv_relu(tally, self.decoder, 1, 1, After::BatchNorm);
        let mask = fused.conv(tally, self.classes, 1, 1, After::Bias);
        let mask = mask.upsample(tally, 4, BILINEAR_OPERATIONS);
        tally.in_and_out(mask.elements());
    }
}

impl Architecture for Segformer {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let image = Image {
            batch: ask.batch,
            edge_px: ask.resolution(512, 32)?,
            channels: 3,
        };
        let mut tally = Tally::new(ask.format);
        tally.in_and_out(image.elements());
        self.pass(&mut tally, image);
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let smallest = Segformer {
        depths: [2; 4],
        widths: [32, 64, 160, 256],
        heads: [1, 2, 5, 8],
        reductions: [8, 4, 2, 1],
        decoder: 256,
        // Of ADE20K.
        classes: 150,
    };
    let network = match model {
        // A shape of this project's, for tests.
        "segformer-tiny" => Segformer {
            depths: [1, 2, 1, 1],
            widths: [16, 16, 32, 32],
            heads: [1, 1, 2, 2],
            reductions: [4, 2, 2, 1],
            decoder: 24,
            classes: 5,
        },
        "segformer-b0" => smallest,
        "segformer-b2" => Segformer {
            depths: [3, 4, 6, 3],
            widths: [64, 128, 320, 512],
            decoder: 768,
            ..smallest
        },
        _ => return None,
    };
    Some(Box::new(network))
}
