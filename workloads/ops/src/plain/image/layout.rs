//! Values of pictures in another order.

use candle_core::{Result, Tensor};

/// `[b, h, w, c·r²]` to `[b, h·r, w·r, c]`; the channel `c·r² + i·r + j` goes to row `i`, column `j`
/// of a square of `r × r` (Shi et al., 2016, in the order of PyTorch).
///
/// # Errors
/// The channels cannot be divided.
pub fn pixel_shuffle(x: &Tensor, factor: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let left = channels / (factor * factor);
    x.reshape(vec![batch, height, width, left, factor, factor])?
        .permute(vec![0, 1, 4, 2, 5, 3])?
        .contiguous()?
        .reshape((batch, height * factor, width * factor, left))
}

/// `[b, h, w, c]` to `[b, (h/size)·(w/size), size·size·c]`: squares row by row, in each the pixels
/// row by row.
///
/// # Errors
/// The picture cannot be divided.
pub fn patches(x: &Tensor, size: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let (rows, columns) = (height / size, width / size);
    x.reshape(vec![batch, rows, size, columns, size, channels])?
        .permute(vec![0, 1, 3, 2, 4, 5])?
        .contiguous()?
        .reshape((batch, rows * columns, size * size * channels))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn numbers(shape: (usize, usize, usize, usize)) -> Tensor {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        Tensor::arange(0_u32, count as u32, &Device::Cpu)
            .unwrap()
            .reshape(shape)
            .unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<u32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn shuffled_channels_become_squares() {
        // One pixel of 8 channels: channels 0-3 are the square of the first, 4-7 of the second.
        let found = pixel_shuffle(&numbers((1, 1, 1, 8)), 2).unwrap();
        assert_eq!(found.dims(), [1, 2, 2, 2]);
        assert_eq!(flat(&found), [0, 4, 1, 5, 2, 6, 3, 7]);
        let found = pixel_shuffle(&numbers((1, 1, 2, 4)), 2).unwrap();
        assert_eq!(flat(&found), [0, 1, 4, 5, 2, 3, 6, 7]);
    }

    #[test]
    fn patches_keep_the_order_of_pixels() {
        let found = patches(&numbers((1, 2, 4, 1)), 2).unwrap();
        assert_eq!(found.dims(), [1, 2, 4]);
        assert_eq!(flat(&found), [0, 1, 4, 5, 2, 3, 6, 7]);
    }
}
