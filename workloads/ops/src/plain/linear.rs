//! Products with a weight.

use candle_core::{Result, Tensor};

use super::{activation, wide};
use crate::Gelu;

/// `activation(x · weightᵀ + bias)` for rows `x` and a weight `[out, in]`.
///
/// # Errors
/// The shapes do not fit.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Option<Gelu>,
) -> Result<Tensor> {
    let mut product = wide(x)?.matmul(&wide(weight)?.t()?)?;
    if let Some(bias) = bias {
        product = product.broadcast_add(&wide(bias)?)?;
    }
    match activation {
        Some(kind) => activation::gelu(&product, kind)?,
        None => product,
    }
    .to_dtype(x.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;
    use crate::case::Draw;

    proptest! {
        #[test]
        fn products_equal_the_formula(
            rows in 1..6_usize, outputs in 1..9_usize, inputs in 1..30_usize, seed in any::<u64>(),
        ) {
            let mut draw = Draw::new(seed);
            let x = draw.normal((rows, inputs), 1.0).unwrap();
            let weight = draw.normal((outputs, inputs), 1.0).unwrap();
            let bias = draw.normal(outputs, 1.0).unwrap();
            let found = linear(&x, &weight, Some(&bias), None).unwrap().to_vec2::<f32>().unwrap();
            let (x, weight) = (x.to_vec2::<f32>().unwrap(), weight.to_vec2::<f32>().unwrap());
            let bias = bias.to_vec1::<f32>().unwrap();
            for (x, found) in x.iter().zip(&found) {
                for ((weight, bias), found) in weight.iter().zip(&bias).zip(found) {
                    let expected = x
                        .iter()
                        .zip(weight)
                        .fold(f64::from(*bias), |sum, (x, w)| sum + f64::from(*x) * f64::from(*w));
                    prop_assert!((f64::from(*found) - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn the_activation_follows_the_bias() {
        let one = |value: f32| Tensor::new(&[[value]], &Device::Cpu).unwrap();
        let bias = Tensor::new(&[1.0_f32], &Device::Cpu).unwrap();
        let found = linear(&one(2.0), &one(-0.5), Some(&bias), Some(Gelu::Erf)).unwrap();
        assert_eq!(found.to_vec2::<f32>().unwrap(), [[0.0]]);
    }
}
