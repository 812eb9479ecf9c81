//! A convolution of a network: its shape, its tensors in a checkpoint, and what is folded into it.

use candle_core::{DType, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use ops::image::{Activation, Conv2d, Geometry, fold_batch_norm};
use ops::linear::Math;

/// Added to the variance by batch norms, where nothing else is said: the value of PyTorch.
const EPSILON: f64 = 1e-5;

/// A convolution with what follows it, as its author writes it down. How many channels it reads, it
/// learns where it is put.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    pub(super) name: String,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) padded: bool,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) groups: usize,
    pub(super) bias: bool,
    pub(super) norm: Option<Norm>,
    pub(super) activation: Option<Activation>,
    pub(super) scale: Option<f64>,
    pub(super) form: Form,
    pub(super) lies: Lies,
}

/// Where a checkpoint has the outputs of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lies {
    /// In tensors of its own name.
    Alone,
    /// The first half there, the second half in tensors of this name.
    WithSecondHalf(String),
    /// From this output on, in tensors that have so many.
    Within { first: usize, of: usize },
}

/// A batch norm after a convolution.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Norm {
    pub(super) name: String,
    pub(super) epsilon: f64,
    pub(super) gain: f64,
}

/// How the weight lies in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[out, in / groups, kernel, kernel]`.
    Convolution,
    /// `[out, in]`: a linear layer on a picture of one pixel.
    Linear,
    /// `[in, out / 4, 2, 2]`: a transposed convolution with stride 2, as a convolution to four
    /// times the channels whose pixels are shuffled afterwards.
    Transposed,
}

impl Conv {
    /// `outputs` channels by a square kernel, padded so that the edge stays, with a bias.
    pub fn new(name: impl Into<String>, outputs: usize, kernel: usize) -> Self {
        Self {
            name: name.into(),
            outputs,
            kernel,
            padded: true,
            stride: 1,
            dilation: 1,
            groups: 1,
            bias: true,
            norm: None,
            activation: None,
            scale: None,
            form: Form::Convolution,
            lies: Lies::Alone,
        }
    }

    /// A linear layer on a picture of one pixel.
    pub fn linear(name: impl Into<String>, outputs: usize) -> Self {
        Self {
            form: Form::Linear,
            ..Self::new(name, outputs, 1)
        }
    }

    /// Every so many pixels.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Without zeros around the picture, so that windows as large as the stride lie side by side.
    #[must_use]
    pub fn unpadded(self) -> Self {
        Self {
            padded: false,
            ..self
        }
    }

    /// Two layers that see the same, as one: the second half of the outputs has tensors of this
    /// name.
    #[must_use]
    pub fn beside(self, second: impl Into<String>) -> Self {
        Self {
            lies: Lies::WithSecondHalf(second.into()),
            ..self
        }
    }

    /// A part of a layer that has `of` outputs in a checkpoint: those from `first` on. All parts
    /// together must be the layer.
    #[must_use]
    pub fn part(self, first: usize, of: usize) -> Self {
        Self {
            lies: Lies::Within { first, of },
            ..self
        }
    }

    /// With so many steps between the values of a window.
    #[must_use]
    pub fn dilated(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// In so many groups of channels that do not see each other.
    #[must_use]
    pub fn grouped(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Without a bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self {
            bias: false,
            ..self
        }
    }

    /// With a batch norm of this name in place of a bias.
    #[must_use]
    pub fn norm(self, name: impl Into<String>) -> Self {
        Self {
            bias: false,
            norm: Some(Norm {
                name: name.into(),
                epsilon: EPSILON,
                gain: 1.0,
            }),
            ..self
        }
    }

    /// With this added to the variance by the batch norm.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        if let Some(norm) = &mut self.norm {
            norm.epsilon = epsilon;
        }
        self
    }

    /// With this as the weight of the batch norm where weights are seeded: √2 keeps the size of
    /// values through a chain of layers that cut half of them off (He et al. 2015).
    #[must_use]
    pub fn gain(mut self, gain: f64) -> Self {
        if let Some(norm) = &mut self.norm {
            norm.gain = gain;
        }
        self
    }

    /// With an activation at the end, after the addend where there is one.
    #[must_use]
    pub fn then(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    /// With its result times a constant, before the addend.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self {
            scale: Some(scale),
            ..self
        }
    }
}

