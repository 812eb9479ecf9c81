//! What the network is told of the time: the same for all pixels, so it is computed for all steps
//! before the first.
//!
//! Each residual block adds a vector of its own, made from the embedded time. The vectors of a step
//! lie side by side in one row of a table; a step copies its row to where the blocks look.

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::linear::Linear;
use ops::{activation, embedding, image};

use super::config::{Added, DenoiserConfig};
use super::embedding::sinusoids;
use super::layout::{Part, Shape};
use super::weights::{DenoiserWeights, PartWeights};
use crate::diffusion::layer;
use crate::fused::Fused;

/// Layers of the time.
pub(super) struct TimeLayers {
    time: [Linear; 2],
    added: Option<[Linear; 2]>,
    /// Of each block, in the order of a pass.
    blocks: Vec<Linear>,
}

impl TimeLayers {
    /// Takes the layers' tensors out of the weights of a network.
    pub(super) fn new(weights: &DenoiserWeights, fused: Fused) -> Result<Self> {
        let pair = |[first, second]: &[_; 2]| -> Result<[Linear; 2]> {
            let linear =
                |tensors: &crate::checkpoint::Affine| layer::linear(tensors.clone(), fused);
            Ok([linear(first)?, linear(second)?])
        };
        let blocks = weights.parts.iter().filter_map(|part| match part {
            PartWeights::Block(block) => Some(layer::linear(block.time.clone(), fused)),
            PartWeights::Convolution(_) => None,
        });
        Ok(Self {
            time: pair(&weights.time)?,
            added: weights.added.as_ref().map(pair).transpose()?,
            blocks: blocks.collect::<Result<_>>()?,
        })
    }
}

/// The table, and all memory that it is made in.
pub struct Times {
    /// Sinusoids of the times, `[steps, first channels]`.
    sinusoids: Tensor,
    /// `[steps, time]`, twice.
    embedded: [Tensor; 2],
    added: Option<AddedTimes>,
    /// Which row of `embedded` each row of `joined` repeats, u32 `[steps · batch]`.
    step_of: Tensor,
    /// `[steps · batch, time]`.
    joined: Tensor,
    /// Of each block, `[1, steps, 1, batch · channels]`.
    parts: Vec<Tensor>,
    /// All of them side by side, `[1, steps, 1, Σ batch · channels]`.
    table: Tensor,
    /// The row of the step, `[1, Σ batch · channels]`.
    row: Tensor,
    /// Views of it, `[batch, channels]`.
    now: Vec<Tensor>,
}

/// What is made of caption and sizes.
struct AddedTimes {
    /// Sinusoids of sizes, `[batch, width of sizes]`.
    sizes: Tensor,
    /// Captions as a whole, and sizes behind them, `[batch, width]`.
    input: Tensor,
    /// `[batch, time]`, twice.
    embedded: [Tensor; 2],
    /// Which row each row of `spread` repeats, u32 `[steps · batch]`.
    picture_of: Tensor,
    /// `[steps · batch, time]`.
    spread: Tensor,
}

