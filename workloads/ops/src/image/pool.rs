//! Pools.
//!
//! Floor: one read of the picture and one write of the result.

use candle_core::{DType, Result, Tensor};

use super::{Window, picture};
use crate::contract::{operand, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::plain;

/// Threads that take the global mean of some channels together.
const AVERAGING: usize = 512;

/// The largest value of each window; padding is never the largest. With a size of `out` that rounds
/// up, the last windows hang over the picture.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn max_pool2d(
    x: &Tensor,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    out: &Tensor,
) -> Result<()> {
    let window = Window::new(kernel, stride, padding);
    let window = pool_window("max_pool2d", x, &window, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch("max_pool2d", gpu, x, &window, false, out);
    }
    write(out, &plain::image::max_pool2d(x, &window)?)
}

/// The mean of each window, where padding counts as zeros, or with `count_include_pad` false not at
/// all.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn avg_pool2d(
    x: &Tensor,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    count_include_pad: bool,
    out: &Tensor,
) -> Result<()> {
    let window = Window::new(kernel, stride, padding);
    let window = pool_window("avg_pool2d", x, &window, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch("avg_pool2d", gpu, x, &window, count_include_pad, out);
    }
    write(
        out,
        &plain::image::avg_pool2d(x, &window, count_include_pad)?,
    )
}

/// A thread for each vector of channels of the result.
fn launch(
    op: &'static str,
    gpu: Gpu<'_>,
    x: &Tensor,
    window: &Window,
    count_include_pad: bool,
    out: &Tensor,
) -> Result<()> {
    let (_, height, width, channels) = x.dims4()?;
    let (_, out_height, out_width, _) = out.dims4()?;
    let wide = wide(&[x, out], channels);
    let lanes = lanes(x.dtype(), wide);
    let vectors = out.elem_count() / lanes;
    let name = kernel_name(op, x.dtype(), wide)?;
    let kernel = Kernel::one_thread_each("image_pool", &name, vectors);
    let operands = [
        Read(x),
        Write(out),
        Count(vectors),
        Count(channels / lanes),
        Count(height),
        Count(width),
        Count(out_height),
        Count(out_width),
    ];
    // Pools have no dilation.
    let [window @ .., _, _] = window.arguments();
    let counted = [Count(usize::from(count_include_pad))];
    gpu.launch(&kernel, &[&operands[..], &window, &counted].concat())
}

/// How many windows a pool has, with the last one inside the picture (false) or hanging over it
/// (true: `ceil_mode` of PyTorch).
///
/// # Errors
/// The picture is smaller than a window.
pub fn pool_windows(
    window: &Window,
    size: (usize, usize),
    hangs_over: bool,
) -> Result<(usize, usize)> {
    let (height, width) = window.output_size(size)?;
    if !hangs_over {
        return Ok((height, width));
    }
    let more = |count: usize,
                size: usize,
                kernel: usize,
                stride: usize,
                padding: usize,
                trailing: usize| {
        let seen_to = (count - 1) * stride + kernel;
        let rest: usize = (size + padding + trailing).saturating_sub(seen_to);
        // A window that would begin in the padding after the picture does not count.
        if rest > 0 && count * stride < size + padding {
            count + 1
        } else {
            count
        }
    };
    Ok((
        more(
            height,
            size.0,
            window.kernel.0,
            window.stride.0,
            window.padding.0,
            window.trailing.0,
        ),
        more(
            width,
            size.1,
            window.kernel.1,
            window.stride.1,
            window.padding.1,
            window.trailing.1,
        ),
    ))
}

/// Checks a pool and gives its window with as much padding after the picture as `out` asks for.
fn pool_window(op: &'static str, x: &Tensor, window: &Window, out: &Tensor) -> Result<Window> {
    let (batch, height, width, channels) = picture(op, "x", x)?;
    let (out_height, out_width) = pool_windows(window, (height, width), false)?;
    let over = pool_windows(window, (height, width), true)?;
    let asked = match out.dims4() {
        Ok((_, h, w, _)) if (h, w) == over => over,
        _ => (out_height, out_width),
    };
    operand(op, "out", out).is((batch, asked.0, asked.1, channels), x.dtype())?;
    let trailing = |count: usize, kernel: usize, stride: usize, size: usize, padding: usize| {
        ((count - 1) * stride + kernel).saturating_sub(size + padding)
    };
    Ok(Window {
        trailing: (
            trailing(
                asked.0,
                window.kernel.0,
                window.stride.0,
                height,
                window.padding.0,
            ),
            trailing(
                asked.1,
                window.kernel.1,
                window.stride.1,
                width,
                window.padding.1,
            ),
        ),
        ..*window
    })
}

/// The mean of each channel over a picture: `out` `[b, c]`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn global_average(x: &Tensor, out: &Tensor) -> Result<()> {
    const OP: &str = "global_average";
    let (batch, height, width, channels) = picture(OP, "x", x)?;
    operand(OP, "out", out).holds(batch * channels, x.dtype())?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[x, out], channels);
        let row_vectors = channels / lanes(x.dtype(), wide);
        let across = row_vectors.next_power_of_two().min(32);
        let name = kernel_name(OP, x.dtype(), wide)?;
        let kernel = Kernel::new("image_pool", &name)
            .grid([row_vectors.div_ceil(across), batch, 1])
            .threads(AVERAGING);
        let operands = [
            Read(x),
            Write(out),
            Count(row_vectors),
            Count(height * width),
            Count(across),
        ];
        return gpu.launch(&kernel, &operands);
    }
    let wide = x.to_dtype(DType::F32)?;
    write(out, &plain::image::global_average(&wide)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn windows_hang_over_where_the_result_asks_for_it() {
        // PyTorch: MaxPool2d(3, 2, ceil_mode=True) of 4 gives 2, without it 1.
        let window = Window::new((3, 3), (2, 2), (0, 0));
        assert_eq!(pool_windows(&window, (4, 5), false).unwrap(), (1, 2));
        assert_eq!(pool_windows(&window, (4, 5), true).unwrap(), (2, 2));
        // A window that would begin after the picture is none.
        let apart = Window::new((1, 1), (3, 3), (1, 1));
        assert_eq!(pool_windows(&apart, (3, 3), true).unwrap(), (2, 2));
        let x = Tensor::new(&[1f32, 2.0, 3.0, 4.0], &Device::Cpu).unwrap();
        let x = x.reshape((1, 1, 4, 1)).unwrap();
        let out = Tensor::zeros((1, 1, 2, 1), DType::F32, &Device::Cpu).unwrap();
        max_pool2d(&x, (1, 3), (1, 2), (0, 0), &out).unwrap();
        let found = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [3.0, 4.0]);
        avg_pool2d(&x, (1, 3), (1, 2), (0, 0), false, &out).unwrap();
        let found = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [2.0, 3.5]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::zeros((1, 4, 4, 2), DType::F32, &Device::Cpu).unwrap();
        let out = Tensor::zeros((1, 3, 3, 2), DType::F32, &Device::Cpu).unwrap();
        let message = max_pool2d(&x, (2, 2), (2, 2), (0, 0), &out)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("out is F32 [1, 3, 3, 2], expected F32 [1, 2, 2, 2]"),
            "{message}"
        );
        let small = Tensor::zeros((1, 1, 1, 2), DType::F32, &Device::Cpu).unwrap();
        assert!(max_pool2d(&small, (2, 2), (2, 2), (0, 0), &out).is_err());
    }
}
