//! Sums, scales and activations of pictures, value by value.
//!
//! Floor: one read of each operand and one write of the result.

use candle_core::{D, Result, Tensor, bail};

use super::{Activation, picture};
use crate::contract::{floating, operand, write};
use crate::plain;

/// Pictures that [`weighted_sum`] adds at most.
pub(super) const MOST_PARTS: usize = 3;

/// `out = activation(x + bias)`; the bias (`[c]`) runs along the last dimension. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add_bias_activation(
    x: &Tensor,
    bias: Option<&Tensor>,
    activation: Option<Activation>,
    out: &Tensor,
) -> Result<()> {
    finish("add_bias_activation", [x, out], bias, None, activation)
}

/// `out = a + b`, of tensors of one shape. `out` may be `a` or `b`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add(a: &Tensor, b: &Tensor, out: &Tensor) -> Result<()> {
    finish("add", [a, out], None, Some(b), None)
}

/// `out = activation(a + b)`, of tensors of one shape. `out` may be `a` or `b`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add_activation(a: &Tensor, b: &Tensor, activation: Activation, out: &Tensor) -> Result<()> {
    finish("add_activation", [a, out], None, Some(b), Some(activation))
}

/// `out = activation(x + bias + addend)`.
pub(super) fn finish(
    op: &'static str,
    [x, out]: [&Tensor; 2],
    bias: Option<&Tensor>,
    addend: Option<&Tensor>,
    activation: Option<Activation>,
) -> Result<()> {
    floating(op, x.dtype())?;
    operand(op, "x", x).contiguous()?;
    operand(op, "out", out).holds(x.elem_count(), x.dtype())?;
    if let Some(bias) = bias {
        operand(op, "bias", bias).is(x.dim(D::Minus1)?, x.dtype())?;
    }
    if let Some(addend) = addend {
        operand(op, "addend", addend).holds(x.elem_count(), x.dtype())?;
    }
    write(out, &plain::image::finish(x, bias, addend, activation)?)
}

/// `out = x · scale`, a number for each channel of each picture: `x` and `out` `[b, h, w, c]`,
/// `scale` `[b, c]`, as squeeze-and-excitation needs it. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn scale_channels(x: &Tensor, scale: &Tensor, out: &Tensor) -> Result<()> {
    const OP: &str = "scale_channels";
    let (batch, _, _, channels) = picture(OP, "x", x)?;
    operand(OP, "scale", scale).holds(batch * channels, x.dtype())?;
    operand(OP, "out", out).is(x.shape(), x.dtype())?;
    write(out, &plain::image::scale_channels(x, scale)?)
}

/// `out = activation(Σ weight · x)`, of one to three tensors of one shape. `out` may be one of them.
///
/// # Errors
/// There are none or more than three, shapes or formats differ, or the device failed.
pub fn weighted_sum(
    parts: &[(&Tensor, f32)],
    activation: Option<Activation>,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "weighted_sum";
    if parts.is_empty() || parts.len() > MOST_PARTS {
        bail!("{OP}: {} tensors, expected 1 to {MOST_PARTS}", parts.len());
    }
    floating(OP, out.dtype())?;
    operand(OP, "out", out).contiguous()?;
    for (x, _) in parts {
        operand(OP, "x", x).holds(out.elem_count(), out.dtype())?;
    }
    write(out, &plain::image::weighted_sum(parts, activation)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn results_may_take_the_place_of_an_operand() {
        let new = |values: &[f32]| {
            Tensor::new(values, &Device::Cpu)
                .unwrap()
                .reshape((1, 1, 2, 2))
                .unwrap()
        };
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let x = new(&[1.0, -1.0, 2.0, -2.0]);
        let bias = Tensor::new(&[1f32, 0.0], &Device::Cpu).unwrap();
        add_bias_activation(&x, Some(&bias), Some(Activation::Relu), &x).unwrap();
        assert_eq!(values(&x), [2.0, 0.0, 3.0, 0.0]);
        add(&x, &new(&[1.0, 1.0, 1.0, 1.0]), &x).unwrap();
        assert_eq!(values(&x), [3.0, 1.0, 4.0, 1.0]);
        let scale = Tensor::new(&[[2f32, -1.0]], &Device::Cpu).unwrap();
        scale_channels(&x, &scale, &x).unwrap();
        assert_eq!(values(&x), [6.0, -1.0, 8.0, -1.0]);
        weighted_sum(&[(&x, 0.5), (&x, 0.5)], Some(Activation::Relu), &x).unwrap();
        assert_eq!(values(&x), [6.0, 0.0, 8.0, 0.0]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::zeros((1, 2, 2, 3), DType::F32, &Device::Cpu).unwrap();
        let two = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
        let message = add_bias_activation(&x, Some(&two), None, &x)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("bias is F32 [2], expected F32 [3]"),
            "{message}"
        );
        let message = add(&x, &two, &x).unwrap_err().to_string();
        assert!(message.contains("add: addend is F32 [2]"), "{message}");
        let message = weighted_sum(&[], None, &x).unwrap_err().to_string();
        assert!(message.contains("0 tensors, expected 1 to 3"), "{message}");
    }
}
