//! Pools.

use candle_core::{Result, Tensor};

use super::super::wide;
use super::windows::windows;
use crate::image::Window;

/// The largest value of each window; padding is never the largest.
///
/// # Errors
/// The shapes do not fit.
pub fn max_pool2d(x: &Tensor, window: &Window) -> Result<Tensor> {
    let seen = windows(&wide(x)?, window, f32::NEG_INFINITY)?;
    let mut largest: Option<Tensor> = None;
    for place in seen {
        largest = Some(match largest {
            Some(largest) => largest.maximum(&place)?,
            None => place,
        });
    }
    match largest {
        Some(largest) => largest.to_dtype(x.dtype()),
        None => candle_core::bail!("max_pool2d: a window of no values"),
    }
}

/// The mean of each window, padding as zeros; without `count_include_pad`, of the values inside the
/// picture only.
///
/// # Errors
/// The shapes do not fit.
pub fn avg_pool2d(x: &Tensor, window: &Window, count_include_pad: bool) -> Result<Tensor> {
    let sum = sum(&wide(x)?, window)?;
    #[expect(clippy::cast_precision_loss, reason = "windows are small")]
    let mean = if count_include_pad {
        (sum / window.taps() as f64)?
    } else {
        let (_, height, width, _) = x.dims4()?;
        let ones = Tensor::ones((1, height, width, 1), sum.dtype(), x.device())?;
        sum.broadcast_div(&self::sum(&ones, window)?)?
    };
    mean.to_dtype(x.dtype())
}

fn sum(x: &Tensor, window: &Window) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for place in windows(x, window, 0.0)? {
        sum = Some(match sum {
            Some(sum) => (sum + place)?,
            None => place,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => candle_core::bail!("avg_pool2d: a window of no values"),
    }
}

/// The mean of each channel over a picture: `[b, h, w, c]` to `[b, c]`.
///
/// # Errors
/// The device failed.
pub fn global_average(x: &Tensor) -> Result<Tensor> {
    wide(x)?.mean((1, 2))?.to_dtype(x.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn picture() -> Tensor {
        Tensor::new(
            &[[-1f32, -2.0, -3.0], [-4.0, -5.0, -6.0], [-7.0, -8.0, -9.0]],
            &Device::Cpu,
        )
        .unwrap()
        .reshape((1, 3, 3, 1))
        .unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn padding_is_no_value_of_a_maximum() {
        let window = Window::new((3, 3), (2, 2), (1, 1));
        let found = max_pool2d(&picture(), &window).unwrap();
        assert_eq!(flat(&found), [-1.0, -2.0, -4.0, -5.0]);
    }

    #[test]
    fn means_count_padding_or_not() {
        let window = Window::new((2, 2), (2, 2), (1, 1));
        let found = avg_pool2d(&picture(), &window, true).unwrap();
        assert_eq!(flat(&found), [-0.25, -1.25, -2.75, -7.0]);
        let found = avg_pool2d(&picture(), &window, false).unwrap();
        assert_eq!(flat(&found), [-1.0, -2.5, -5.5, -7.0]);
        assert_eq!(flat(&global_average(&picture()).unwrap()), [-5.0]);
    }
}
