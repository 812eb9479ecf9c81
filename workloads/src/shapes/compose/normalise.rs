//! Group norm without its weights, with a derivative: a pass forward and one back instead of a
//! dozen.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::EPSILON;
use super::unfold::values;

/// (x − mean) / √(variance + ε) of each group of channels of each picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normalise {
    pub(super) groups: usize,
}

/// The gradient of the input, from the input and the gradient of the output, one behind the other.
struct Back {
    groups: usize,
}

/// Sizes of a picture with its channels in groups.
struct Extent {
    pixels: usize,
    channels: usize,
    group: usize,
}

impl Extent {
    fn of(shape: &Shape, groups: usize) -> Result<(Self, usize)> {
        let (batch, height, width, channels) = shape.dims4()?;
        let extent = Self {
            pixels: height * width,
            channels,
            group: channels / groups,
        };
        Ok((extent, batch))
    }

    /// Calls `each` with the places of all values of a group of a picture.
    fn for_each(&self, group: usize, mut each: impl FnMut(usize)) {
        for pixel in 0..self.pixels {
            let start = pixel * self.channels + group * self.group;
            (start..start + self.group).for_each(&mut each);
        }
    }

    /// Mean, and one by the deviation, of a group.
    fn moments(&self, picture: &[f32], group: usize) -> (f64, f64) {
        let (mut sum, mut squares) = (0f64, 0f64);
        self.for_each(group, |place| {
            let value = f64::from(picture[place]);
            sum += value;
            squares += value * value;
        });
        let count = self.count();
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0);
        (mean, 1.0 / (variance + f64::from(EPSILON)).sqrt())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a picture has far fewer than 2^53 values"
    )]
    fn count(&self) -> f64 {
        (self.pixels * self.group) as f64
    }
}

#[expect(clippy::cast_possible_truncation, reason = "values are in f32")]
const fn single(value: f64) -> f32 {
    value as f32
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (extent, _) = Extent::of(layout.shape(), self.groups)?;
        let x = values(self.name(), storage, layout)?;
        let mut out = vec![0f32; x.len()];
        let picture = extent.pixels * extent.channels;
        for (x, out) in x.chunks(picture).zip(out.chunks_mut(picture)) {
            for group in 0..self.groups {
                let (mean, scale) = extent.moments(x, group);
                let (mean, scale) = (single(mean), single(scale));
                extent.for_each(group, |place| out[place] = (x[place] - mean) * scale);
            }
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let both = Tensor::cat(&[arg, grad], 0)?;
        let groups = self.groups;
        both.apply_op1_no_bwd(&Back { groups }).map(Some)
    }
}

impl CustomOp1 for Back {
    fn name(&self) -> &'static str {
        "normalise back"
    }

    /// dx = (dy − mean(dy) − y · mean(dy · y)) / √(variance + ε).
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (extent, twice) = Extent::of(layout.shape(), self.groups)?;
        let both = values(self.name(), storage, layout)?;
        let (x, dy) = both.split_at(both.len() / 2);
        let mut out = vec![0f32; x.len()];
        let picture = extent.pixels * extent.channels;
        let pictures = x.chunks(picture).zip(dy.chunks(picture));
        for ((x, dy), out) in pictures.zip(out.chunks_mut(picture)) {
            for group in 0..self.groups {
                let (mean, scale) = extent.moments(x, group);
                let (mut sum, mut along) = (0f64, 0f64);
                extent.for_each(group, |place| {
                    let gradient = f64::from(dy[place]);
                    sum += gradient;
                    along += gradient * (f64::from(x[place]) - mean) * scale;
                });
                let (sum, along) = (single(sum / extent.count()), single(along / extent.count()));
                let (mean, scale) = (single(mean), single(scale));
                extent.for_each(group, |place| {
                    let y = (x[place] - mean) * scale;
                    out[place] = (dy[place] - sum - y * along) * scale;
                });
            }
        }
        let mut dims = layout.dims().to_vec();
        dims[0] = twice / 2;
        Ok((CpuStorage::F32(out), dims.into()))
    }
}
