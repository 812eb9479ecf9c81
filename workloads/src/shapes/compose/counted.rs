//! The composition that computes nothing: operations and bytes of a pass, by the shapes alone.

use candle_core::{DType, Device, Result, Tensor};
use model::cost::tally::Tally;

use super::{Activation, Compose, Conv};

/// Operations that a group norm with silu does for each value: one for the mean, three for the
/// variance, three for scale and shift, four for the activation.
const NORM_OPERATIONS: f64 = 11.0;

/// Operations of silu for each value: exponential, sum, division, product.
const SILU_OPERATIONS: f64 = 4.0;

/// Adds up what layers do. Tensors have shapes and no memory.
pub struct Counted {
    tally: Tally,
    written: u64,
}

impl Counted {
    /// Into this sum.
    pub const fn new(tally: Tally) -> Self {
        Self { tally, written: 0 }
    }

    /// A tensor of a shape that is nowhere.
    ///
    /// # Errors
    /// None: it has one element.
    pub fn shaped(shape: &[usize]) -> Result<Tensor> {
        let ones = vec![1; shape.len()];
        Tensor::zeros(ones, DType::F32, &Device::Cpu)?.broadcast_as(shape)
    }

    /// The sum so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Values that layers write, each into memory of its own.
    pub const fn written(&self) -> u64 {
        self.written
    }

    fn out(&mut self, shape: &[usize]) -> Result<Tensor> {
        self.written += shape.iter().map(|dim| *dim as u64).product::<u64>();
        Self::shaped(shape)
    }

    /// A kernel that reads and writes so many tensors of the size of its output.
    fn moved(&mut self, shape: &[usize], operations: f64, tensors: f64) -> Result<Tensor> {
        let elements = shape.iter().map(|dim| *dim as u64).product();
        self.tally.elementwise(elements, operations, tensors);
        self.out(shape)
    }
}

impl Compose for Counted {
    fn begin(&mut self) {}

    fn conv(&mut self, _name: &str, x: &Tensor, conv: Conv) -> Result<Tensor> {
        let (batch, height, width, channels) = x.dims4()?;
        let Conv {
            outputs,
            kernel,
            stride,
            activation,
            ..
        } = conv;
        let side = |length: usize| (length - 1) / stride + 1;
        let pixels = batch * side(height) * side(width);
        let window = (kernel * kernel * channels) as u64;
        self.tally
            .linear(pixels as u64, window, outputs as u64, outputs as u64);
        if activation == Activation::Silu {
            self.tally.fused((pixels * outputs) as u64, SILU_OPERATIONS);
        }
        self.out(&[batch, side(height), side(width), outputs])
    }

    fn linear(
        &mut self,
        _name: &str,
        x: &Tensor,
        outputs: usize,
        activation: Activation,
    ) -> Result<Tensor> {
        let (rows, inputs) = x.dims2()?;
        self.tally
            .linear(rows as u64, inputs as u64, outputs as u64, outputs as u64);
        if activation != Activation::None {
            self.tally
                .elementwise((rows * outputs) as u64, SILU_OPERATIONS, 2.0);
        }
        self.out(&[rows, outputs])
    }

    fn group_norm_silu(
        &mut self,
        _name: &str,
        x: &Tensor,
        _addend: Option<&Tensor>,
        _groups: usize,
    ) -> Result<Tensor> {
        let channels = x.dims().last().copied().unwrap_or(0) as u64;
        // Scale and shift of each channel: a row of no inputs has as many biases.
        self.tally.linear(0, 1, channels, channels);
        self.moved(x.dims(), NORM_OPERATIONS, 3.0)
    }

    fn upsample(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        self.moved(&[b, h * factor, w * factor, c], 0.0, 1.25)
    }

    fn patches(&mut self, x: &Tensor, size: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        self.moved(&[b, h / size, w / size, size * size * c], 0.0, 2.0)
    }

    fn pixel_shuffle(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        self.moved(
            &[b, h * factor, w * factor, c / (factor * factor)],
            0.0,
            2.0,
        )
    }

    fn concat(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (batch, h, w, c) = a.dims4()?;
        self.moved(&[batch, h, w, c + b.dims()[3]], 0.0, 2.0)
    }

    fn add(&mut self, a: &Tensor, _b: &Tensor) -> Result<Tensor> {
        self.moved(a.dims(), 1.0, 3.0)
    }
}
