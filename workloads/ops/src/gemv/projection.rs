//! Linear layers as a decoder uses them, whatever their weights are made of.

use candle_core::{DType, Device, Result, Shape, Tensor, bail};

use super::{Job, Plan, Problem, dense, suits};
use crate::activation::silu_mul;
use crate::cuda::Gpu;
use crate::linear::Linear;
use crate::norm::rms_norm;

/// A norm before a projection.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm<'a> {
    /// `[in]`.
    pub weight: &'a Tensor,
    /// Added to the mean square.
    pub epsilon: f32,
}

/// Working memory of projections, for the steps that one kernel cannot do at once.
///
/// Every projection of a model can use the same, as nothing stays in it from call to call.
#[derive(Clone, Debug)]
pub struct Scratch {
    normed: Tensor,
    gate_up: Tensor,
    weight: Tensor,
}

impl Scratch {
    /// For at most `rows` rows of `inputs` values (those that have a norm), gated pairs of
    /// `2 · inner` values, and quantised weights of `quantised` values (the largest one; 0 if
    /// weights are dense, or rows always few).
    ///
    /// # Errors
    /// The memory is short.
    pub fn new(
        rows: usize,
        inputs: usize,
        inner: usize,
        quantised: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let room = |values: usize| Tensor::zeros(values.max(1), dtype, device);
        Ok(Self {
            normed: room(rows * inputs)?,
            gate_up: room(2 * rows * inner)?,
            weight: room(quantised)?,
        })
    }

    /// Bytes that [`Scratch::new`] takes for the same arguments.
    pub fn bytes(
        rows: usize,
        inputs: usize,
        inner: usize,
        quantised: usize,
        dtype: DType,
    ) -> usize {
        (rows * inputs + 2 * rows * inner + quantised) * dtype.size_in_bytes()
    }

    /// Room for normalised rows.
    pub(crate) fn normed(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        part("normalised rows", &self.normed, shape)
    }

    /// Room for gated pairs.
    pub(crate) fn gate_up(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        part("gated pairs", &self.gate_up, shape)
    }

    /// Room for a weight.
    pub(crate) fn weight(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        part("a weight", &self.weight, shape)
    }
}

fn part(what: &str, room: &Tensor, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    if shape.elem_count() > room.elem_count() {
        bail!(
            "the scratch has room for {} values of {what}, {} are needed; make it larger",
            room.elem_count(),
            shape.elem_count()
        );
    }
    room.narrow(0, 0, shape.elem_count())?.reshape(shape)
}

/// A weight `[out, in]` that rows are multiplied with, in place of memory that exists already.
///
/// On a GPU few rows take one kernel per call; more take a kernel per part, through `scratch`.
pub trait Projection: Send + Sync {
    /// Rows and columns of the weight.
    fn dims(&self) -> (usize, usize);

    /// Bytes of memory that a product has to read of it.
    fn bytes(&self) -> usize;

    /// `out = x · weightᵀ`, with the layer's bias and activation if it has them.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn forward(&self, x: &Tensor, scratch: &Scratch, out: &Tensor) -> Result<()>;

    /// `residual += x · weightᵀ`, with the layer's bias if it has one.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn forward_residual(&self, x: &Tensor, scratch: &Scratch, residual: &Tensor) -> Result<()>;

    /// Whether the norm of so many rows is part of the same kernel.
    fn takes_norm(&self, x: &Tensor) -> bool;

    /// As [`Projection::forward`], of `norm(x)`, where [`Projection::takes_norm`] says so.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn forward_fused(&self, x: &Tensor, norm: RmsNorm<'_>, out: &Tensor) -> Result<()>;

    /// Whether so many rows have a kernel that multiplies gate and up in one go.
    fn takes_gate(&self, x: &Tensor) -> bool;

    /// `out = silu(gate · x) · (up · x)` of `norm(x)` or `x`, for a weight of gate over up, where
    /// [`Projection::takes_gate`] (and [`Projection::takes_norm`]) say so.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn gated_fused(&self, x: &Tensor, norm: Option<RmsNorm<'_>>, out: &Tensor) -> Result<()>;

    /// `out = norm(x) · weightᵀ`.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn forward_normed(
        &self,
        x: &Tensor,
        norm: RmsNorm<'_>,
        scratch: &Scratch,
        out: &Tensor,
    ) -> Result<()> {
        if self.takes_norm(x) {
            return self.forward_fused(x, norm, out);
        }
        let normed = scratch.normed(x.shape())?;
        rms_norm(x, norm.weight, norm.epsilon, &normed)?;
        self.forward(&normed, scratch, out)
    }

    /// `out = silu(gate · norm(x)) · (up · norm(x))`, for a weight of gate over up: the first half
    /// of the feed-forward network of LLaMA.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    fn gated_normed(
        &self,
        x: &Tensor,
        norm: RmsNorm<'_>,
        scratch: &Scratch,
        out: &Tensor,
    ) -> Result<()> {
        let (outputs, inputs) = self.dims();
        let takes_gate = self.takes_gate(x);
        if takes_gate && self.takes_norm(x) {
            return self.gated_fused(x, Some(norm), out);
        }
        let normed = scratch.normed(x.shape())?;
        rms_norm(x, norm.weight, norm.epsilon, &normed)?;
        if takes_gate {
            return self.gated_fused(&normed, None, out);
        }
        let rows = x.elem_count() / inputs.max(1);
        let gate_up = scratch.gate_up((rows, outputs))?;
        self.forward(&normed, scratch, &gate_up)?;
        silu_mul(&gate_up, out)
    }
}

