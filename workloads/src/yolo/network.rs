//! `YOLOv8`, layer by layer, by the names that its checkpoints have.
//!
//! Ultralytics, `yolov8.yaml`, 2023: one network, scaled in depth and width. Of each of three
//! levels it puts out distributions of the sides of a box and scores of classes, before the softmax
//! and the sigmoid.

use ops::image::Activation::Silu;

use crate::convnet::{Conv, Description, Value};

/// Added to the variance by the batch norms.
const EPSILON: f64 = 1e-3;

/// Pixels of the picture for a step on each level.
pub const STRIDES_PX: [usize; 3] = [8, 16, 32];

/// Names of what is put out, level by level: sides, then classes.
pub const OUTPUTS: [(&str, &str); 3] = [
    ("sides_8", "classes_8"),
    ("sides_16", "classes_16"),
    ("sides_32", "classes_32"),
];

/// How a size scales the network, in hundredths, and what it tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    depth_pct: usize,
    width_pct: usize,
    most_channels: usize,
    /// Classes of objects.
    pub classes: usize,
    /// Bins of the distribution of each side of a box.
    pub bins: usize,
}

impl Shape {
    /// The shape of a model.
    pub fn of(model: &str) -> Self {
        let of = |depth_pct, width_pct, most_channels| Self {
            depth_pct,
            width_pct,
            most_channels,
            // Of COCO.
            classes: 80,
            bins: 16,
        };
        match model {
            "yolov8n" => of(33, 25, 1024),
            "yolov8s" => of(33, 50, 1024),
            "yolov8m" => of(67, 75, 768),
            "yolov8l" => of(100, 100, 512),
            "yolov8x" => of(100, 125, 512),
            _ => Self {
                classes: 5,
                bins: 4,
                ..of(33, 12, 128)
            },
        }
    }

    /// Channels of this size: scaled, rounded up to a multiple of eight.
    fn wide(&self, channels: usize) -> usize {
        let scaled = channels.min(self.most_channels) * self.width_pct;
        scaled.div_ceil(800) * 8
    }

    /// Repeats of this size: scaled and rounded, at least one.
    fn deep(&self, repeats: usize) -> usize {
        ((repeats * self.depth_pct + 50) / 100).max(1)
    }
}

/// A convolution with norm and `SiLU`.
fn conv(name: &str, outputs: usize, kernel: usize) -> Conv {
    Conv::new(format!("{name}.conv"), outputs, kernel)
        .norm(format!("{name}.bn"))
        .epsilon(EPSILON)
        .then(Silu)
}

/// A network that is written down: modules of the list `model` by their number.
struct Writer {
    net: Description,
    shape: Shape,
}

impl Writer {
    /// Half the edge, more channels.
    fn halve(&mut self, number: usize, input: Value, channels: usize) -> Value {
        let conv = conv(&format!("model.{number}"), self.shape.wide(channels), 3);
        self.net.conv(input, conv.stride(2))
    }

    /// Two halves, a chain of bottlenecks after the second, and a product over everything on the
    /// way. The halves are computed apart, so that the second can be read by itself.
    fn split(
        &mut self,
        number: usize,
        input: Value,
        channels: usize,
        (repeats, shortcut): (usize, bool),
    ) -> Value {
        let name = format!("model.{number}");
        let outputs = self.shape.wide(channels);
        let half = outputs / 2;
        let mut parts = Vec::new();
        for first in [0, half] {
            let part = conv(&format!("{name}.cv1"), half, 1).part(first, outputs);
            parts.push(self.net.conv(input, part));
        }
        let mut part = parts[1];
        for repeat in 0..self.shape.deep(repeats) {
            let name = format!("{name}.m.{repeat}");
            let seen = self.net.conv(part, conv(&format!("{name}.cv1"), half, 3));
            let seen = self.net.conv(seen, conv(&format!("{name}.cv2"), half, 3));
            part = if shortcut {
                self.net.sum(&[(part, 1.0), (seen, 1.0)])
            } else {
                seen
            };
            parts.push(part);
        }
        let joined = self.net.concatenate(&parts);
        self.net
            .conv(joined, conv(&format!("{name}.cv2"), outputs, 1))
    }

    /// Pooled once, twice and three times, side by side.
    fn pyramid(&mut self, number: usize, input: Value) -> Value {
        let name = format!("model.{number}");
        let channels = self.net.shape(input).channels;
        let narrow = conv(&format!("{name}.cv1"), channels / 2, 1);
        let mut parts = vec![self.net.conv(input, narrow)];
        for pooled in 0..3 {
            parts.push(self.net.max_pool(parts[pooled], 5, 1, 2));
        }
        let joined = self.net.concatenate(&parts);
        self.net
            .conv(joined, conv(&format!("{name}.cv2"), channels, 1))
    }

    /// Features at an eighth, a sixteenth and a thirty-second of the edge.
    fn backbone(&mut self) -> [Value; 3] {
        let picture = self.net.picture();
        let features = self.halve(0, picture, 64);
        let features = self.halve(1, features, 128);
        let features = self.split(2, features, 128, (3, true));
        let features = self.halve(3, features, 256);
        let eighth = self.split(4, features, 256, (6, true));
        let features = self.halve(5, eighth, 512);
        let sixteenth = self.split(6, features, 512, (6, true));
        let features = self.halve(7, sixteenth, 1024);
        let features = self.split(8, features, 1024, (3, true));
        [eighth, sixteenth, self.pyramid(9, features)]
    }

    /// From coarse to fine and back.
    fn neck(&mut self, [eighth, sixteenth, last]: [Value; 3]) -> [Value; 3] {
        let up = self.net.nearest(last, 2);
        let joined = self.net.concatenate(&[up, sixteenth]);
        let middle = self.split(12, joined, 512, (3, false));
        let up = self.net.nearest(middle, 2);
        let joined = self.net.concatenate(&[up, eighth]);
        let fine = self.split(15, joined, 256, (3, false));
        let down = self.halve(16, fine, 256);
        let joined = self.net.concatenate(&[down, middle]);
        let middle = self.split(18, joined, 512, (3, false));
        let down = self.halve(19, middle, 512);
        let joined = self.net.concatenate(&[down, last]);
        [fine, middle, self.split(21, joined, 1024, (3, false))]
    }

    /// A chain of two convolutions and a last one for the sides, another for the classes.
    fn heads(&mut self, levels: [Value; 3]) {
        let Shape { classes, bins, .. } = self.shape;
        let finest = self.net.shape(levels[0]).channels;
        let sides = (4 * bins).max(finest / 4).max(16);
        let words = finest.max(classes.min(100));
        for (level, input) in levels.into_iter().enumerate() {
            let mut head = |part: &str, hidden: usize, outputs: usize| {
                let name = format!("model.22.{part}.{level}");
                let seen = self.net.conv(input, conv(&format!("{name}.0"), hidden, 3));
                let seen = self.net.conv(seen, conv(&format!("{name}.1"), hidden, 3));
                self.net
                    .conv(seen, Conv::new(format!("{name}.2"), outputs, 1))
            };
            let sides = head("cv2", sides, 4 * bins);
            let words = head("cv3", words, classes);
            self.net.put_out(OUTPUTS[level].0, sides);
            self.net.put_out(OUTPUTS[level].1, words);
        }
    }
}

/// The network of a model for pictures of an edge.
pub fn describe(model: &str, edge_px: usize) -> Description {
    let mut writer = Writer {
        net: Description::new(edge_px),
        shape: Shape::of(model),
    };
    let features = writer.backbone();
    let levels = writer.neck(features);
    writer.heads(levels);
    writer.net
}
