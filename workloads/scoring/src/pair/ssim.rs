//! Structural similarity with a Gaussian window of 11 × 11 and σ = 1.5 (Wang and others, IEEE
//! Transactions on Image Processing 13, 2004): k₁ = 0.01, k₂ = 0.03, variances with divisor n.

use statistics::sum::number;

use crate::ScoringError;
use crate::picture::{Picture, Size, require_same_shape};

/// Side of the window in pixels.
pub const WINDOW: usize = 11;

const RADIUS: usize = WINDOW / 2;
const SIGMA: f64 = 1.5;

/// Which places count. Programs differ, and so do their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Those whose window lies in the picture: Wang's own program; scikit-image 0.26 with
    /// `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
    Valid,
    /// All, with the picture mirrored at its edge pixels: torchmetrics 1.9.
    Reflect,
}

/// Mean structural similarity over places and channels; `peak` is 255 for bytes and 1 for values in
/// [0, 1].
///
/// # Errors
/// Pictures of different shape, or too small for the window: below 11 pixels ([`Border::Valid`]) or
/// 6 ([`Border::Reflect`]).
pub fn ssim<T: Copy + Into<f64>>(
    a: &Picture<T>,
    b: &Picture<T>,
    peak: f64,
    border: Border,
) -> Result<f64, ScoringError> {
    require_same_shape(a, b)?;
    let size = a.size();
    let needed = match border {
        Border::Valid => WINDOW,
        Border::Reflect => RADIUS + 1,
    };
    if size.height.min(size.width) < needed {
        return Err(ScoringError::Value {
            what: "size of the pictures",
            found: format!("{} × {}", size.height, size.width),
            expected: format!("at least {needed} pixels a side for SSIM"),
        });
    }
    let (a, b) = (a.map(Into::into), b.map(Into::into));
    let channels = a.channels();
    let similarities = (0..channels).map(|channel| {
        let plane = |picture: &Picture<f64>| -> Vec<f64> {
            let values = picture.values()[channel..].iter();
            values.step_by(channels).copied().collect()
        };
        of_planes(&plane(&a), &plane(&b), size, peak, border)
    });
    Ok(similarities.sum::<f64>() / number(channels))
}

fn of_planes(a: &[f64], b: &[f64], size: Size, peak: f64, border: Border) -> f64 {
    let smooth = |values: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..a.len()).map(values).collect();
        smoothed(&values, size, border)
    };
    let (mean_a, mean_b) = (smooth(&|i| a[i]), smooth(&|i| b[i]));
    let squares_a = smooth(&|i| a[i] * a[i]);
    let squares_b = smooth(&|i| b[i] * b[i]);
    let products = smooth(&|i| a[i] * b[i]);
    let (c1, c2) = ((0.01 * peak).powi(2), (0.03 * peak).powi(2));
    let total: f64 = (0..mean_a.len())
        .map(|i| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let (va, vb) = (squares_a[i] - ma * ma, squares_b[i] - mb * mb);
            let covariance = products[i] - ma * mb;
            ((2.0 * ma * mb + c1) * (2.0 * covariance + c2))
                / ((ma * ma + mb * mb + c1) * (va + vb + c2))
        })
        .sum();
    total / number(mean_a.len())
}

/// Gaussian means of a plane: along rows, then along columns.
fn smoothed(values: &[f64], size: Size, border: Border) -> Vec<f64> {
    let rows = along(values, size.width, 1, (size.height, size.width), border);
    let width = rows.len() / size.height;
    along(&rows, size.height, width, (width, 1), border)
}

/// Gaussian means along lines of `length` values that are `stride` apart; `lines` of them, each
/// beginning `offset` after the one before. The result has the same layout.
fn along(
    values: &[f64],
    length: usize,
    stride: usize,
    (lines, offset): (usize, usize),
    border: Border,
) -> Vec<f64> {
    let window = window();
    let kept = match border {
        Border::Valid => length + 1 - WINDOW,
        Border::Reflect => length,
    };
    let offset_out = if stride == 1 { kept } else { 1 };
    let mut out = vec![0.0; lines * kept];
    for line in 0..lines {
        for place in 0..kept {
            let mean = window.iter().enumerate().map(|(tap, weight)| {
                let index = match border {
                    Border::Valid => place + tap,
                    Border::Reflect => mirrored(place + tap, length),
                };
                weight * values[line * offset + index * stride]
            });
            out[line * offset_out + place * stride] = mean.sum();
        }
    }
    out
}

/// Position `shifted − RADIUS`, mirrored at the first and the last pixel without repeating them.
const fn mirrored(shifted: usize, length: usize) -> usize {
    let position = shifted.abs_diff(RADIUS);
    if position < length {
        position
    } else {
        2 * (length - 1) - position
    }
}

fn window() -> [f64; WINDOW] {
    let mut window = [0.0; WINDOW];
    for (tap, weight) in window.iter_mut().enumerate() {
        let distance = number(tap.abs_diff(RADIUS)) / SIGMA;
        *weight = libm::exp(-distance * distance / 2.0);
    }
    let total: f64 = window.iter().sum();
    window.map(|weight| weight / total)
}
