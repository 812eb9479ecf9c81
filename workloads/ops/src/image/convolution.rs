//! Convolutions of channels-last pictures.
//!
//! Floor: two operations for each value of the weight and each pixel of the result, or one read of
//! picture and weight and one write of the result.

#[cfg_attr(feature = "cuda", path = "convolution/cudnn.rs")]
#[cfg_attr(all(not(feature = "cuda"), test), path = "convolution/emulated.rs")]
#[cfg_attr(all(not(feature = "cuda"), not(test)), path = "convolution/absent.rs")]
mod backend;
mod cases;
mod columns;
mod kernels;
mod route;

use candle_core::{Result, Tensor, bail};

use super::{Activation, Geometry, Window, picture};
use crate::contract::{floating, operand, write};
use crate::cuda::Gpu;
use crate::linear::Math;
use crate::plain;
use columns::Columns;

pub(crate) use cases::cases;

/// `activation(x ∗ weight + bias)`, with the weight in the order that the kernels want.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Weight,
    bias: Option<Tensor>,
    inputs: usize,
    outputs: usize,
    groups: usize,
    window: Window,
    activation: Option<Activation>,
    math: Math,
}

/// The weight, by the way it is used.
#[derive(Clone, Debug)]
enum Weight {
    /// Every output sees every input: `[out, kernel h, kernel w, in]`, and the same as a matrix.
    Full(Tensor, Columns),
    /// In groups: `[out, kernel h, kernel w, in / groups]`.
    Grouped(Tensor),
    /// Each channel by itself: `[kernel h, kernel w, channels]`.
    Depthwise(Tensor),
}

impl Weight {
    const fn tensor(&self) -> &Tensor {
        match self {
            Self::Full(weight, _) | Self::Grouped(weight) | Self::Depthwise(weight) => weight,
        }
    }
}

/// A convolution for a library.
#[cfg_attr(
    not(feature = "cuda"),
    allow(dead_code, reason = "without a GPU no library reads all of it")
)]
#[derive(Clone, Copy, Debug)]
struct Product<'a> {
    x: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    addend: Option<&'a Tensor>,
    activation: Option<Activation>,
    window: &'a Window,
    groups: usize,
    math: Math,
    /// Whether the sums are added to what is there.
    accumulates: bool,
}

/// What a library has done of a convolution.
#[cfg_attr(
    not(feature = "cuda"),
    allow(dead_code, reason = "without a GPU no library refuses anything")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// All of it, with bias, addend and activation.
    Everything,
    /// Only the sums of products.
    Sums,
    /// Nothing: it has no algorithm for this shape.
    Nothing,
}

/// A convolution's weight as checkpoints have it, `[out, in, kernel h, kernel w]`, in the order of
/// channels-last pictures, `[out, kernel h, kernel w, in]`.
///
/// # Errors
/// The weight does not have four dimensions.
pub fn channels_last(weight: &Tensor) -> Result<Tensor> {
    weight.permute((0, 2, 3, 1))?.contiguous()
}

