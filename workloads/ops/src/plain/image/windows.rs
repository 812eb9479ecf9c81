//! What the windows of a picture see, as one picture for each place in a window.

use candle_core::{Result, Tensor};

use crate::image::Window;

/// For each place of the window, row by row: what all windows see there, `[b, out h, out w, c]`.
/// Places outside the picture are `outside`.
pub(super) fn windows(x: &Tensor, window: &Window, outside: f32) -> Result<Vec<Tensor>> {
    let (_, height, width, _) = x.dims4()?;
    let (out_height, out_width) = window.output_size((height, width))?;
    let padded = pad(x, 1, window.padding.0, window.trailing.0, outside)?;
    let padded = pad(&padded, 2, window.padding.1, window.trailing.1, outside)?;
    let mut seen = Vec::with_capacity(window.taps());
    for i in 0..window.kernel.0 {
        let rows = every(
            &padded,
            1,
            i * window.dilation.0,
            window.stride.0,
            out_height,
        )?;
        for j in 0..window.kernel.1 {
            seen.push(every(
                &rows,
                2,
                j * window.dilation.1,
                window.stride.1,
                out_width,
            )?);
        }
    }
    Ok(seen)
}

fn pad(x: &Tensor, dim: usize, before: usize, after: usize, value: f32) -> Result<Tensor> {
    let side = |size: usize| {
        let mut dims = x.dims().to_vec();
        dims[dim] = size;
        Tensor::full(value, dims, x.device())?.to_dtype(x.dtype())
    };
    let mut parts = Vec::new();
    if before > 0 {
        parts.push(side(before)?);
    }
    parts.push(x.clone());
    if after > 0 {
        parts.push(side(after)?);
    }
    Tensor::cat(&parts, dim)
}

/// `count` slices of dimension `dim`, from `first` on, each `stride` after the one before.
fn every(x: &Tensor, dim: usize, first: usize, stride: usize, count: usize) -> Result<Tensor> {
    if stride == 1 {
        return x.narrow(dim, first, count);
    }
    let needed = first + stride * count;
    let missing = needed.saturating_sub(x.dim(dim)?);
    let x = x.pad_with_zeros(dim, 0, missing)?;
    let mut dims = x.dims().to_vec();
    dims[dim] = count;
    dims.insert(dim + 1, stride);
    x.narrow(dim, first, stride * count)?
        .contiguous()?
        .reshape(dims)?
        .narrow(dim + 1, 0, 1)?
        .squeeze(dim + 1)
}