impl Times {
    /// Room for these times, the same for `batch` pictures of `edge_px`.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &DenoiserConfig,
        times: &[f64],
        (batch, edge_px): (usize, usize),
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (steps, time) = (times.len(), config.time_width());
        let zeros = |shape: (usize, usize)| Tensor::zeros(shape, dtype, device);
        let ids = |of: &dyn Fn(usize) -> usize| -> Result<Tensor> {
            let row = |row| u32::try_from(of(row)).map_err(candle_core::Error::wrap);
            let ids = (0..steps * batch).map(row).collect::<Result<Vec<u32>>>()?;
            Tensor::from_vec(ids, steps * batch, device)
        };
        let values: Vec<f32> = times
            .iter()
            .flat_map(|time| sinusoids(*time, config.channels[0]))
            .collect();
        let sinusoids = Tensor::from_vec(values, (steps, config.channels[0]), &Device::Cpu)?;
        let added = match config.added {
            None => None,
            Some(added) => Some(AddedTimes {
                sizes: sizes(batch, edge_px, dtype, device)?,
                input: zeros((batch, added.width()))?,
                embedded: [zeros((batch, time))?, zeros((batch, time))?],
                picture_of: ids(&|row| row % batch)?,
                spread: zeros((steps * batch, time))?,
            }),
        };
        let widths = widths(config);
        let wide = |columns: usize| Tensor::zeros((1, steps, 1, columns), dtype, device);
        let all: usize = widths.iter().map(|width| batch * width).sum();
        let row = zeros((1, all))?;
        let mut first = 0;
        let mut now = Vec::with_capacity(widths.len());
        for width in &widths {
            let own = row.narrow(1, first, batch * width)?;
            now.push(own.reshape((batch, *width))?);
            first += batch * width;
        }
        Ok(Self {
            sinusoids: sinusoids.to_dtype(dtype)?.to_device(device)?,
            embedded: [zeros((steps, time))?, zeros((steps, time))?],
            added,
            step_of: ids(&|row| row / batch)?,
            joined: zeros((steps * batch, time))?,
            parts: widths
                .iter()
                .map(|width| wide(batch * width))
                .collect::<Result<_>>()?,
            table: wide(all)?,
            row,
            now,
        })
    }

    /// Bytes of the room.
    pub fn bytes(config: &DenoiserConfig, steps: usize, batch: usize, dtype: DType) -> u64 {
        let time = config.time_width();
        let all: usize = widths(config).iter().map(|width| batch * width).sum();
        let added = config.added.map_or(0, |added| {
            batch * (Added::SIZES_WIDTH + added.width() + 2 * time) + steps * batch * time
        });
        let values = steps * (config.channels[0] + 2 * time + batch * time + 2 * all) + all + added;
        let ids = steps * batch * (1 + usize::from(config.added.is_some()));
        (values * dtype.size_in_bytes() + 4 * ids) as u64
    }

    /// Fills the table. `pooled` are the captions as a whole, `[batch, width]`, where the network
    /// looks at them.
    pub(super) fn embed(&self, layers: &TimeLayers, pooled: Option<&Tensor>) -> Result<()> {
        let through = |[first, second]: &[Linear; 2], x: &Tensor, [a, b]: &[Tensor; 2]| {
            first.forward(x, a)?;
            activation::silu(a, a)?;
            second.forward(a, b)
        };
        through(&layers.time, &self.sinusoids, &self.embedded)?;
        embedding::lookup(&self.embedded[1], &self.step_of, &self.joined)?;
        if let (Some(added), Some(layers)) = (&self.added, &layers.added) {
            let Some(pooled) = pooled else {
                bail!("this denoiser looks at captions as a whole, and was given none");
            };
            let parts = [&as_line(pooled)?, &as_line(&added.sizes)?];
            image::concat(&parts, &as_line(&added.input)?)?;
            through(layers, &added.input, &added.embedded)?;
            embedding::lookup(&added.embedded[1], &added.picture_of, &added.spread)?;
            let sum = as_line(&self.joined)?;
            image::add(&sum, &as_line(&added.spread)?, &sum)?;
        }
        activation::silu(&self.joined, &self.joined)?;
        for (layer, part) in layers.blocks.iter().zip(&self.parts) {
            let rows = self.joined.dim(0)?;
            layer.forward(&self.joined, &part.reshape((rows, ()))?)?;
        }
        let parts: Vec<&Tensor> = self.parts.iter().collect();
        image::concat(&parts, &self.table)
    }

    /// Makes the step with this number (u32 `[1]`) the present one.
    pub(super) fn select(&self, step: &Tensor) -> Result<()> {
        let steps = self.sinusoids.dim(0)?;
        embedding::lookup(&self.table.reshape((steps, ()))?, step, &self.row)
    }

    /// What the blocks add now, in the order of a pass.
    pub(super) fn now(&self) -> &[Tensor] {
        &self.now
    }
}

/// Rows as the pixels of a picture of one line.
fn as_line(rows: &Tensor) -> Result<Tensor> {
    let (count, columns) = rows.dims2()?;
    rows.reshape((1, 1, count, columns))
}

/// Channels of each block.
fn widths(config: &DenoiserConfig) -> Vec<usize> {
    let parts = Part::all(config).into_iter();
    parts
        .filter(|part| matches!(part.shape, Shape::Block { .. }))
        .map(|part| part.output())
        .collect()
}

/// The sizes of a picture, for each picture.
fn sizes(batch: usize, edge_px: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let rows = Added::sizes(edge_px).repeat(batch);
    Tensor::from_vec(rows, (batch, Added::SIZES_WIDTH), &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}