/// A convolution at its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) conv: Conv,
    pub(super) inputs: usize,
}

/// The tensors of a layer as they stand in a checkpoint, in single precision.
pub(super) struct Tensors {
    /// `[out, in / groups, kernel, kernel]`, whatever the form.
    pub(super) weight: Tensor,
    /// `[out]`.
    pub(super) bias: Option<Tensor>,
    pub(super) norm: Option<NormTensors>,
}

/// Of a batch norm, each `[out]`.
pub(super) struct NormTensors {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) mean: Tensor,
    pub(super) variance: Tensor,
}

impl Layer {
    /// Zeros around the picture: where it is padded, the edge is only divided by the stride.
    pub(super) const fn padding(&self) -> usize {
        if self.conv.padded {
            self.conv.dilation * (self.conv.kernel - 1) / 2
        } else {
            0
        }
    }

    /// The edge of the result for pictures of an edge.
    pub(super) const fn output_edge(&self, edge_px: usize) -> usize {
        let window = self.conv.dilation * (self.conv.kernel - 1);
        (edge_px + 2 * self.padding() - window - 1) / self.conv.stride + 1
    }

    pub(super) const fn geometry(&self) -> Geometry {
        Geometry::square(self.conv.stride, self.padding())
            .dilated(self.conv.dilation)
            .grouped(self.conv.groups)
    }

    /// Channels as the checkpoint counts them.
    const fn stored_outputs(&self) -> usize {
        match self.conv.form {
            Form::Transposed => self.conv.outputs / 4,
            Form::Convolution | Form::Linear => self.conv.outputs,
        }
    }

    fn weight_shape(&self) -> Vec<usize> {
        let Conv { kernel, groups, .. } = self.conv;
        match self.conv.form {
            Form::Convolution => vec![self.conv.outputs, self.inputs / groups, kernel, kernel],
            Form::Linear => vec![self.conv.outputs, self.inputs],
            Form::Transposed => vec![self.inputs, self.stored_outputs(), 2, 2],
        }
    }

    /// Trained numbers: weight, bias, and weight and bias of the norm.
    pub(super) fn parameters(&self) -> u64 {
        let weight: usize = self.weight_shape().iter().product();
        let biases = usize::from(self.conv.bias) + 2 * usize::from(self.conv.norm.is_some());
        (weight + biases * self.stored_outputs()) as u64
    }

    /// Numbers that a pass reads: weight and bias, whatever was folded into them.
    pub(super) fn folded(&self) -> u64 {
        let weight: usize = self.weight_shape().iter().product();
        let has_bias = self.conv.bias || self.conv.norm.is_some();
        (weight + usize::from(has_bias) * self.stored_outputs()) as u64
    }

    /// Multiply-adds of one pixel of the result.
    pub(super) fn multiply_adds_a_pixel(&self) -> u64 {
        let Conv {
            outputs,
            kernel,
            groups,
            ..
        } = self.conv;
        (outputs * kernel * kernel * (self.inputs / groups)) as u64
    }

