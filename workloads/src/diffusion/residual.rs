//! The residual block of denoiser and autoencoder: two convolutions, each behind a norm with `SiLU`,
//! and the input added (He et al. 2016; Ho et al. 2020).

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use ops::image::{self, Conv2d};
use ops::linear::Linear;
use ops::norm::GroupNorm;

use super::layer;
use super::room::{Need, Place, Room};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// Its tensors, as checkpoints have them.
#[derive(Clone, Debug)]
pub struct ResidualWeights {
    /// Norm before the first convolution.
    pub norm1: NormWeights,
    /// To the new number of channels.
    pub conv1: Affine,
    /// Norm before the second convolution.
    pub norm2: NormWeights,
    /// Among the new channels.
    pub conv2: Affine,
    /// Of the input, 1×1, where the number of channels changes.
    pub shortcut: Option<Affine>,
}

impl ResidualWeights {
    /// Takes the tensors from here.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(input: usize, output: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let convolution =
            |name: &str, shape: [usize; 3]| layer::convolution(shape, &weights.pp(name));
        Ok(Self {
            norm1: NormWeights::load(input, &weights.pp("norm1"))?,
            conv1: convolution("conv1", [input, output, 3])?,
            norm2: NormWeights::load(output, &weights.pp("norm2"))?,
            conv2: convolution("conv2", [output, output, 3])?,
            shortcut: (input != output)
                .then(|| convolution("conv_shortcut", [input, output, 1]))
                .transpose()?,
        })
    }
}

/// The block of fused operations.
pub(super) struct Residual {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Linear>,
    /// Channels of the result.
    output: usize,
}

impl Residual {
    pub(super) fn new(weights: ResidualWeights, epsilon: f32, fused: Fused) -> Result<Self> {
        Ok(Self {
            output: weights.conv1.bias.dim(0)?,
            norm1: layer::group_norm(weights.norm1, epsilon)?.with_silu(),
            conv1: layer::conv2d(weights.conv1, 1, fused)?,
            norm2: layer::group_norm(weights.norm2, epsilon)?.with_silu(),
            conv2: layer::conv2d(weights.conv2, 1, fused)?,
            shortcut: weights
                .shortcut
                .map(|shortcut| layer::linear(shortcut, fused))
                .transpose()?,
        })
    }

    /// What a block needs beside its result, over so many pixels.
    pub(super) fn need(pixels: usize, input: usize, output: usize, need: &mut Need) {
        need.at_least(Place::Normed, pixels * input.max(output));
        need.at_least(Place::Hidden, pixels * output);
    }

    /// From `x` `[b, h, w, in]` to `out` `[b, h, w, out]`; `time` `[b, out]` is added in between.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        time: Option<&Tensor>,
        room: &Room,
        out: &Tensor,
    ) -> Result<()> {
        let (batch, height, width, _) = x.dims4()?;
        let normed = room.view(Place::Normed, x.shape())?;
        self.norm1.forward(x, &normed)?;
        let hidden = room.view(Place::Hidden, (batch, height, width, self.output))?;
        self.conv1.forward(&normed, &hidden)?;
        let normed = room.view(Place::Normed, hidden.shape())?;
        match time {
            Some(time) => self.norm2.forward_added(&hidden, time, &normed)?,
            None => self.norm2.forward(&hidden, &normed)?,
        }
        match &self.shortcut {
            Some(shortcut) => {
                let rows = batch * height * width;
                shortcut.forward(&x.reshape((rows, ()))?, &out.reshape((rows, ()))?)?;
                self.conv2.forward_residual(&normed, out, out)
            }
            None => self.conv2.forward_residual(&normed, x, out),
        }
    }
}

/// Twice the edge: each pixel four times, and a convolution over them.
pub(super) fn double(convolution: &Conv2d, x: &Tensor, room: &Room, out: &Tensor) -> Result<()> {
    let (batch, height, width, channels) = x.dims4()?;
    let enlarged = (batch, 2 * height, 2 * width, channels);
    let enlarged = room.view(Place::Joined, enlarged)?;
    image::upsample_nearest(x, 2, &enlarged)?;
    convolution.forward(&enlarged, out)
}
