//! The tensors of layers that these networks share, and how they become layers of `ops`.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use ops::image::{Conv2d, Geometry};
use ops::linear::Linear;
use ops::norm::GroupNorm;

use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// Groups of every norm over groups of channels.
pub(super) const GROUPS: usize = 32;

/// Takes a convolution; its weight is `[out, in, kernel, kernel]`.
pub(super) fn convolution(
    [input, output, kernel]: [usize; 3],
    weights: &VarBuilder<'_>,
) -> Result<Affine> {
    let shape = (output, input, kernel, kernel);
    Ok(Affine {
        weight: weights.get_with_hints(shape, "weight", random(input * kernel * kernel))?,
        bias: weights.get_with_hints(output, "bias", Init::Const(0.0))?,
    })
}

/// Takes a matrix without a bias, `[out, in]`.
pub(super) fn matrix(input: usize, output: usize, weights: &VarBuilder<'_>) -> Result<Tensor> {
    weights.get_with_hints((output, input), "weight", random(input))
}

/// Normal with variance 1/fan-in.
#[expect(clippy::cast_precision_loss, reason = "a fan-in is far below 2^53")]
pub(super) fn random(fan_in: usize) -> Init {
    Init::Randn {
        mean: 0.0,
        stdev: 1.0 / (fan_in as f64).sqrt(),
    }
}

/// A convolution of pictures whose size stays, or with stride 2 is halved.
pub(super) fn conv2d(tensors: Affine, stride: usize, fused: Fused) -> Result<Conv2d> {
    let Affine { weight, bias } = tensors;
    let padding = weight.dim(3)? / 2;
    let convolution = Conv2d::new(weight, Some(bias), Geometry::square(stride, padding))?;
    Ok(convolution.with_math(fused.math))
}

/// A linear layer with a bias; a weight of a 1×1 convolution will do.
pub(super) fn linear(tensors: Affine, fused: Fused) -> Result<Linear> {
    let Affine { weight, bias } = tensors;
    let shape = (weight.dim(0)?, weight.dim(1)?);
    Ok(Linear::new(weight.reshape(shape)?, Some(bias))?.with_math(fused.math))
}

/// A linear layer without a bias.
pub(super) fn unbiased(weight: Tensor, fused: Fused) -> Result<Linear> {
    Ok(Linear::new(weight, None)?.with_math(fused.math))
}

/// A norm over groups of channels.
pub(super) fn group_norm(tensors: NormWeights, epsilon: f32) -> Result<GroupNorm> {
    GroupNorm::new(GROUPS, tensors.weight, tensors.bias, epsilon)
}
