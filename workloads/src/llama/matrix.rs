//! The weight matrices of a decoder, dense or in blocks of few bits, behind one face.

use candle_core::{Result, Tensor};
use ops::activation::silu_mul;
use ops::linear::Linear;
use ops::norm::rms_norm;

/// Root-mean-square norm of a row.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Factor of each column.
    pub weight: Tensor,
    /// Added to the mean square before the root.
    pub epsilon: f32,
}

impl Norm {
    /// `out = norm(x)`.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        rms_norm(x, &self.weight, self.epsilon, out)
    }
}

/// A weight matrix `[out, in]`.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Every weight as a floating-point number.
    Dense(Linear),
}

impl Matrix {
    /// `out = x · weightᵀ`.
    ///
    /// # Errors
    /// Shapes differ, or the device failed.
    pub fn forward(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        match self {
            Self::Dense(linear) => linear.forward(x, out),
        }
    }

    /// `residual += x · weightᵀ`.
    ///
    /// # Errors
    /// Shapes differ, or the device failed.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<()> {
        match self {
            Self::Dense(linear) => linear.forward_residual(x, residual),
        }
    }

    /// `out = norm(x) · weightᵀ`; `normed` is room for `norm(x)`.
    ///
    /// # Errors
    /// Shapes differ, or the device failed.
    pub fn normed(&self, x: &Tensor, norm: &Norm, normed: &Tensor, out: &Tensor) -> Result<()> {
        norm.forward(x, normed)?;
        self.forward(normed, out)
    }

    /// `out = silu(gate) · up`, where gate and up are the halves of `norm(x) · weightᵀ`; `normed`
    /// and `gate_up` are room for what lies between.
    ///
    /// # Errors
    /// Shapes differ, or the device failed.
    pub fn gated(
        &self,
        x: &Tensor,
        norm: &Norm,
        normed: &Tensor,
        gate_up: &Tensor,
        out: &Tensor,
    ) -> Result<()> {
        self.normed(x, norm, normed, gate_up)?;
        silu_mul(gate_up, out)
    }
}
