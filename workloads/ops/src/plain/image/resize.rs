//! Pictures in another size, as PyTorch's `interpolate` does it (without smoothing).

use candle_core::{Result, Tensor};

use super::super::wide;
use crate::image::{Sample, nearest_place, samples};

/// Each pixel as the nearest one before: place `⌊out · in size / out size⌋`.
///
/// # Errors
/// The device failed.
pub fn resize_nearest(x: &Tensor, (height, width): (usize, usize)) -> Result<Tensor> {
    let mut resized = x.clone();
    for (dim, size) in [(1, height), (2, width)] {
        let from = x.dim(dim)?;
        let places = (0..size).map(|place| nearest_place(place, from, size));
        resized = resized.index_select(&index(places, x)?, dim)?;
    }
    Ok(resized)
}

/// Each pixel from the four around its place, by distance.
///
/// # Errors
/// The device failed.
pub fn resize_bilinear(
    x: &Tensor,
    (height, width): (usize, usize),
    align_corners: bool,
) -> Result<Tensor> {
    let mut resized = wide(x)?;
    for (dim, size) in [(1, height), (2, width)] {
        let samples = samples(x.dim(dim)?, size, align_corners);
        let part = |place: &dyn Fn(&Sample) -> usize, weight: &dyn Fn(&Sample) -> f32| {
            let places = index(samples.iter().map(place), x)?;
            let weights: Vec<f32> = samples.iter().map(weight).collect();
            let mut dims = [1; 4];
            dims[dim] = size;
            let weights = Tensor::from_vec(weights, &dims, x.device())?;
            resized.index_select(&places, dim)?.broadcast_mul(&weights)
        };
        let before = part(&|sample| sample.before, &|sample| 1.0 - sample.share)?;
        let after = part(&|sample| sample.after, &|sample| sample.share)?;
        resized = (before + after)?;
    }
    resized.to_dtype(x.dtype())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "pictures have fewer rows than 2^32"
)]
fn index(places: impl Iterator<Item = usize>, like: &Tensor) -> Result<Tensor> {
    let places: Vec<u32> = places.map(|place| place as u32).collect();
    let count = places.len();
    Tensor::from_vec(places, count, like.device())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn row(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu)
            .unwrap()
            .reshape((1, 1, values.len(), 1))
            .unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn places_are_those_of_pytorch() {
        let x = row(&[0.0, 4.0, 8.0]);
        let nearest = resize_nearest(&x, (1, 5)).unwrap();
        assert_eq!(flat(&nearest), [0.0, 0.0, 4.0, 4.0, 8.0]);
        // Centres at (out + 1/2) · 3/6 − 1/2 = −0.25, 0.25, …, held within the picture.
        let half = resize_bilinear(&x, (1, 6), false).unwrap();
        assert_eq!(flat(&half), [0.0, 1.0, 3.0, 5.0, 7.0, 8.0]);
        let corners = resize_bilinear(&x, (1, 5), true).unwrap();
        assert_eq!(flat(&corners), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let one = resize_bilinear(&x, (2, 1), true).unwrap();
        assert_eq!(flat(&one), [0.0, 0.0]);
        let smaller = resize_bilinear(&row(&[0.0, 2.0, 4.0, 6.0]), (1, 2), false).unwrap();
        assert_eq!(flat(&smaller), [1.0, 5.0]);
    }

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.11, nn.functional.interpolate of 3 × 5 values: place to the power of 1.5.
        let values: Vec<f32> = (0..15).map(|place| (place as f32).powf(1.5)).collect();
        let x = Tensor::from_vec(values, (1, 3, 5, 1), &Device::Cpu).unwrap();
        let assert_near = |found: Tensor, expected: &[f32]| {
            let found = flat(&found);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        };
        assert_near(
            resize_bilinear(&x, (2, 8), false).unwrap(),
            &[
                2.7951, 3.5078, 4.5697, 6.0242, 7.6272, 9.3788, 11.3517, 12.75, 26.5122, 28.4915,
                31.3346, 34.3162, 37.3707, 40.4982, 43.7508, 46.0374,
            ],
        );
        assert_near(
            resize_bilinear(&x, (5, 3), true).unwrap(),
            &[
                0.0, 2.8284, 8.0, 5.5902, 10.6743, 17.5, 11.1803, 18.5203, 27.0, 21.4016, 30.0447,
                39.6916, 31.6228, 41.5692, 52.3832,
            ],
        );
        let places = Tensor::arange(0_f32, 15.0, &Device::Cpu).unwrap();
        let places = places.reshape((1, 3, 5, 1)).unwrap();
        let nearest = flat(&resize_nearest(&places, (4, 7)).unwrap());
        assert_eq!(nearest[..7], [0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
        assert_eq!(nearest[7..14], nearest[..7]);
        assert_eq!(nearest[21..], [10.0, 10.0, 11.0, 12.0, 12.0, 13.0, 14.0]);
    }
}
