//! Norms over the last dimension.

use candle_core::{D, Result, Tensor};

use super::wide;

/// `x / √(mean(x²) + ε) · weight` (Zhang and Sennrich, 2019).
///
/// # Errors
/// The shapes do not fit.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    let values = wide(x)?;
    let scale = (values.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    values
        .broadcast_div(&scale)?
        .broadcast_mul(&wide(weight)?)?
        .to_dtype(x.dtype())
}

/// `(x − mean(x)) / √(var(x) + ε) · weight + bias` (Ba, Kiros and Hinton, 2016).
///
/// # Errors
/// The shapes do not fit.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    let values = wide(x)?;
    let centred = values.broadcast_sub(&values.mean_keepdim(D::Minus1)?)?;
    let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    centred
        .broadcast_div(&scale)?
        .broadcast_mul(&wide(weight)?)?
        .broadcast_add(&wide(bias)?)?
        .to_dtype(x.dtype())
}

/// `x + delta`, rounded once.
///
/// # Errors
/// The shapes differ.
pub fn sum(x: &Tensor, delta: &Tensor) -> Result<Tensor> {
    (wide(x)? + wide(delta)?)?.to_dtype(x.dtype())
}

/// The norm of `x + delta`, where the sum is not rounded in between.
///
/// # Errors
/// The shapes do not fit.
pub fn layer_norm_of_sum(
    x: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
) -> Result<Tensor> {
    layer_norm(&(wide(x)? + wide(delta)?)?, weight, bias, epsilon)?.to_dtype(x.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    fn tensor(values: &[f64]) -> Tensor {
        let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Tensor::new(narrow, &Device::Cpu).unwrap()
    }

    fn assert_near(found: &Tensor, expected: &[f64]) {
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            let allowed = 2e-5 * expected.abs().max(1.0);
            assert!(
                (f64::from(*found) - expected).abs() < allowed,
                "{found} {expected}"
            );
        }
    }

    proptest! {
        #[test]
        fn norms_equal_the_formulas(
            rows in prop::collection::vec((-4.0..4.0_f64, 0.5..2.0_f64, -1.0..1.0_f64), 2..40),
            epsilon in 1e-6..1e-2_f64,
        ) {
            let x: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let w: Vec<f64> = rows.iter().map(|row| row.1).collect();
            let b: Vec<f64> = rows.iter().map(|row| row.2).collect();
            let n = x.len() as f64;
            let rms = (x.iter().map(|x| x * x).sum::<f64>() / n + epsilon).sqrt();
            let expected: Vec<f64> = x.iter().zip(&w).map(|(x, w)| x / rms * w).collect();
            let (x_t, w_t, b_t) = (tensor(&x), tensor(&w), tensor(&b));
            assert_near(&rms_norm(&x_t, &w_t, epsilon as f32).unwrap(), &expected);

            let mean = x.iter().sum::<f64>() / n;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let deviation = (variance + epsilon).sqrt();
            // A row of nearly equal values magnifies the rounding of its operands.
            prop_assume!(deviation > 0.1);
            let expected: Vec<f64> = x
                .iter()
                .zip(&w)
                .zip(&b)
                .map(|((x, w), b)| (x - mean) / deviation * w + b)
                .collect();
            assert_near(&layer_norm(&x_t, &w_t, &b_t, epsilon as f32).unwrap(), &expected);
        }
    }
}
