//! Layers that convolutional networks share, on square images.

use super::tally::{After, Conv, SILU_OPERATIONS, Tally};

/// A batch of square images of some channels, while it passes through a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) batch: u64,
    pub(super) edge_px: u64,
    pub(super) channels: u64,
}

impl Image {
    pub(super) const fn pixels(&self) -> u64 {
        self.batch * self.edge_px * self.edge_px
    }

    pub(super) const fn elements(&self) -> u64 {
        self.pixels() * self.channels
    }

    /// The same image with other channels: concatenated, or split.
    pub(super) const fn with_channels(self, channels: u64) -> Self {
        Self { channels, ..self }
    }

    /// A convolution that keeps the edge or divides it, with padding; edges are rounded up.
    pub(super) fn conv(
        self,
        tally: &mut Tally,
        outputs: u64,
        kernel: u64,
        stride: u64,
        after: After,
    ) -> Self {
        let edge_px = self.edge_px.div_ceil(stride);
        tally.conv(Conv {
            batch: self.batch,
            edge_out: edge_px,
            stride,
            kernel,
            inputs: self.channels,
            outputs,
            after,
        });
        Self {
            edge_px,
            channels: outputs,
            ..self
        }
    }

    /// A convolution of each channel by itself.
    pub(super) fn depthwise(
        self,
        tally: &mut Tally,
        kernel: u64,
        stride: u64,
        after: After,
    ) -> Self {
        let edge_px = self.edge_px.div_ceil(stride);
        tally.depthwise(Conv {
            batch: self.batch,
            edge_out: edge_px,
            stride,
            kernel,
            inputs: self.channels,
            outputs: self.channels,
            after,
        });
        Self { edge_px, ..self }
    }

    /// Convolution, batch norm and an activation function of the weight of `SiLU`.
    pub(super) fn conv_norm_silu(
        self,
        tally: &mut Tally,
        outputs: u64,
        kernel: u64,
        stride: u64,
    ) -> Self {
        let image = self.conv(tally, outputs, kernel, stride, After::BatchNorm);
        tally.fused(image.elements(), SILU_OPERATIONS);
        image
    }

    /// Convolution, norm and `ReLU`.
    pub(super) fn conv_relu(
        self,
        tally: &mut Tally,
        outputs: u64,
        kernel: u64,
        stride: u64,
        after: After,
    ) -> Self {
        let image = self.conv(tally, outputs, kernel, stride, after);
        tally.fused(image.elements(), 1.0);
        image
    }

    /// The largest of each window, in a kernel of its own.
    pub(super) fn max_pool(self, tally: &mut Tally, window: u64, stride: u64) -> Self {
        let image = Self {
            edge_px: self.edge_px.div_ceil(stride),
            ..self
        };
        #[expect(clippy::cast_precision_loss, reason = "windows are small")]
        let comparisons = (window * window) as f64;
        #[expect(clippy::cast_precision_loss, reason = "strides are small")]
        let tensors = 1.0 + (stride * stride) as f64;
        tally.elementwise(image.elements(), comparisons, tensors);
        image
    }

    /// Pixels repeated or interpolated to `factor` times the edge, in a kernel of its own.
    pub(super) fn upsample(self, tally: &mut Tally, factor: u64, operations: f64) -> Self {
        let image = Self {
            edge_px: self.edge_px * factor,
            ..self
        };
        tally.elementwise(image.elements(), operations, 1.25);
        image
    }
}
