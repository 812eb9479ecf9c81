//! Linear layers: few rows by our own kernels ([`crate::gemv`]), many by cublasLt.
//!
//! Floor: one read of the weight, or two operations for each of its values and each row.

#[cfg_attr(feature = "cuda", path = "linear/cublaslt.rs")]
#[cfg_attr(all(not(feature = "cuda"), test), path = "linear/emulated.rs")]
#[cfg_attr(all(not(feature = "cuda"), not(test)), path = "linear/absent.rs")]
mod backend;
mod cases;

use candle_core::{DType, Result, Tensor, bail};

use crate::contract::{floating, operand, write};
use crate::cuda::Gpu;
use crate::{Gelu, activation, gemv, plain};

pub(crate) use cases::cases;

/// How products of f32 values are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Math {
    /// In the format of the values, sums in f32.
    #[default]
    Default,
    /// f32 values rounded to tf32 (10 bits of fraction) for the tensor cores. The CPU has no such
    /// thing and computes in f32.
    Tf32,
}

/// `activation(x · weightᵀ + bias)`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
    /// What follows.
    pub activation: Option<Gelu>,
    /// How products are computed.
    pub math: Math,
}

impl Linear {
    /// Without an activation, in default mathematics.
    ///
    /// # Errors
    /// The weight is no matrix of a floating format, or the bias does not fit it.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (outputs, _) = weight.dims2()?;
        floating("linear", weight.dtype())?;
        operand("linear", "weight", &weight).contiguous()?;
        if let Some(bias) = &bias {
            operand("linear", "bias", bias).is(outputs, weight.dtype())?;
        }
        Ok(Self {
            weight,
            bias,
            activation: None,
            math: Math::Default,
        })
    }

    /// With an activation after the bias.
    #[must_use]
    pub fn with_activation(self, activation: Gelu) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    /// With products computed this way.
    #[must_use]
    pub fn with_math(self, math: Math) -> Self {
        Self { math, ..self }
    }

    /// `out = activation(x · weightᵀ + bias)` for `x` `[rows, in]` and `out` `[rows, out]`.
    ///
    /// # Errors
    /// Shapes or formats differ, or the device failed.
    pub fn forward(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        let rows = self.rows(x, out)?;
        if let Some(gpu) = Gpu::of(out) {
            if self.is_skinny(rows)? {
                let (weight, bias) = (&self.weight, self.bias.as_ref());
                return gemv::linear(x, weight, bias, self.activation, out);
            }
            let activated = backend::multiply(gpu, &self.product(x, false), out)?;
            return match self.activation {
                Some(kind) if !activated => activation::gelu(out, kind, out),
                _ => Ok(()),
            };
        }
        let (weight, bias) = (&self.weight, self.bias.as_ref());
        let computed = plain::linear::linear(x, weight, bias, self.activation)?;
        write(out, &computed)
    }

    /// `residual += x · weightᵀ + bias`.
    ///
    /// # Errors
    /// The layer has an activation, shapes or formats differ, or the device failed.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<()> {
        let rows = self.rows(x, residual)?;
        if self.activation.is_some() {
            bail!("linear: a layer with an activation cannot add to a residual");
        }
        if let Some(gpu) = Gpu::of(residual) {
            if self.is_skinny(rows)? {
                return gemv::linear_residual(x, &self.weight, self.bias.as_ref(), residual);
            }
            return backend::multiply(gpu, &self.product(x, true), residual).map(drop);
        }
        let x = x.to_dtype(DType::F32)?;
        let computed = plain::linear::linear(&x, &self.weight, self.bias.as_ref(), None)?;
        let sum = (residual.to_dtype(DType::F32)?.reshape(computed.shape())? + computed)?;
        write(residual, &sum)
    }

    /// Whether our own kernels take a product of so many rows.
    fn is_skinny(&self, rows: usize) -> Result<bool> {
        let (outputs, inputs) = self.weight.dims2()?;
        Ok(gemv::suits(rows, outputs, inputs, self.weight.dtype()))
    }

    fn product<'a>(&'a self, x: &'a Tensor, accumulates: bool) -> Product<'a> {
        Product {
            x,
            weight: &self.weight,
            bias: self.bias.as_ref(),
            activation: self.activation,
            math: self.math,
            accumulates,
        }
    }

    /// Checks the operands and gives the number of rows.
    fn rows(&self, x: &Tensor, out: &Tensor) -> Result<usize> {
        let (outputs, inputs) = self.weight.dims2()?;
        let rows = x.elem_count() / inputs.max(1);
        let dtype = self.weight.dtype();
        operand("linear", "x", x).holds(rows * inputs, dtype)?;
        operand("linear", "out", out).holds(rows * outputs, dtype)?;
        Ok(rows)
    }
}

/// One product for a library.
#[cfg_attr(
    not(feature = "cuda"),
    allow(dead_code, reason = "without a GPU no library reads all of it")
)]
#[derive(Clone, Copy, Debug)]
struct Product<'a> {
    x: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    activation: Option<Gelu>,
    math: Math,
    /// Whether the result is added to what is there.
    accumulates: bool,
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn layer() -> Linear {
        let weight = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
        let bias = Tensor::new(&[0.5f32, 0.0, -0.5], &Device::Cpu).unwrap();
        Linear::new(weight, Some(bias)).unwrap()
    }

    #[test]
    fn a_layer_writes_or_adds() {
        let x = Tensor::new(&[[1f32, 1.0]], &Device::Cpu).unwrap();
        let out = Tensor::new(&[[100f32, 100.0, 100.0]], &Device::Cpu).unwrap();
        layer().forward_residual(&x, &out).unwrap();
        assert_eq!(out.to_vec2::<f32>().unwrap(), [[103.5, 107.0, 110.5]]);
        layer().forward(&x, &out).unwrap();
        assert_eq!(out.to_vec2::<f32>().unwrap(), [[3.5, 7.0, 10.5]]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::new(&[[1f32, 1.0]], &Device::Cpu).unwrap();
        let message = layer().forward(&x, &x).unwrap_err().to_string();
        assert!(
            message.contains("linear: out is F32 [1, 2], expected F32 with 3 elements"),
            "{message}"
        );
        let weight = layer().weight;
        let message = Linear::new(weight.clone(), Some(x.clone()))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("bias is F32 [1, 2], expected F32 [3]"),
            "{message}"
        );
        let gelu = layer().with_activation(Gelu::Erf);
        let out = Tensor::zeros((1, 3), DType::F32, &Device::Cpu).unwrap();
        let message = gelu.forward_residual(&x, &out).unwrap_err().to_string();
        assert!(message.contains("cannot add to a residual"), "{message}");
    }
}