    /// Every tensor by its name in a checkpoint. Of a layer in parts, the first part has them.
    pub(super) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut shape = self.weight_shape();
        let mut outputs = self.stored_outputs();
        let mut names = vec![&self.conv.name];
        match &self.conv.lies {
            Lies::Alone => {}
            Lies::WithSecondHalf(second) => {
                names.push(second);
                outputs /= 2;
                shape[0] = outputs;
            }
            Lies::Within { first: 0, of } => {
                outputs = *of;
                shape[0] = outputs;
            }
            Lies::Within { .. } => return Vec::new(),
        }
        let mut tensors = Vec::new();
        for name in names {
            tensors.push((format!("{name}.weight"), shape.clone()));
            if self.conv.bias {
                tensors.push((format!("{name}.bias"), vec![outputs]));
            }
        }
        if let Some(norm) = &self.conv.norm {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.push((format!("{}.{part}", norm.name), vec![outputs]));
            }
        }
        tensors
    }

    /// Takes a tensor whose first dimension are the outputs.
    fn take(
        &self,
        weights: &VarBuilder<'_>,
        (name, part): (&str, &str),
        shape: &[usize],
        init: Init,
    ) -> Result<Tensor> {
        let get = |name: &str, outputs: usize| {
            let mut shape = shape.to_vec();
            shape[0] = outputs;
            weights.pp(name).get_with_hints(shape, part, init)
        };
        match &self.conv.lies {
            Lies::Alone => get(name, shape[0]),
            Lies::WithSecondHalf(second) => {
                let half = shape[0] / 2;
                Tensor::cat(&[get(name, half)?, get(second, half)?], 0)
            }
            Lies::Within { first, of } => get(name, *of)?.narrow(0, *first, shape[0])?.contiguous(),
        }
    }

    /// Takes the tensors of a checkpoint.
    ///
    /// # Errors
    /// One is missing or has another shape.
    pub(super) fn load(&self, weights: &VarBuilder<'_>) -> Result<Tensors> {
        let outputs = self.stored_outputs();
        let name = self.conv.name.as_str();
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let weight = self.take(weights, (name, "weight"), &self.weight_shape(), random)?;
        let bias = self
            .conv
            .bias
            .then(|| self.take(weights, (name, "bias"), &[outputs], Init::Const(0.0)))
            .transpose()?;
        let norm = match &self.conv.norm {
            None => None,
            Some(norm) => {
                let get = |part, value| {
                    let name = norm.name.as_str();
                    self.take(weights, (name, part), &[outputs], Init::Const(value))
                };
                Some(NormTensors {
                    weight: get("weight", norm.gain)?,
                    bias: get("bias", 0.0)?,
                    mean: get("running_mean", 0.0)?,
                    variance: get("running_var", 1.0)?,
                })
            }
        };
        let (weight, bias) = match self.conv.form {
            Form::Convolution => (weight, bias),
            Form::Linear => (weight.reshape((outputs, self.inputs, 1, 1))?, bias),
            Form::Transposed => (
                // Channel 4·o + 2·dy + dx is output o at (dy, dx) of the doubled pixel.
                weight.permute((1, 2, 3, 0))?.contiguous()?.reshape((
                    4 * outputs,
                    self.inputs,
                    1,
                    1,
                ))?,
                match bias {
                    None => None,
                    Some(bias) => Some(
                        bias.unsqueeze(1)?
                            .broadcast_as((outputs, 4))?
                            .contiguous()?
                            .flatten_all()?,
                    ),
                },
            ),
        };
        Ok(Tensors { weight, bias, norm })
    }

    /// The layer as one operation, with the norm and the scale in its weight and bias. These are
    /// folded in single precision and rounded once.
    ///
    /// # Errors
    /// A tensor is missing, or the device is out of memory.
    pub(super) fn fused(
        &self,
        weights: &VarBuilder<'_>,
        dtype: DType,
        math: Math,
    ) -> Result<Conv2d> {
        let Tensors { weight, bias, norm } = self.load(weights)?;
        let (weight, bias) = match norm {
            None => (weight, bias),
            Some(norm) => {
                let NormTensors {
                    weight: gamma,
                    bias: beta,
                    mean,
                    variance,
                } = norm;
                let epsilon = self.conv.norm.as_ref().map_or(EPSILON, |norm| norm.epsilon);
                let (weight, bias) =
                    fold_batch_norm(&weight, &gamma, &beta, &mean, &variance, epsilon)?;
                (weight, Some(bias))
            }
        };
        let scale = |tensor: Tensor| match self.conv.scale {
            None => tensor.to_dtype(dtype),
            Some(scale) => tensor.affine(scale, 0.0)?.to_dtype(dtype),
        };
        let conv = Conv2d::new(
            scale(weight)?,
            bias.map(scale).transpose()?,
            self.geometry(),
        )?
        .with_math(math);
        Ok(match self.conv.activation {
            None => conv,
            Some(activation) => conv.with_activation(activation),
        })
    }
}
