//! A norm over the channels of each pixel, as networks with attention have it.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use crate::checkpoint::NormWeights;

/// Added to the variance: the value of PyTorch.
const EPSILON: f64 = 1e-5;

/// A layer norm at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LayerNorm {
    pub(super) name: String,
    pub(super) channels: usize,
}

/// A layer norm with its tensors.
#[derive(Clone, Debug)]
pub(super) struct Loaded(NormWeights);

impl LayerNorm {
    /// Trained numbers: a scale and a shift.
    pub(super) const fn parameters(&self) -> u64 {
        2 * self.channels as u64
    }

    /// Every tensor by its name in a checkpoint.
    pub(super) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let named = |part| (format!("{}.{part}", self.name), vec![self.channels]);
        vec![named("weight"), named("bias")]
    }

    /// Takes the tensors of a checkpoint, in a format.
    ///
    /// # Errors
    /// One is missing or has another shape.
    pub(super) fn load(&self, weights: &VarBuilder<'_>, dtype: DType) -> Result<Loaded> {
        let NormWeights { weight, bias } =
            NormWeights::load(self.channels, &weights.pp(&self.name))?;
        Ok(Loaded(NormWeights {
            weight: weight.to_dtype(dtype)?,
            bias: bias.to_dtype(dtype)?,
        }))
    }
}

impl Loaded {
    /// The fused norm of channels-last pictures.
    ///
    /// # Errors
    /// The device failed.
    pub(super) fn fused(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let epsilon = EPSILON as f32;
        ops::norm::layer_norm(x, &self.0.weight, &self.0.bias, epsilon, out)
    }

    /// By candle's operations, of channels-first pictures.
    ///
    /// # Errors
    /// The device failed.
    pub(super) fn plain(&self, x: &Tensor) -> Result<Tensor> {
        let last = x.permute((0, 2, 3, 1))?.contiguous()?;
        let normed = last.apply(&self.0.plain(EPSILON))?;
        normed.permute((0, 3, 1, 2))?.contiguous()
    }
}
