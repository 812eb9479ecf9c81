//! Sums, scales and activations of pictures.

use candle_core::{D, Result, Tensor};

use super::super::wide;
use crate::image::Activation;

/// The activation of f32 values.
///
/// # Errors
/// The device failed.
pub fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu(slope) => x.maximum(&(x * f64::from(slope))?),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => (x.neg()?.exp()? + 1.0)?.recip(),
        Activation::Gelu => x.gelu_erf(),
    }
}

/// `activation(x + bias + addend)`, the bias along the last dimension.
///
/// # Errors
/// The shapes do not fit.
pub fn finish(
    x: &Tensor,
    bias: Option<&Tensor>,
    addend: Option<&Tensor>,
    activation: Option<Activation>,
) -> Result<Tensor> {
    let mut sum = wide(x)?;
    if let Some(bias) = bias {
        sum = sum.broadcast_add(&wide(bias)?)?;
    }
    if let Some(addend) = addend {
        sum = (&sum + wide(addend)?.reshape(sum.shape())?)?;
    }
    if let Some(activation) = activation {
        sum = activate(&sum, activation)?;
    }
    sum.to_dtype(x.dtype())
}

/// Each channel of `x` `[b, h, w, c]` times its number in `scale` `[b, c]`.
///
/// # Errors
/// The shapes do not fit.
pub fn scale_channels(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let (batch, _, _, channels) = x.dims4()?;
    let scale = wide(scale)?.reshape((batch, 1, 1, channels))?;
    wide(x)?.broadcast_mul(&scale)?.to_dtype(x.dtype())
}

/// `activation(Σ weight · x)` of pictures of one shape.
///
/// # Errors
/// There is nothing to add, or the shapes differ.
pub fn weighted_sum(parts: &[(&Tensor, f32)], activation: Option<Activation>) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (x, weight) in parts {
        let part = (wide(x)? * f64::from(*weight))?;
        sum = Some(match sum {
            Some(sum) => (&sum + part.reshape(sum.shape())?)?,
            None => part,
        });
    }
    let (Some(sum), Some((first, _))) = (sum, parts.first()) else {
        candle_core::bail!("weighted_sum: nothing to add");
    };
    match activation {
        Some(activation) => activate(&sum, activation)?,
        None => sum,
    }
    .to_dtype(first.dtype())
}

/// Channels of several pictures, side by side.
///
/// # Errors
/// The other dimensions differ.
pub fn concat(parts: &[&Tensor]) -> Result<Tensor> {
    Tensor::cat(parts, D::Minus1)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn one(activation: Activation, x: f32) -> f32 {
        let x = Tensor::new(&[x], &Device::Cpu).unwrap();
        activate(&x, activation).unwrap().to_vec1::<f32>().unwrap()[0]
    }

    #[test]
    fn activations_equal_the_formulas() {
        for x in [-7.0_f32, -2.0, -0.25, 0.0, 0.5, 3.0, 8.0] {
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            assert_eq!(one(Activation::Relu, x), x.max(0.0));
            assert_eq!(one(Activation::Relu6, x), x.clamp(0.0, 6.0));
            let leaky = if x > 0.0 { x } else { 0.1 * x };
            assert_eq!(one(Activation::LeakyRelu(0.1), x), leaky);
            assert!((one(Activation::Sigmoid, x) - sigmoid).abs() < 1e-6);
            assert!((one(Activation::Silu, x) - x * sigmoid).abs() < 1e-6);
        }
        // Φ(1) = 0.841345
        assert!((one(Activation::Gelu, 1.0) - 0.841_345).abs() < 1e-5);
    }

    #[test]
    fn bias_and_addend_come_before_the_activation() {
        let new = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let x = new(&[1.0, -3.0, 2.0, 0.0]).reshape((1, 1, 2, 2)).unwrap();
        let bias = new(&[0.5, 1.0]);
        let addend = new(&[0.0, 4.0, -9.0, 1.0]).reshape((1, 1, 2, 2)).unwrap();
        let found = finish(&x, Some(&bias), Some(&addend), Some(Activation::Relu)).unwrap();
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [1.5, 2.0, 0.0, 2.0]);
        let scale = new(&[2.0, -1.0]).reshape((1, 2)).unwrap();
        let found = scale_channels(&x, &scale).unwrap();
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [2.0, 3.0, 4.0, 0.0]);
        let found = weighted_sum(&[(&x, 0.5), (&addend, 2.0)], None).unwrap();
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [0.5, 6.5, -17.0, 2.0]);
    }
}
