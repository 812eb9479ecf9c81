//! Which pixels make up a pixel of the result, and how much of each.

use statistics::sum::number;

use super::filter::Filter;
use crate::picture::{Picture, Size};

/// The pixels behind one pixel of the result, along one side.
#[derive(Clone, Debug)]
pub(super) struct Taps<W> {
    /// The first of them.
    pub(super) first: usize,
    /// Their weights, one after another.
    pub(super) weights: Vec<W>,
}

/// Taps of an antialiasing filter: where the picture gets smaller, the filter gets wider. In double
/// precision, as Pillow has them.
pub(super) fn antialiased(from: usize, to: usize, filter: Filter) -> Vec<Taps<f64>> {
    let scale = number(from) / number(to);
    let wider = scale.max(1.0);
    let radius = filter.radius() * wider;
    let narrower = 1.0 / wider;
    (0..to)
        .map(|index| {
            let centre = (number(index) + 0.5) * scale;
            let first = truncated(centre - radius + 0.5);
            let end = truncated(centre + radius + 0.5).min(from);
            let mut weights: Vec<f64> = (first..end)
                .map(|pixel| filter.weight((number(pixel) - centre + 0.5) * narrower))
                .collect();
            let total: f64 = weights.iter().sum();
            if total != 0.0 {
                for weight in &mut weights {
                    *weight /= total;
                }
            }
            Taps { first, weights }
        })
        .collect()
}

/// The same in single precision, as PyTorch has them for numbers.
pub(super) fn antialiased_single(from: usize, to: usize, filter: Filter) -> Vec<Taps<f32>> {
    let scale = single(from) / single(to);
    let wider = scale.max(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "1 or 2")]
    let radius = filter.radius() as f32 * wider;
    let narrower = if scale >= 1.0 { 1.0 / scale } else { 1.0 };
    (0..to)
        .map(|index| {
            let centre = scale * (single(index) + 0.5);
            let first = truncated(f64::from(centre - radius + 0.5));
            let end = truncated(f64::from(centre + radius + 0.5)).min(from);
            let mut weights: Vec<f32> = (first..end)
                .map(|pixel| filter.weight_single((single(pixel) - centre + 0.5) * narrower))
                .collect();
            let total: f32 = weights.iter().sum();
            if total != 0.0 {
                for weight in &mut weights {
                    *weight /= total;
                }
            }
            Taps { first, weights }
        })
        .collect()
}

/// Weights as integers of which 2^`bits` stand for one, rounded away from zero at a half.
pub(super) fn fixed_point(taps: &[Taps<f64>], bits: u32) -> Vec<Taps<i32>> {
    let one = f64::from(1_u32 << bits);
    taps.iter()
        .map(|tap| Taps {
            first: tap.first,
            weights: tap
                .weights
                .iter()
                .map(|weight| {
                    #[expect(clippy::cast_possible_truncation, reason = "weights are near one")]
                    let rounded = (weight * one + 0.5_f64.copysign(*weight)) as i32;
                    rounded
                })
                .collect(),
        })
        .collect()
}

/// Applies taps along each row. `mix` makes a value of the result from its taps and the values
/// behind them, which it reads by their number.
pub(super) fn along_rows<T: Copy, W>(
    picture: &Picture<T>,
    taps: &[Taps<W>],
    mix: impl Fn(&Taps<W>, &dyn Fn(usize) -> T) -> T,
) -> Picture<T> {
    let (size, channels) = (picture.size(), picture.channels());
    let mut out = Vec::with_capacity(size.height * taps.len() * channels);
    for row in picture.values().chunks_exact(size.width * channels) {
        for tap in taps {
            for channel in 0..channels {
                out.push(mix(tap, &|index| {
                    row[(tap.first + index) * channels + channel]
                }));
            }
        }
    }
    Picture::fitting(Size::new(size.height, taps.len()), channels, out)
}

/// Applies taps along each column.
pub(super) fn along_columns<T: Copy, W>(
    picture: &Picture<T>,
    taps: &[Taps<W>],
    mix: impl Fn(&Taps<W>, &dyn Fn(usize) -> T) -> T,
) -> Picture<T> {
    let (size, channels) = (picture.size(), picture.channels());
    let (values, stride) = (picture.values(), size.width * channels);
    let mut out = Vec::with_capacity(taps.len() * stride);
    for tap in taps {
        for column in 0..stride {
            out.push(mix(tap, &|index| {
                values[(tap.first + index) * stride + column]
            }));
        }
    }
    Picture::fitting(Size::new(taps.len(), size.width), channels, out)
}

/// Cut off towards zero, and at zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a picture, at least zero"
)]
pub(super) fn truncated(position: f64) -> usize {
    position.max(0.0) as usize
}

/// A count of pixels in single precision.
#[expect(clippy::cast_precision_loss, reason = "sides stay below 2^24 pixels")]
pub(super) const fn single(pixels: usize) -> f32 {
    pixels as f32
}