impl Linear {
    /// The product with these rows, where a kernel of ours takes it.
    fn problem(&self, x: &Tensor, gated: bool) -> Option<Problem> {
        let (outputs, inputs) = self.weight.dims2().ok()?;
        let rows = x.elem_count() / inputs.max(1);
        let dtype = self.weight.dtype();
        let here = Gpu::of(x).is_some() && suits(rows, outputs, inputs, dtype);
        here.then_some(Problem {
            rows,
            outputs,
            inputs,
            dtype,
            gated,
        })
    }
}

impl Projection for Linear {
    fn dims(&self) -> (usize, usize) {
        self.weight.dims2().unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        self.weight.elem_count() * self.weight.dtype().size_in_bytes()
    }

    fn forward(&self, x: &Tensor, _: &Scratch, out: &Tensor) -> Result<()> {
        Self::forward(self, x, out)
    }

    fn forward_residual(&self, x: &Tensor, _: &Scratch, residual: &Tensor) -> Result<()> {
        Self::forward_residual(self, x, residual)
    }

    fn takes_norm(&self, x: &Tensor) -> bool {
        // The number of multiprocessors does not decide.
        self.problem(x, false)
            .is_some_and(|problem| Plan::dense(&problem, true, 1).is_ok())
    }

    fn forward_fused(&self, x: &Tensor, norm: RmsNorm<'_>, out: &Tensor) -> Result<()> {
        let job = Job {
            norm: Some(norm),
            bias: self.bias.as_ref(),
            activation: self.activation,
            ..Job::new(x, out)
        };
        dense("norm_linear", &self.weight, &job)
    }

    fn takes_gate(&self, x: &Tensor) -> bool {
        let plain = self.bias.is_none() && self.activation.is_none();
        plain && self.problem(x, true).is_some()
    }

    fn gated_fused(&self, x: &Tensor, norm: Option<RmsNorm<'_>>, out: &Tensor) -> Result<()> {
        let (outputs, _) = self.weight.dims2()?;
        if outputs % 2 == 1 {
            bail!("gated: the weight has {outputs} rows, expected gate over up");
        }
        let job = Job {
            norm,
            gated: true,
            ..Job::new(x, out)
        };
        dense("gated", &self.weight, &job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Draw;
    use crate::plain;

    #[test]
    fn on_the_cpu_the_parts_are_what_the_plain_operations_give() {
        let mut draw = Draw::new(7);
        let x = draw.normal((3, 24), 1.0).unwrap();
        let norm_weight = draw.normal(24, 1.0).unwrap();
        let layer = Linear::new(draw.normal((10, 24), 0.2).unwrap(), None).unwrap();
        let norm = RmsNorm {
            weight: &norm_weight,
            epsilon: 1e-5,
        };
        let scratch = Scratch::new(3, 24, 5, 0, DType::F32, &Device::Cpu).unwrap();
        let normed = plain::norm::rms_norm(&x, &norm_weight, 1e-5).unwrap();
        let product = plain::linear::linear(&normed, &layer.weight, None, None).unwrap();

        let out = Tensor::zeros((3, 10), DType::F32, &Device::Cpu).unwrap();
        layer.forward_normed(&x, norm, &scratch, &out).unwrap();
        assert_eq!(
            out.to_vec2::<f32>().unwrap(),
            product.to_vec2::<f32>().unwrap()
        );
        let inner = Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap();
        layer.gated_normed(&x, norm, &scratch, &inner).unwrap();
        let expected = plain::activation::silu_mul(&product).unwrap();
        assert_eq!(
            inner.to_vec2::<f32>().unwrap(),
            expected.to_vec2::<f32>().unwrap()
        );
    }

    #[test]
    fn a_scratch_that_is_too_small_says_what_is_needed() {
        let scratch = Scratch::new(1, 24, 5, 0, DType::F32, &Device::Cpu).unwrap();
        let message = scratch.normed((3, 24)).unwrap_err().to_string();
        assert!(
            message.contains("24 values of normalised rows, 72 are needed"),
            "{message}"
        );
        assert_eq!(Scratch::bytes(1, 24, 5, 0, DType::F32), 34 * 4);
    }
}
