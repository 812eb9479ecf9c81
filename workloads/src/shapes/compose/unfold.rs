//! The neighbourhood of each pixel as one row, with a derivative.
//!
//! A convolution is then a matrix product, which is the one operation that is fast on a processor
//! in both directions; candle's own convolution goes back pixel by pixel.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// Pixels along a side of a neighbourhood.
const KERNEL: usize = 3;

/// `[batch, height, width, channels]` to `[batch·rows·columns, 9·channels]`, with zeros around the
/// picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfold {
    /// Pixels from one neighbourhood to the next.
    pub(super) stride: usize,
}

/// The sums that lead back from gradients of neighbourhoods to those of pixels.
struct Fold {
    extent: Extent,
}

/// Sizes of a picture and of what is made of it.
#[derive(Clone, Copy)]
struct Extent {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
    stride: usize,
}

impl Extent {
    const fn rows(&self) -> usize {
        (self.height - 1) / self.stride + 1
    }

    const fn columns(&self) -> usize {
        (self.width - 1) / self.stride + 1
    }

    const fn elements(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    const fn unfolded(&self) -> [usize; 2] {
        [
            self.batch * self.rows() * self.columns(),
            KERNEL * KERNEL * self.channels,
        ]
    }

    /// Calls `each` with the place of every run of channels, in the picture and in the
    /// neighbourhoods.
    fn for_each(&self, mut each: impl FnMut(usize, usize)) {
        let mut place = 0;
        for image in 0..self.batch {
            for row in 0..self.rows() {
                for column in 0..self.columns() {
                    for dy in 0..KERNEL {
                        for dx in 0..KERNEL {
                            // One more than the place in the picture, so that an edge is zero.
                            let (y, x) = (row * self.stride + dy, column * self.stride + dx);
                            if (1..=self.height).contains(&y) && (1..=self.width).contains(&x) {
                                let pixel = (image * self.height + y - 1) * self.width + x - 1;
                                each(pixel * self.channels, place);
                            }
                            place += self.channels;
                        }
                    }
                }
            }
        }
    }
}

/// The values of a contiguous f32 tensor.
pub(super) fn values<'a>(
    name: &str,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("{name}: the input is not contiguous"),
    }
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, height, width, channels) = layout.shape().dims4()?;
        let stride = self.stride;
        let extent = Extent {
            batch,
            height,
            width,
            channels,
            stride,
        };
        let pixels = values(self.name(), storage, layout)?;
        let [rows, columns] = extent.unfolded();
        let mut out = vec![0f32; rows * columns];
        extent.for_each(|pixel, place| {
            out[place..place + channels].copy_from_slice(&pixels[pixel..pixel + channels]);
        });
        Ok((CpuStorage::F32(out), (rows, columns).into()))
    }

    fn bwd(&self, arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (batch, height, width, channels) = arg.dims4()?;
        let stride = self.stride;
        let extent = Extent {
            batch,
            height,
            width,
            channels,
            stride,
        };
        grad.contiguous()?
            .apply_op1_no_bwd(&Fold { extent })
            .map(Some)
    }
}

impl CustomOp1 for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let gradients = values(self.name(), storage, layout)?;
        let extent = self.extent;
        let mut out = vec![0f32; extent.elements()];
        extent.for_each(|pixel, place| {
            let gradients = &gradients[place..place + extent.channels];
            for (sum, gradient) in out[pixel..pixel + extent.channels]
                .iter_mut()
                .zip(gradients)
            {
                *sum += gradient;
            }
        });
        let shape = (extent.batch, extent.height, extent.width, extent.channels);
        Ok((CpuStorage::F32(out), shape.into()))
    }
}
