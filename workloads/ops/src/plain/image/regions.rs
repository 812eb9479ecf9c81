//! Features of regions of interest.

use candle_core::{DType, Device, Result, Tensor};

use crate::image::Regions;

/// `[n, cells h, cells w, c]` from features `[b, h, w, c]` and boxes `[n, 5]`, as torchvision does
/// it; zeros for a picture that does not exist.
///
/// # Errors
/// The shapes do not fit.
pub fn roi_align(
    features: &Tensor,
    boxes: &Tensor,
    regions: &Regions,
    (rows, columns): (usize, usize),
) -> Result<Tensor> {
    let (batch, height, width, channels) = features.dims4()?;
    let boxes: Vec<Vec<f32>> = boxes.to_dtype(DType::F32)?.to_vec2()?;
    let values: Vec<f32> = features
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1()?;
    let mut out = vec![0.0_f32; boxes.len() * rows * columns * channels];
    let size = rows * columns * channels;
    for (bounds, out) in boxes.iter().zip(out.chunks_mut(size.max(1))) {
        let Some(place) = picture(bounds[0], batch) else {
            continue;
        };
        let pixels = height * width * channels;
        let values = &values[place * pixels..(place + 1) * pixels];
        let vertical = cells(bounds[2], bounds[4], regions, rows, height);
        let horizontal = cells(bounds[1], bounds[3], regions, columns, width);
        let mut cell = out.chunks_mut(channels);
        for down in &vertical {
            for across in &horizontal {
                let Some(cell) = cell.next() else { break };
                #[expect(clippy::cast_precision_loss, reason = "samples are few")]
                let share = 1.0 / (down.len() * across.len()).max(1) as f32;
                for y in down.iter().flatten() {
                    for x in across.iter().flatten() {
                        for (row, of_row) in [(y.0, 1.0 - y.2), (y.1, y.2)] {
                            for (column, of_column) in [(x.0, 1.0 - x.2), (x.1, x.2)] {
                                let first = (row * width + column) * channels;
                                let pixel = &values[first..first + channels];
                                for (sum, value) in cell.iter_mut().zip(pixel) {
                                    *sum += of_row * of_column * share * value;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    Tensor::from_vec(out, (boxes.len(), rows, columns, channels), &Device::Cpu)?
        .to_dtype(features.dtype())?
        .to_device(features.device())
}

/// The number of a picture, if there is one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers below the batch"
)]
fn picture(number: f32, batch: usize) -> Option<usize> {
    (number >= 0.0 && number < batch as f32).then_some(number as usize)
}

/// A sample between two pixels: both, and the weight of the second; `None` outside the picture.
type Place = Option<(usize, usize, f32)>;

/// The samples of each cell along one direction.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are small; numbers are not negative where they are cut"
)]
fn cells(first: f32, last: f32, regions: &Regions, count: usize, size: usize) -> Vec<Vec<Place>> {
    let offset = if regions.aligned { 0.5 } else { 0.0 };
    let start = first * regions.spatial_scale - offset;
    let mut length = last * regions.spatial_scale - offset - start;
    if !regions.aligned {
        length = length.max(1.0);
    }
    let cell = length / count as f32;
    let samples = if regions.sampling_ratio > 0 {
        regions.sampling_ratio
    } else {
        cell.ceil().max(0.0) as usize
    };
    let sample = |place: usize, number: usize| {
        let at = start + place as f32 * cell + (number as f32 + 0.5) * cell / samples as f32;
        if at < -1.0 || at > size as f32 {
            return None;
        }
        let at = at.max(0.0);
        let before = at as usize;
        Some(if before >= size - 1 {
            (size - 1, size - 1, 0.0)
        } else {
            (before, before + 1, at - before as f32)
        })
    };
    (0..count)
        .map(|place| (0..samples).map(|number| sample(place, number)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose value is `10 · row + column`: samples give their own coordinates.
    fn ramp(size: usize) -> Tensor {
        let values: Vec<f32> = (0..size * size)
            .map(|place| (10 * (place / size) + place % size) as f32)
            .collect();
        Tensor::from_vec(values, (1, size, size, 1), &Device::Cpu).unwrap()
    }

    fn regions(aligned: bool, sampling_ratio: usize) -> Regions {
        Regions {
            spatial_scale: 0.5,
            sampling_ratio,
            aligned,
        }
    }

    fn run(boxes: [f32; 5], regions: &Regions) -> Vec<f32> {
        let boxes = Tensor::new(&[boxes], &Device::Cpu).unwrap();
        let out = roi_align(&ramp(8), &boxes, regions, (2, 2)).unwrap();
        out.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn cells_of_a_ramp_are_the_places_of_their_centres() {
        // 2..10 by 4..12 halved: rows 2..6, columns 1..5; cells of 2 by 2.
        let bounds = [0.0, 2.0, 4.0, 10.0, 12.0];
        // Not aligned: centres at rows 3 and 5, columns 2 and 4.
        let expected = [32.0, 34.0, 52.0, 54.0];
        for sampling_ratio in [0, 1, 2, 3] {
            for (found, expected) in run(bounds, &regions(false, sampling_ratio))
                .iter()
                .zip(expected)
            {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
            // Aligned: half a pixel before that in both directions.
            for (found, expected) in run(bounds, &regions(true, sampling_ratio))
                .iter()
                .zip(expected)
            {
                assert!(
                    (found - (expected - 5.5)).abs() < 1e-4,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn samples_outside_are_zero_or_at_the_border() {
        // Far outside: nothing.
        assert_eq!(
            run([0.0, 40.0, 40.0, 50.0, 50.0], &regions(false, 2)),
            [0.0; 4]
        );
        // A picture that does not exist.
        assert_eq!(
            run([1.0, 2.0, 4.0, 10.0, 12.0], &regions(false, 2)),
            [0.0; 4]
        );
        assert_eq!(
            run([-1.0, 2.0, 4.0, 10.0, 12.0], &regions(false, 2)),
            [0.0; 4]
        );
        // Less than a pixel before the picture: the border. One sample for each cell, at −0.25 and
        // 0.25 in both directions (boxes are at least a pixel wide).
        let found = run([0.0, -1.0, -1.0, -1.0, -1.0], &regions(false, 1));
        let expected = [0.0, 0.25, 2.5, 2.75];
        for (found, expected) in found.iter().zip(expected) {
            // start −0.5, cells of 0.5: centres −0.25 and 0.25
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn values_are_those_of_torchvision() {
        let value =
            |y: usize, x: usize, c: usize| ((7 * y + 3 * x + 5 * c + 2 * y * x) % 11) as f32;
        let values: Vec<f32> = (0..5 * 6 * 2)
            .map(|place| value(place / 12, place / 2 % 6, place % 2))
            .collect();
        let features = Tensor::from_vec(values, (1, 5, 6, 2), &Device::Cpu).unwrap();
        let boxes = Tensor::new(
            &[
                [0_f32, 1.5, 2.0, 18.0, 13.25],
                [0.0, -3.0, -5.5, 6.0, 30.0],
                [0.0, 8.25, 8.0, 8.75, 8.5],
            ],
            &Device::Cpu,
        )
        .unwrap();
        // torchvision 0.26, ops.roi_align(…, output_size=(2, 1), spatial_scale=0.25, …).
        let small = [4.03125, 4.21875, 4.59375, 4.78125];
        let aligned_small = [5.917_97, 1.851_56, 6.128_91, 1.804_69];
        for (aligned, sampling_ratio, first, last) in [
            (
                false,
                2,
                [
                    3.987_79, 4.915_83, 5.790_28, 4.2832, 3.794_68, 6.200_44, 3.0, 0.0,
                ],
                small,
            ),
            (
                false,
                0,
                [
                    4.290_94, 4.652_25, 5.685_55, 4.2209, 4.096_88, 4.988_49, 2.696_25, 0.296_25,
                ],
                small,
            ),
            (
                true,
                2,
                [
                    2.6087, 5.238_71, 5.235_96, 5.502_01, 2.909_91, 5.014_89, 3.584_47, 0.584_47,
                ],
                aligned_small,
            ),
            (
                true,
                0,
                [
                    3.818_94, 4.022_13, 5.695_03, 4.080_53, 2.705_99, 3.997_24, 4.388_33, 0.788_33,
                ],
                aligned_small,
            ),
        ] {
            let regions = Regions {
                spatial_scale: 0.25,
                sampling_ratio,
                aligned,
            };
            let found = roi_align(&features, &boxes, &regions, (2, 1)).unwrap();
            let found: Vec<f32> = found.flatten_all().unwrap().to_vec1().unwrap();
            for (found, expected) in found.iter().zip(first.iter().chain(&last)) {
                assert!(
                    (found - expected).abs() < 2e-5,
                    "{found} {expected} {regions:?}"
                );
            }
        }
    }
}
