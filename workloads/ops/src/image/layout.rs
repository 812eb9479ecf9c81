//! Values of pictures in another order.
//!
//! Floor: one read and one write of each value.

use candle_core::{Result, Tensor, bail};

use super::picture;
use crate::contract::{operand, write};
use crate::plain;

/// `[b, h, w, c·factor²]` to `out` `[b, h·factor, w·factor, c]`, in PyTorch's order: the channel
/// `c·factor² + i·factor + j` goes to row `i` and column `j` of a square.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn pixel_shuffle(x: &Tensor, factor: usize, out: &Tensor) -> Result<()> {
    const OP: &str = "pixel_shuffle";
    let (batch, height, width, channels) = picture(OP, "x", x)?;
    let square = factor * factor;
    if square == 0 || channels % square != 0 {
        bail!("{OP}: {channels} channels cannot be divided by the square of {factor}");
    }
    let shape = (batch, height * factor, width * factor, channels / square);
    operand(OP, "out", out).is(shape, x.dtype())?;
    write(out, &plain::image::pixel_shuffle(x, factor)?)
}

/// The channels of pictures of one size side by side: `out` `[b, h, w, Σ c]`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn concat(parts: &[&Tensor], out: &Tensor) -> Result<()> {
    const OP: &str = "concat";
    let (batch, height, width, channels) = picture(OP, "out", out)?;
    let mut sum = 0;
    for part in parts {
        let (.., own) = picture(OP, "a part", part)?;
        operand(OP, "a part", part).is((batch, height, width, own), out.dtype())?;
        sum += own;
    }
    if sum != channels {
        bail!("{OP}: the parts have {sum} channels, out has {channels}");
    }
    write(out, &plain::image::concat(parts)?)
}

/// Squares of `size × size` pixels as rows: `[b, h, w, c]` to `out` `[b, n, size·size·c]`, the
/// squares row by row, in each the pixels row by row. The weight of a convolution with that stride,
/// brought to channels-last order, is then a matrix `[out, size·size·c]`.
///
/// # Errors
/// The picture cannot be divided, shapes or formats differ, or the device failed.
pub fn patches(x: &Tensor, size: usize, out: &Tensor) -> Result<()> {
    const OP: &str = "patches";
    let (batch, height, width, channels) = picture(OP, "x", x)?;
    if size == 0 || height % size != 0 || width % size != 0 {
        bail!("{OP}: a picture of {height}×{width} cannot be divided into squares of {size}");
    }
    let count = (height / size) * (width / size);
    operand(OP, "out", out).is((batch, count, size * size * channels), x.dtype())?;
    write(out, &plain::image::patches(x, size)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn zeros(shape: (usize, usize, usize, usize)) -> Tensor {
        Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
    }

    #[test]
    fn channels_lie_side_by_side() {
        let a = Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let a = a.reshape((1, 1, 2, 1)).unwrap();
        let b = Tensor::new(&[3f32, 4.0, 5.0, 6.0], &Device::Cpu).unwrap();
        let b = b.reshape((1, 1, 2, 2)).unwrap();
        let out = zeros((1, 1, 2, 3));
        concat(&[&a, &b], &out).unwrap();
        let found = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let message = pixel_shuffle(&zeros((1, 2, 2, 6)), 2, &zeros((1, 4, 4, 1)))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("6 channels cannot be divided"),
            "{message}"
        );
        let message = concat(&[&zeros((1, 2, 2, 6))], &zeros((1, 2, 2, 7)))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("the parts have 6 channels, out has 7"),
            "{message}"
        );
        let message = patches(&zeros((1, 224, 220, 3)), 16, &zeros((1, 1, 1, 1)))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a picture of 224×220 cannot be divided into squares of 16"),
            "{message}"
        );
    }
}
