//! The operations that the networks are made of, channels last, over tensors by name.
//!
//! A network is a function of a [`Compose`] and its inputs. [`Trainable`] makes new tensors that
//! gradients flow through; [`Prepared`] writes into memory that is there already;
//! [`Counted`] computes nothing and adds up the work.

#![allow(
    clippy::many_single_char_names,
    reason = "x and the four extents of a picture, b, h, w and c, as everybody writes them"
)]

mod counted;
mod normalise;
mod prepared;
mod trainable;
mod unfold;

use candle_core::{Result, Tensor};

pub use counted::Counted;
pub use prepared::Prepared;
pub use trainable::Trainable;

/// What norms add to a variance.
const EPSILON: f32 = 1e-5;

/// What follows a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
    /// x / (1 + exp(−x)).
    Silu,
}

/// A convolution with a bias, of 3×3 with an edge of zeros or of 1×1 without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Channels that it makes.
    pub outputs: usize,
    /// Pixels along a side of the kernel: 1 or 3.
    pub kernel: usize,
    /// Pixels from one output to the next.
    pub stride: usize,
    /// What follows.
    pub activation: Activation,
    /// Standard deviation of the first weights, times the root of the inputs.
    pub gain: f64,
}

impl Conv {
    /// A step of one pixel, nothing after it.
    pub const fn new(kernel: usize, outputs: usize) -> Self {
        Self {
            outputs,
            kernel,
            stride: 1,
            activation: Activation::None,
            gain: 1.0,
        }
    }

    /// Half as many pixels along each side come out.
    #[must_use]
    pub const fn halving(self) -> Self {
        Self { stride: 2, ..self }
    }

    /// With max(x, 0) behind it.
    #[must_use]
    pub const fn relu(self) -> Self {
        Self {
            activation: Activation::Relu,
            gain: std::f64::consts::SQRT_2,
            ..self
        }
    }

    /// With other first weights.
    #[must_use]
    pub const fn gain(self, gain: f64) -> Self {
        Self { gain, ..self }
    }
}

/// Operations of a network. Pictures are `[batch, height, width, channels]`.
pub trait Compose {
    /// Begins a pass of the network.
    fn begin(&mut self);

    /// A convolution with `name.weight` (`[outputs, inputs, kernel, kernel]`) and `name.bias`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device failed.
    fn conv(&mut self, name: &str, x: &Tensor, conv: Conv) -> Result<Tensor>;

    /// `[rows, inputs]` to `[rows, outputs]` with `name.weight` (`[outputs, inputs]`) and
    /// `name.bias`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device failed.
    fn linear(
        &mut self,
        name: &str,
        x: &Tensor,
        outputs: usize,
        activation: Activation,
    ) -> Result<Tensor>;

    /// silu of the group norm with `name.weight` and `name.bias`, of x or of x and an addend
    /// `[batch, channels]` that is the same at every pixel.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device failed.
    fn group_norm_silu(
        &mut self,
        name: &str,
        x: &Tensor,
        addend: Option<&Tensor>,
        groups: usize,
    ) -> Result<Tensor>;

    /// Each pixel `factor` times along each side.
    ///
    /// # Errors
    /// The device failed.
    fn upsample(&mut self, x: &Tensor, factor: usize) -> Result<Tensor>;

    /// Squares of `size` pixels as one pixel with all their channels.
    ///
    /// # Errors
    /// The size does not divide the sides, or the device failed.
    fn patches(&mut self, x: &Tensor, size: usize) -> Result<Tensor>;

    /// Channels to squares of `factor` pixels; channel c of pixel (y, x) of a square comes from
    /// channel c·factor² + y·factor + x.
    ///
    /// # Errors
    /// The channels are no multiple of the square, or the device failed.
    fn pixel_shuffle(&mut self, x: &Tensor, factor: usize) -> Result<Tensor>;

    /// Channels of one behind those of the other.
    ///
    /// # Errors
    /// The shapes differ in more than the channels, or the device failed.
    fn concat(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor>;

    /// The sum of two of the same shape.
    ///
    /// # Errors
    /// The shapes differ, or the device failed.
    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor>;
}
