//! Networks on a ResNet-50: the classifier, Faster R-CNN with a feature pyramid, `DeepLabV3`.
//!
//! He et al. 2016, table 1, with the stride in the 3×3 convolution; Lin et al. 2017 (pyramid);
//! Ren et al. 2015; Chen et al. 2017. Heads as in torchvision, whose parameter counts the tests
//! hold them to. Suppression of overlapping boxes is a phase of its own elsewhere and not counted.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::image::Image;
use super::phase::Phase;
use super::tally::{After, Tally};
use crate::axis::Axis;

/// The network that all of them begin with.
#[derive(Clone, Copy, Debug)]
struct Backbone {
    /// Channels of the first convolution.
    stem: u64,
    /// Bottleneck blocks of each stage.
    blocks: [u64; 4],
    /// Inner width of the blocks of each stage; their output is four times as wide.
    widths: [u64; 4],
}

const RESNET_50: Backbone = Backbone {
    stem: 64,
    blocks: [3, 4, 6, 3],
    widths: [64, 128, 256, 512],
};
/// A shape of this project's, for tests.
const TINY: Backbone = Backbone {
    stem: 8,
    blocks: [1, 2, 1, 1],
    widths: [8, 8, 16, 16],
};
/// Classes of COCO as torchvision numbers them, background included.
const DETECTED_CLASSES: u64 = 91;
/// Boxes that the second half of Faster R-CNN looks at, of an image.
const PROPOSALS: u64 = 1_000;
/// Edge of the features that are taken of a box, and the bilinear samples of each.
const BOX_EDGE: u64 = 7;
const BOX_SAMPLE_OPERATIONS: f64 = 4.0 * 8.0;
const PYRAMID: u64 = 256;

#[derive(Clone, Copy, Debug)]
enum Residual {
    Classifier {
        backbone: Backbone,
        classes: u64,
    },
    Detector,
    Segmenter {
        backbone: Backbone,
        /// Channels of the branches that look from near and from far.
        pyramid: u64,
        classes: u64,
    },
}

/// Output of each stage of the network.
fn stages(
    tally: &mut Tally,
    backbone: Backbone,
    image: Image,
    after: After,
    strides: [u64; 4],
) -> [Image; 4] {
    let stem = image.conv_relu(tally, backbone.stem, 7, 2, after);
    let mut features = stem.max_pool(tally, 3, 2);
    let mut outputs = [features; 4];
    for (stage, output) in outputs.iter_mut().enumerate() {
        for block in 0..backbone.blocks[stage] {
            let stride = if block == 0 { strides[stage] } else { 1 };
            features = bottleneck(tally, features, backbone.widths[stage], stride, after);
        }
        *output = features;
    }
    outputs
}

/// 1×1, 3×3 and 1×1 with a shortcut, which is a convolution where the shape changes. Launches:
/// three or four.
fn bottleneck(tally: &mut Tally, input: Image, width: u64, stride: u64, after: After) -> Image {
    let narrow = input.conv_relu(tally, width, 1, 1, after);
    let seen = narrow.conv_relu(tally, width, 3, stride, after);
    let output = seen.conv_relu(tally, 4 * width, 1, 1, after);
    if input.channels != output.channels || stride != 1 {
        input.conv(tally, 4 * width, 1, stride, after);
    }
    tally.fused(output.elements(), 1.0);
    output
}

fn classify(tally: &mut Tally, backbone: Backbone, image: Image, classes: u64) {
    let [.., last] = stages(tally, backbone, image, After::BatchNorm, [1, 2, 2, 2]);
    tally.elementwise(last.elements(), 1.0, 1.0);
    tally.linear(image.batch, last.channels, classes, classes);
}