impl Conv2d {
    /// Takes a weight `[out, in / groups, kernel h, kernel w]` as checkpoints have it, and a bias
    /// `[out]`. As many groups as channels and outputs is a depthwise convolution. Batch norms are
    /// folded before: [`super::fold_batch_norm`].
    ///
    /// # Errors
    /// The shapes do not fit each other or the number of groups, or the format is no floating one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as for a linear layer; the layer keeps another order of the same values"
    )]
    pub fn new(weight: Tensor, bias: Option<Tensor>, geometry: Geometry) -> Result<Self> {
        const OP: &str = "conv2d";
        let Ok((outputs, share, height, width)) = weight.dims4() else {
            bail!(
                "{OP}: weight is {:?}, expected [out, in / groups, kernel h, kernel w]",
                weight.dims()
            );
        };
        let Geometry {
            stride,
            padding,
            dilation,
            groups,
        } = geometry;
        floating(OP, weight.dtype())?;
        if weight.elem_count() == 0 {
            bail!("{OP}: weight {:?} is empty", weight.dims());
        }
        if groups == 0 || outputs % groups != 0 {
            bail!("{OP}: {outputs} outputs cannot be divided into {groups} groups");
        }
        if let Some(bias) = &bias {
            operand(OP, "bias", bias).is(outputs, weight.dtype())?;
        }
        let window = Window::new((height, width), stride, padding).dilated(dilation);
        // Zero strides and dilations are seen here rather than at the first picture.
        window.output_size((height * dilation.0.max(1), width * dilation.1.max(1)))?;
        let inputs = share * groups;
        let weight = if groups == 1 {
            let weight = channels_last(&weight)?;
            let columns = Columns::new(&weight, bias.clone(), &window)?;
            Weight::Full(weight, columns)
        } else if share == 1 && outputs == groups {
            Weight::Depthwise(weight.squeeze(1)?.permute((1, 2, 0))?.contiguous()?)
        } else {
            Weight::Grouped(channels_last(&weight)?)
        };
        Ok(Self {
            weight,
            bias,
            inputs,
            outputs,
            groups,
            window,
            activation: None,
            math: Math::Default,
        })
    }

    /// With an activation at the end.
    #[must_use]
    pub fn with_activation(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    /// With products computed this way.
    #[must_use]
    pub fn with_math(self, math: Math) -> Self {
        let weight = match self.weight {
            Weight::Full(weight, columns) => Weight::Full(weight, columns.with_math(math)),
            other => other,
        };
        Self {
            weight,
            math,
            ..self
        }
    }

    /// With another number of zero rows and columns after the picture than before it, as models from
    /// TensorFlow pad ("same").
    #[must_use]
    pub fn with_trailing_padding(self, trailing: (usize, usize)) -> Self {
        Self {
            window: Window {
                trailing,
                ..self.window
            },
            ..self
        }
    }

    /// Channels of the pictures it takes.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Channels of the pictures it makes.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Where its windows lie.
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Bytes of weight and bias.
    pub fn weight_bytes(&self) -> usize {
        let weight = self.weight.tensor();
        let bias = self.bias.as_ref().map_or(0, Tensor::elem_count);
        (weight.elem_count() + bias) * weight.dtype().size_in_bytes()
    }

    /// Multiplications and additions for `batch` pictures of this size.
    ///
    /// # Errors
    /// The picture is smaller than a window.
    pub fn flops(&self, batch: usize, size: (usize, usize)) -> Result<u64> {
        let (height, width) = self.output_size(size)?;
        let products = self.window.taps() * self.inputs / self.groups;
        Ok(2 * (batch * height * width) as u64 * (self.outputs * products) as u64)
    }

    /// Height and width of the result for a picture of this height and width.
    ///
    /// # Errors
    /// The picture is smaller than a window.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        self.window.output_size(size)
    }

    /// `out = activation(x ∗ weight + bias)` for `x` `[b, h, w, in]`, `out` `[b, h', w', out]`.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    pub fn forward(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        self.run(x, None, out)
    }

    /// `out = activation(x ∗ weight + bias + addend)`, the addend with the shape of `out`. `out` may
    /// be `addend`.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    pub fn forward_residual(&self, x: &Tensor, addend: &Tensor, out: &Tensor) -> Result<()> {
        self.run(x, Some(addend), out)
    }

    fn run(&self, x: &Tensor, addend: Option<&Tensor>, out: &Tensor) -> Result<()> {
        self.check(x, addend, out)?;
        if let Some(gpu) = Gpu::of(out) {
            return self.run_on(gpu, x, addend, out);
        }
        write(out, &self.plain(x, addend)?)
    }

    /// The result by candle's operations.
    fn plain(&self, x: &Tensor, addend: Option<&Tensor>) -> Result<Tensor> {
        use candle_core::DType::F32;
        let wide = x.to_dtype(F32)?;
        let sum = match &self.weight {
            Weight::Full(weight, _) | Weight::Grouped(weight) => {
                plain::image::conv2d(&wide, weight, None, &self.window, self.groups)?
            }
            Weight::Depthwise(weight) => {
                plain::image::depthwise(&wide, weight, None, &self.window)?
            }
        };
        plain::image::finish(&sum, self.bias.as_ref(), addend, self.activation)?.to_dtype(x.dtype())
    }

    fn check(&self, x: &Tensor, addend: Option<&Tensor>, out: &Tensor) -> Result<()> {
        const OP: &str = "conv2d";
        let (batch, height, width, channels) = picture(OP, "x", x)?;
        if channels != self.inputs || x.dtype() != self.weight.tensor().dtype() {
            bail!(
                "{OP}: x is {:?} {:?}, expected {:?} with {} channels",
                x.dtype(),
                x.dims(),
                self.weight.tensor().dtype(),
                self.inputs
            );
        }
        let (height, width) = self.output_size((height, width))?;
        let shape = (batch, height, width, self.outputs);
        operand(OP, "out", out).is(shape, x.dtype())?;
        if let Some(addend) = addend {
            operand(OP, "addend", addend).is(shape, x.dtype())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::case::Draw;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_convolution_takes_a_checkpoints_weight() {
        // Inputs (1, 10), (2, 20); the weight looks at the pixel and at the one to its right.
        let x = Tensor::new(&[1f32, 10.0, 2.0, 20.0], &Device::Cpu)
            .unwrap()
            .reshape((1, 1, 2, 2))
            .unwrap();
        let weight = Tensor::new(&[1f32, 2.0, 0.0, 0.5], &Device::Cpu)
            .unwrap()
            .reshape((1, 2, 1, 2))
            .unwrap();
        let bias = Tensor::new(&[-0.5f32], &Device::Cpu).unwrap();
        let layer = Conv2d::new(weight, Some(bias), Geometry::default()).unwrap();
        assert_eq!(layer.output_size((1, 2)).unwrap(), (1, 1));
        let out = Tensor::zeros((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        layer.forward(&x, &out).unwrap();
        // 1·1 + 2·2 + 0·10 + 0.5·20 − 0.5
        assert_eq!(values(&out), [14.5]);
        let addend = Tensor::new(&[-20f32], &Device::Cpu).unwrap();
        let addend = addend.reshape((1, 1, 1, 1)).unwrap();
        let layer = layer.with_activation(Activation::LeakyRelu(0.5));
        layer.forward_residual(&x, &addend, &out).unwrap();
        assert_eq!(values(&out), [-2.75]);
        layer.forward_residual(&x, &addend, &addend).unwrap();
        assert_eq!(values(&addend), [-2.75]);
        assert_eq!(layer.flops(3, (1, 2)).unwrap(), 3 * 2 * 4);
        assert_eq!(layer.weight_bytes(), 20);
    }

    #[test]
    fn depthwise_and_grouped_agree_with_groups_apart() {
        let mut draw = Draw::new(5);
        let x = draw.normal((2, 6, 5, 4), 1.0).unwrap();
        for (groups, outputs) in [(4, 4), (2, 6)] {
            let share = 4 / groups;
            let weight = draw.normal((outputs, share, 3, 3), 1.0).unwrap();
            let bias = draw.normal(outputs, 1.0).unwrap();
            let geometry = Geometry::square(2, 1).grouped(groups);
            let whole = Conv2d::new(weight.clone(), Some(bias.clone()), geometry).unwrap();
            let out = Tensor::zeros((2, 3, 3, outputs), DType::F32, &Device::Cpu).unwrap();
            whole.forward(&x, &out).unwrap();
            let own = outputs / groups;
            for group in 0..groups {
                let part = |t: &Tensor, dim: usize, size: usize| {
                    t.narrow(dim, group * size, size)
                        .unwrap()
                        .contiguous()
                        .unwrap()
                };
                let layer = Conv2d::new(
                    part(&weight, 0, own),
                    Some(part(&bias, 0, own)),
                    Geometry::square(2, 1),
                )
                .unwrap();
                let alone = Tensor::zeros((2, 3, 3, own), DType::F32, &Device::Cpu).unwrap();
                layer.forward(&part(&x, 3, share), &alone).unwrap();
                for (a, b) in values(&alone).iter().zip(values(&part(&out, 3, own))) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let weight = Tensor::zeros((6, 4, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let layer = Conv2d::new(weight.clone(), None, Geometry::square(1, 1)).unwrap();
        let x = Tensor::zeros((1, 5, 5, 4), DType::F32, &Device::Cpu).unwrap();
        let message = layer.forward(&x, &x).unwrap_err().to_string();
        assert!(
            message.contains("conv2d: out is F32 [1, 5, 5, 4], expected F32 [1, 5, 5, 6]"),
            "{message}"
        );
        let narrow = Tensor::zeros((1, 5, 5, 3), DType::F32, &Device::Cpu).unwrap();
        let message = layer.forward(&narrow, &x).unwrap_err().to_string();
        assert!(
            message.contains("expected F32 with 4 channels"),
            "{message}"
        );
        let flat = Tensor::zeros((5, 4), DType::F32, &Device::Cpu).unwrap();
        let message = layer.forward(&flat, &x).unwrap_err().to_string();
        assert!(
            message.contains("x is [5, 4], expected [batch, height, width, channels]"),
            "{message}"
        );
        let refused = |geometry| {
            Conv2d::new(weight.clone(), None, geometry)
                .unwrap_err()
                .to_string()
        };
        let message = refused(Geometry::default().grouped(4));
        assert!(
            message.contains("6 outputs cannot be divided into 4 groups"),
            "{message}"
        );
        let message = refused(Geometry::square(0, 1));
        assert!(
            message.contains("stride and dilation of at least 1"),
            "{message}"
        );
        let message = Conv2d::new(weight.clone(), Some(flat), Geometry::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("bias is F32 [5, 4], expected F32 [6]"),
            "{message}"
        );
    }
}
