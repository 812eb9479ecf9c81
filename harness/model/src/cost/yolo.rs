//! `YOLOv8`, in its five sizes.
//!
//! Shapes from the published model description (Ultralytics, `yolov8.yaml`, 2023): one network,
//! scaled in depth and width; 80 classes, native edge 640. Suppression of overlapping boxes is
//! not counted.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::image::Image;
use super::phase::Phase;
use super::tally::{After, Tally};
use crate::axis::Axis;

/// Operations of each bin: softmax and the expectation.
const BIN_OPERATIONS: f64 = 7.0;

/// How a size scales the network, in hundredths.
#[derive(Clone, Copy, Debug)]
struct Yolo {
    depth_pct: u64,
    width_pct: u64,
    most_channels: u64,
    classes: u64,
    /// Bins of the distribution of each side of a box, four sides.
    bins: u64,
}

impl Yolo {
    /// Channels of this size: scaled, rounded up to a multiple of eight.
    fn wide(&self, channels: u64) -> u64 {
        let scaled = channels.min(self.most_channels) * self.width_pct;
        scaled.div_ceil(800) * 8
    }

    /// Repeats of this size: scaled and rounded, at least one.
    fn deep(&self, repeats: u64) -> u64 {
        ((repeats * self.depth_pct + 50) / 100).max(1)
    }

    /// Two-way split, a chain of bottlenecks, and a product over everything on the way.
    fn split(
        &self,
        tally: &mut Tally,
        input: Image,
        channels: u64,
        repeats: u64,
        shortcut: bool,
    ) -> Image {
        let (outputs, repeats) = (self.wide(channels), self.deep(repeats));
        let half = outputs / 2;
        let mut part = input
            .conv_norm_silu(tally, 2 * half, 1, 1)
            .with_channels(half);
        for _ in 0..repeats {
            part = part
                .conv_norm_silu(tally, half, 3, 1)
                .conv_norm_silu(tally, half, 3, 1);
            tally.fused(part.elements(), f64::from(u8::from(shortcut)));
        }
        part.with_channels((2 + repeats) * half)
            .conv_norm_silu(tally, outputs, 1, 1)
    }

    /// Half the edge, more channels.
    fn halve(&self, tally: &mut Tally, input: Image, channels: u64) -> Image {
        input.conv_norm_silu(tally, self.wide(channels), 3, 2)
    }

    /// Features at an eighth, a sixteenth and a thirty-second of the edge.
    fn backbone(&self, tally: &mut Tally, image: Image) -> [Image; 3] {
        let features = self.halve(tally, image, 64);
        let features = self.halve(tally, features, 128);
        let features = self.split(tally, features, 128, 3, true);
        let features = self.halve(tally, features, 256);
        let eighth = self.split(tally, features, 256, 6, true);
        let features = self.halve(tally, eighth, 512);
        let sixteenth = self.split(tally, features, 512, 6, true);
        let features = self.halve(tally, sixteenth, 1024);
        let features = self.split(tally, features, 1024, 3, true);
        let pooled = features.conv_norm_silu(tally, features.channels / 2, 1, 1);
        for _ in 0..3 {
            pooled.max_pool(tally, 5, 1);
        }
        let last = pooled.with_channels(4 * pooled.channels).conv_norm_silu(
            tally,
            features.channels,
            1,
            1,
        );
        [eighth, sixteenth, last]
    }

    fn neck(&self, tally: &mut Tally, [eighth, sixteenth, last]: [Image; 3]) -> [Image; 3] {
        let join = |one: Image, other: Image| one.with_channels(one.channels + other.channels);
        let up = last.upsample(tally, 2, 0.0);
        let middle = self.split(tally, join(up, sixteenth), 512, 3, false);
        let up = middle.upsample(tally, 2, 0.0);
        let fine = self.split(tally, join(up, eighth), 256, 3, false);
        let down = self.halve(tally, fine, 256);
        let middle = self.split(tally, join(down, middle), 512, 3, false);
        let down = self.halve(tally, middle, 512);
        let coarse = self.split(tally, join(down, last), 1024, 3, false);
        [fine, middle, coarse]
    }

    fn heads(&self, tally: &mut Tally, levels: [Image; 3]) {
        let finest = levels[0].channels;
        let boxes = (4 * self.bins).max(finest / 4).max(16);
        let classes = finest.max(self.classes.min(100));
        for level in levels {
            for (hidden, outputs) in [(boxes, 4 * self.bins), (classes, self.classes)] {
                level
                    .conv_norm_silu(tally, hidden, 3, 1)
                    .conv_norm_silu(tally, hidden, 3, 1)
                    .conv(tally, outputs, 1, 1, After::Bias);
            }
            tally.elementwise(level.pixels() * 4 * self.bins, BIN_OPERATIONS, 1.25);
            tally.in_and_out(level.pixels() * (4 + self.classes));
        }
    }
}

impl Architecture for Yolo {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let image = Image {
            batch: ask.batch,
            edge_px: ask.resolution(640, 32)?,
            channels: 3,
        };
        let mut tally = Tally::new(ask.format);
        tally.in_and_out(image.elements());
        let features = self.backbone(&mut tally, image);
        let levels = self.neck(&mut tally, features);
        self.heads(&mut tally, levels);
        Ok(vec![Phase::once("infer", "image", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let (depth_pct, width_pct, most_channels) = match model {
        // A shape of this project's, for tests.
        "yolov8-tiny" => (33, 12, 128),
        "yolov8n" => (33, 25, 1024),
        "yolov8s" => (33, 50, 1024),
        "yolov8m" => (67, 75, 768),
        "yolov8l" => (100, 100, 512),
        "yolov8x" => (100, 125, 512),
        _ => return None,
    };
    Some(Box::new(Yolo {
        depth_pct,
        width_pct,
        most_channels,
        classes: if model == "yolov8-tiny" { 5 } else { 80 },
        bins: if model == "yolov8-tiny" { 4 } else { 16 },
    }))
}