fn detect(tally: &mut Tally, image: Image) {
    let stages = stages(tally, RESNET_50, image, After::FrozenNorm, [1, 2, 2, 2]);
    let mut levels = Vec::new();
    for stage in stages.into_iter().rev() {
        let inner = stage.conv(tally, PYRAMID, 1, 1, After::Bias);
        if !levels.is_empty() {
            tally.elementwise(inner.elements(), 1.0, 2.25);
        }
        levels.push(inner.conv(tally, PYRAMID, 3, 1, After::Bias));
    }
    let coarsest = levels[0].max_pool(tally, 1, 2);
    propose(tally, coarsest);
    for level in levels {
        tally.with_known_weights(|tally| propose(tally, level));
    }
    let boxes = image.batch * PROPOSALS;
    let features = BOX_EDGE * BOX_EDGE * PYRAMID;
    tally.elementwise(boxes * features, BOX_SAMPLE_OPERATIONS, 5.0);
    tally.linear(boxes, features, 1_024, 1_024);
    tally.linear(boxes, 1_024, 1_024, 1_024);
    tally.linear(boxes, 1_024, DETECTED_CLASSES, DETECTED_CLASSES);
    tally.linear(boxes, 1_024, 4 * DETECTED_CLASSES, 4 * DETECTED_CLASSES);
}

/// Three anchors at each place: whether something is there, and where.
fn propose(tally: &mut Tally, level: Image) {
    let hidden = level.conv_relu(tally, PYRAMID, 3, 1, After::Bias);
    hidden.conv(tally, 3, 1, 1, After::Bias);
    hidden.conv(tally, 12, 1, 1, After::Bias);
}

fn segment(tally: &mut Tally, backbone: Backbone, image: Image, pyramid: u64, classes: u64) {
    // Dilated instead of strided from the third stage on: an eighth of the edge is kept.
    let [_, _, third, last] = stages(tally, backbone, image, After::BatchNorm, [1, 2, 1, 1]);
    for kernel in [1, 3, 3, 3] {
        last.conv_relu(tally, pyramid, kernel, 1, After::BatchNorm);
    }
    tally.elementwise(last.elements(), 1.0, 1.0);
    let pooled = Image { edge_px: 1, ..last };
    pooled.conv_relu(tally, pyramid, 1, 1, After::BatchNorm);
    let joined = last.with_channels(5 * pyramid);
    let hidden = joined
        .conv_relu(tally, pyramid, 1, 1, After::BatchNorm)
        .conv_relu(tally, pyramid, 3, 1, After::BatchNorm);
    let mask = hidden.conv(tally, classes, 1, 1, After::Bias);
    let mask = mask.upsample(tally, 8, 8.0);
    // The second head, on the third stage, which torchvision also runs.
    let hidden = third.conv_relu(tally, third.channels / 4, 3, 1, After::BatchNorm);
    let second = hidden.conv(tally, classes, 1, 1, After::Bias);
    second.upsample(tally, 8, 8.0);
    tally.in_and_out(mask.elements());
}

impl Architecture for Residual {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let edge_px = match self {
            Self::Classifier { .. } => ask.resolution(224, 32)?,
            Self::Detector => ask.resolution(800, 32)?,
            Self::Segmenter { .. } => ask.resolution(520, 8)?,
        };
        let image = Image {
            batch: ask.batch,
            edge_px,
            channels: 3,
        };
        let mut tally = Tally::new(ask.format);
        tally.in_and_out(image.elements());
        match self {
            Self::Classifier { backbone, classes } => {
                classify(&mut tally, *backbone, image, *classes);
            }
            Self::Detector => detect(&mut tally, image),
            Self::Segmenter {
                backbone,
                pyramid,
                classes,
            } => segment(&mut tally, *backbone, image, *pyramid, *classes),
        }
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let network = match model {
        "resnet-tiny" => Residual::Classifier {
            backbone: TINY,
            classes: 10,
        },
        "resnet-50" => Residual::Classifier {
            backbone: RESNET_50,
            classes: 1_000,
        },
        "faster-rcnn" => Residual::Detector,
        "deeplabv3-tiny" => Residual::Segmenter {
            backbone: TINY,
            pyramid: 16,
            classes: 5,
        },
        "deeplabv3" => Residual::Segmenter {
            backbone: RESNET_50,
            pyramid: 256,
            // Pascal VOC, background included.
            classes: 21,
        },
        _ => return None,
    };
    Some(Box::new(network))
}
