//! Arithmetic of samplers of diffusion models.

use candle_core::{Result, Tensor, bail};

use super::wide;
use crate::sampler::Noise;
use crate::sampling::philox::{normals, philox};

/// `unconditional + scale · (conditional − unconditional)`, in f32 (Ho and Salimans, 2022).
///
/// # Errors
/// The shapes differ.
pub fn guide(unconditional: &Tensor, conditional: &Tensor, scale: f32) -> Result<Tensor> {
    let unconditional = wide(unconditional)?;
    let apart = (wide(conditional)? - &unconditional)?;
    unconditional + (apart * f64::from(scale))?
}

/// `Σ coefficients[i] · terms[i]` in f32, added in order.
///
/// # Errors
/// There is no term, the numbers of terms and coefficients differ, or the shapes do.
pub fn combine(coefficients: &[f32], terms: &[Tensor]) -> Result<Tensor> {
    if coefficients.len() != terms.len() {
        bail!(
            "{} coefficients for {} terms",
            coefficients.len(),
            terms.len()
        );
    }
    let mut sum: Option<Tensor> = None;
    for (coefficient, term) in coefficients.iter().zip(terms) {
        let product = (wide(term)? * f64::from(*coefficient))?;
        sum = Some(match sum {
            Some(sum) => (sum + product)?,
            None => product,
        });
    }
    sum.ok_or_else(|| candle_core::Error::Msg("a sum has at least one term".into()))
}

/// Standard normal values in f32 of the shape of `like`, see [`crate::sampler::noise`].
///
/// # Errors
/// There are more than 2^32 pictures, or values in one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the seed is taken in two halves"
)]
pub fn noise(noise: Noise, draw: usize, like: &Tensor) -> Result<Tensor> {
    let index = |i: usize| u32::try_from(i).map_err(candle_core::Error::wrap);
    let key = [noise.seed as u32, (noise.seed >> 32) as u32];
    let batch = like.dim(0)?;
    let size = like.elem_count() / batch.max(1);
    let mut values = Vec::with_capacity(like.elem_count());
    for picture in 0..batch {
        for group in 0..size.div_ceil(4) {
            let counter = [
                index(group)?,
                index(noise.first + picture)?,
                index(draw)?,
                1,
            ];
            let four = normals(philox(counter, key));
            values.extend(four.into_iter().take(size - 4 * group));
        }
    }
    Tensor::from_vec(values, like.shape(), like.device())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn guidance_and_sums_are_the_formulas() {
        let (a, b) = (tensor(&[1.0, 2.0]), tensor(&[3.0, 1.0]));
        let guided = guide(&a, &b, 7.5).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(guided, [16.0, -5.5]);
        let sum = combine(&[0.5, -2.0], &[a, b.to_dtype(DType::BF16).unwrap()]);
        assert_eq!(sum.unwrap().to_vec1::<f32>().unwrap(), [-5.5, -1.0]);
        assert!(combine(&[], &[]).is_err() && combine(&[1.0], &[]).is_err());
    }

    #[test]
    fn noise_is_normal_and_a_picture_has_its_own_wherever_it_stands() {
        let like = Tensor::zeros((4, 50, 51), DType::F32, &Device::Cpu).unwrap();
        let seed = Noise { seed: 3, first: 0 };
        let drawn = noise(seed, 0, &like).unwrap();
        let values = drawn.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let count = values.len() as f64;
        let moment = |power: i32| {
            let powers = values.iter().map(|v| f64::from(*v).powi(power));
            powers.sum::<f64>() / count
        };
        // Standard errors of 10,200 values: 0.010, 0.014, 0.025 and 0.10.
        assert!(moment(1).abs() < 0.04, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.06, "{}", moment(2));
        assert!(moment(3).abs() < 0.16, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.4, "{}", moment(4));
        let third = noise(
            Noise { first: 2, ..seed },
            0,
            &like.narrow(0, 0, 1).unwrap(),
        )
        .unwrap();
        let same = drawn.narrow(0, 2, 1).unwrap();
        let apart = (third - same).unwrap().abs().unwrap().sum_all().unwrap();
        assert_eq!(apart.to_scalar::<f32>().unwrap(), 0.0);
        let later = noise(seed, 1, &like).unwrap();
        let apart = (later - drawn).unwrap().abs().unwrap().mean_all().unwrap();
        // The mean of |a − b| is 2/√π.
        let apart = apart.to_scalar::<f32>().unwrap();
        assert!((apart - 1.128).abs() < 0.05, "{apart}");
    }
}
