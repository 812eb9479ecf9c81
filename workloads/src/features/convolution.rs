//! A convolution with its bias and `ReLU`, on channels-first tensors.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) input: usize,
    pub(super) output: usize,
    /// Height and width of the window.
    pub(super) kernel: (usize, usize),
    pub(super) stride: usize,
    /// Rows and columns of zeros around the picture.
    pub(super) padding: (usize, usize),
}

/// A convolution, then `ReLU`.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    weight: Tensor,
    /// `[1, output, 1, 1]`.
    bias: Tensor,
    shape: Shape,
}

/// Added to variances by the batch norms of Inception.
const EPSILON: f64 = 1e-3;

impl Convolution {
    /// Names and shapes of the tensors of a convolution with its batch norm.
    pub(super) fn normalised_tensors(name: &str, shape: Shape) -> Vec<(String, Vec<usize>)> {
        let (height, width) = shape.kernel;
        let weight = vec![shape.output, shape.input, height, width];
        let mut tensors = vec![(format!("{name}.conv.weight"), weight)];
        for tensor in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{name}.bn.{tensor}"), vec![shape.output]));
        }
        tensors
    }

    /// Takes a convolution from here, its batch norm folded into weight and bias.
    pub(super) fn normalised(shape: Shape, weights: &VarBuilder<'_>) -> Result<Self> {
        let (height, width) = shape.kernel;
        let weight = (shape.output, shape.input, height, width);
        let weight = weights.get(weight, "conv.weight")?;
        let norm = weights.pp("bn");
        let get = |name| norm.get(shape.output, name);
        let spread = (get("running_var")? + EPSILON)?.sqrt()?;
        let factor = (get("weight")? / spread)?;
        let bias = (get("bias")? - (get("running_mean")? * &factor)?)?;
        Ok(Self {
            weight: weight.broadcast_mul(&factor.reshape((shape.output, 1, 1, 1))?)?,
            bias: bias.reshape((1, shape.output, 1, 1))?,
            shape,
        })
    }

    /// Names and shapes of the tensors of a convolution with a bias.
    pub(super) fn biased_tensors(name: &str, shape: Shape) -> Vec<(String, Vec<usize>)> {
        let (height, width) = shape.kernel;
        let weight = vec![shape.output, shape.input, height, width];
        vec![
            (format!("{name}.weight"), weight),
            (format!("{name}.bias"), vec![shape.output]),
        ]
    }

    /// Takes a convolution with a bias from here.
    pub(super) fn biased(shape: Shape, weights: &VarBuilder<'_>) -> Result<Self> {
        let (height, width) = shape.kernel;
        let weight = (shape.output, shape.input, height, width);
        Ok(Self {
            weight: weights.get(weight, "weight")?,
            bias: weights
                .get(shape.output, "bias")?
                .reshape((1, shape.output, 1, 1))?,
            shape,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, columns) = self.shape.padding;
        // candle pads all sides alike; long narrow windows need it by side.
        let (x, padding) = if rows == columns {
            (x.clone(), rows)
        } else {
            let x = x.pad_with_zeros(2, rows, rows)?;
            (x.pad_with_zeros(3, columns, columns)?, 0)
        };
        x.conv2d(&self.weight, padding, self.shape.stride, 1, 1)?
            .broadcast_add(&self.bias)?
            .relu()
    }
}
