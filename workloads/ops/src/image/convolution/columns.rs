//! A convolution as a product of two matrices: what each window sees is written out as a row.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor};

use super::super::Window;
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::linear::{Linear, Math};

/// Rows are written out in parts of at most so many bytes.
const MOST_BYTES: usize = 256 << 20;

/// Rows of a part are a multiple of this, so that every part begins at a multiple of 16 bytes.
const ROW_STEP: usize = 128;

/// The weight as a matrix `[out, depth]`, whose depth is filled up with zeros to vectors of 16 bytes,
/// and memory for rows of windows.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    layer: Linear,
    depth: usize,
    channels: usize,
    /// Grows when it has to and keeps what it had, because a recorded step knows the address. Clones
    /// of a layer share it: all work is on one stream.
    scratch: Arc<Mutex<Vec<Tensor>>>,
}

impl Columns {
    /// For a weight `[out, kernel h, kernel w, in]`. Where windows are pixels, rows are what is
    /// there, so nothing is filled up.
    pub(super) fn new(weight: &Tensor, bias: Option<Tensor>, window: &Window) -> Result<Self> {
        let (outputs, height, width, channels) = weight.dims4()?;
        let depth = height * width * channels;
        let filled = if window.is_one_value() {
            depth
        } else {
            depth.next_multiple_of(16 / weight.dtype().size_in_bytes())
        };
        let matrix = weight.reshape((outputs, depth))?;
        let matrix = matrix.pad_with_zeros(1, 0, filled - depth)?.contiguous()?;
        Ok(Self {
            layer: Linear::new(matrix, bias)?,
            depth,
            channels,
            scratch: Arc::default(),
        })
    }

    pub(super) fn with_math(self, math: Math) -> Self {
        Self {
            layer: self.layer.with_math(math),
            ..self
        }
    }

    /// `out = x · weightᵀ + bias`, for a window of one value: pixels are the rows. Where it
    /// accumulates, plus `out`.
    pub(super) fn multiply_pixels(
        &self,
        x: &Tensor,
        accumulates: bool,
        out: &Tensor,
    ) -> Result<()> {
        let pixels = x.elem_count() / self.channels;
        let x = x.reshape((pixels, self.channels))?;
        let out = out.reshape((pixels, self.layer.weight.dim(0)?))?;
        if accumulates {
            self.layer.forward_residual(&x, &out)
        } else {
            self.layer.forward(&x, &out)
        }
    }

    /// The same for any window.
    pub(super) fn multiply_windows(
        &self,
        gpu: Gpu<'_>,
        x: &Tensor,
        window: &Window,
        accumulates: bool,
        out: &Tensor,
    ) -> Result<()> {
        let (batch, out_height, out_width, outputs) = out.dims4()?;
        let pixels = batch * out_height * out_width;
        let columns = self.layer.weight.dim(1)?;
        let row_bytes = columns * x.dtype().size_in_bytes();
        let fit = (MOST_BYTES / row_bytes).max(1).next_multiple_of(ROW_STEP);
        let part = fit.min(pixels);
        let rows = self.scratch(part * columns, x)?;
        let out = out.reshape((pixels, outputs))?;
        let mut first = 0;
        while first < pixels {
            let count = part.min(pixels - first);
            let rows = rows
                .narrow(0, 0, count * columns)?
                .reshape((count, columns))?;
            self.write_out(
                gpu,
                x,
                window,
                (first, count),
                (out_height, out_width),
                &rows,
            )?;
            let out = out.narrow(0, first, count)?;
            if accumulates {
                self.layer.forward_residual(&rows, &out)?;
            } else {
                self.layer.forward(&rows, &out)?;
            }
            first += count;
        }
        Ok(())
    }

    /// Writes the rows of `count` pixels of the result from `first` on.
    fn write_out(
        &self,
        gpu: Gpu<'_>,
        x: &Tensor,
        window: &Window,
        (first, count): (usize, usize),
        (out_height, out_width): (usize, usize),
        rows: &Tensor,
    ) -> Result<()> {
        let (_, height, width, channels) = x.dims4()?;
        let columns = rows.dim(1)?;
        let vectors = count * columns * x.dtype().size_in_bytes() / 16;
        let name = kernel_name("conv_columns", x.dtype(), true)?;
        let kernel = Kernel::one_thread_each("conv_columns", &name, vectors);
        let operands = [
            Read(x),
            Write(rows),
            Count(vectors),
            Count(first),
            Count(columns),
            Count(self.depth),
            Count(channels),
            Count(height),
            Count(width),
            Count(out_height),
            Count(out_width),
        ];
        // How high the window is follows from the columns.
        let [_, window @ ..] = window.arguments();
        gpu.launch(&kernel, &[&operands[..], &window].concat())
    }

    /// Memory for so many values, in the format and on the device of `like`.
    fn scratch(&self, values: usize, like: &Tensor) -> Result<Tensor> {
        let mut all = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |kept: &&Tensor| {
            kept.elem_count() >= values
                && kept.dtype() == like.dtype()
                && kept.device().same_device(like.device())
        };
        if let Some(kept) = all.iter().find(fits) {
            return Ok(kept.clone());
        }
        let new = Tensor::zeros(values, like.dtype(), like.device())?;
        all.push(new.clone());
        Ok(new)
    }
}
