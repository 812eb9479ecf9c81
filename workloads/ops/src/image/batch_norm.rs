//! Batch norms as part of the convolution before them.

use candle_core::{DType, Result, Tensor};

use crate::contract::{floating, operand};

/// Weight and bias of a convolution that also does what the batch norm after it did at inference:
/// `weight · g`, `beta + (bias − mean) · g` with `g = gamma / √(variance + ε)` (Ioffe and Szegedy,
/// 2015), computed in f32 and given back in the weight's format. `weight` is `[out, …]`, the others
/// are `[out]`.
///
/// A convolution with a bias of its own: pass `mean − bias`.
///
/// # Errors
/// The shapes do not fit.
pub fn fold_batch_norm(
    weight: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    epsilon: f64,
) -> Result<(Tensor, Tensor)> {
    const OP: &str = "fold_batch_norm";
    let outputs = weight.dim(0)?;
    for (name, tensor) in [
        ("gamma", gamma),
        ("beta", beta),
        ("mean", mean),
        ("variance", variance),
    ] {
        floating(OP, tensor.dtype())?;
        operand(OP, name, tensor).is(outputs, tensor.dtype())?;
    }
    let f32 = |tensor: &Tensor| tensor.to_dtype(DType::F32);
    let gain = (f32(gamma)? / (f32(variance)? + epsilon)?.sqrt()?)?;
    let bias = (f32(beta)? - (f32(mean)? * &gain)?)?;
    let mut dims = vec![1; weight.rank()];
    dims[0] = outputs;
    let folded = f32(weight)?.broadcast_mul(&gain.reshape(dims)?)?;
    Ok((
        folded.to_dtype(weight.dtype())?,
        bias.to_dtype(weight.dtype())?,
    ))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_folded_norm_gives_what_the_norm_gave() {
        let new = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let weight = new(&[2.0, -1.0]).reshape((2, 1, 1, 1)).unwrap();
        let (gamma, beta) = (new(&[1.5, 0.5]), new(&[0.25, -1.0]));
        let (mean, variance) = (new(&[1.0, -2.0]), new(&[4.0, 0.25]));
        let (weight, bias) =
            fold_batch_norm(&weight, &gamma, &beta, &mean, &variance, 0.0).unwrap();
        let weight = weight.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bias = bias.to_vec1::<f32>().unwrap();
        for x in [-1.0_f32, 0.0, 3.0] {
            let first = (2.0 * x - 1.0) / 2.0 * 1.5 + 0.25;
            let second = (-x + 2.0) / 0.5 * 0.5 - 1.0;
            assert!((weight[0] * x + bias[0] - first).abs() < 1e-6);
            assert!((weight[1] * x + bias[1] - second).abs() < 1e-6);
        }
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let weight = Tensor::zeros((2, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let two = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
        let three = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
        let message = fold_batch_norm(&weight, &two, &two, &three, &two, 0.0)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("mean is F32 [3], expected F32 [2]"),
            "{message}"
        );
    }
}
