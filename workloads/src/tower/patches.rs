//! A picture as a sequence: its patches, after a token that stands for the whole.

use candle_core::{DType, Device, Result, Tensor};
use ops::linear::{Linear, Math};
use ops::{embedding, image};

/// The first layer of a vision transformer: each patch of a picture becomes a row.
pub struct PatchEmbedding {
    projection: Linear,
    patch_px: usize,
    /// What is added to the rows of the whole batch, `[batch · positions, width]`.
    pub positions: Tensor,
    /// The class token is the last row: `[batch · patches + 1, width]`.
    table: Tensor,
    /// Row of the table for each row of the stream.
    rows: Tensor,
    /// `[batch, patches, 3 · patch²]`.
    patched: Tensor,
}

/// What a patch embedding is made of.
pub struct PatchWeights {
    /// `[width, 3, patch, patch]`, a convolution with the patch as its stride.
    pub projection: Tensor,
    /// `[width]`.
    pub bias: Option<Tensor>,
    /// `[width]`.
    pub class: Tensor,
    /// `[patches + 1, width]`, the class token's first.
    pub positions: Tensor,
}

impl PatchEmbedding {
    /// An embedding of `batch` pictures.
    ///
    /// # Errors
    /// The tensors do not fit together, or the device is out of memory.
    pub fn new(weights: &PatchWeights, batch: usize, math: Math) -> Result<Self> {
        let (width, channels, patch_px, _) = weights.projection.dims4()?;
        let (dtype, device) = (weights.projection.dtype(), weights.projection.device());
        let positions = weights.positions.dim(0)?;
        let patches = positions - 1;
        let window = channels * patch_px * patch_px;
        // Patches are rows of pixels, channels last.
        let matrix = weights
            .projection
            .permute((0, 2, 3, 1))?
            .contiguous()?
            .reshape((width, window))?;
        let table = Tensor::zeros((batch * patches + 1, width), dtype, device)?;
        let class = weights.class.reshape((1, width))?.contiguous()?;
        table.slice_set(&class, 0, batch * patches)?;
        Ok(Self {
            projection: Linear::new(matrix, weights.bias.clone())?.with_math(math),
            patch_px,
            positions: weights
                .positions
                .unsqueeze(0)?
                .broadcast_as((batch, positions, width))?
                .contiguous()?
                .reshape((batch * positions, width))?,
            table,
            rows: rows(batch, patches, device)?,
            patched: Tensor::zeros((batch, patches, window), dtype, device)?,
        })
    }

    /// Numbers of an embedding of so many pictures beside its weights: patches, rows, positions.
    pub const fn elements(batch: usize, patches: usize, patch_px: usize, width: usize) -> usize {
        let window = 3 * patch_px * patch_px;
        batch * patches * (window + width) + width + batch * (patches + 1) * width
    }

    /// Writes the rows of `pictures` (`[batch, edge, edge, 3]`), without their positions, to
    /// `stream` (`[batch · positions, width]`).
    ///
    /// # Errors
    /// The pictures are of another size or number, or the device failed.
    pub fn embed(&self, pictures: &Tensor, stream: &Tensor) -> Result<()> {
        image::patches(pictures, self.patch_px, &self.patched)?;
        let rows = self.patched.flatten(0, 1)?;
        let embedded = self.table.narrow(0, 0, rows.dim(0)?)?;
        self.projection.forward(&rows, &embedded)?;
        embedding::lookup(&self.table, &self.rows, stream)
    }
}

/// For each picture the last row of the table, and then its own.
fn rows(batch: usize, patches: usize, device: &Device) -> Result<Tensor> {
    let small = |row: usize| u32::try_from(row).expect("a batch has fewer than 2^32 patches");
    let class = small(batch * patches);
    let rows: Vec<u32> = (0..batch)
        .flat_map(|picture| {
            let first = small(picture * patches);
            std::iter::once(class).chain(first..first + small(patches))
        })
        .collect();
    let count = rows.len();
    Tensor::from_vec(rows, count, device)
}

/// Positions that were learned for one edge, for another: those of the patches are interpolated as
/// a picture is, bicubically between the centres of its pixels (Keys 1981, a = −3/4, edges
/// repeated), as PyTorch does; that of the class token stays. On the host, in double precision.
///
/// # Errors
/// The device failed.
pub fn resized(positions: &Tensor, from: usize, to: usize) -> Result<Tensor> {
    if from == to {
        return Ok(positions.clone());
    }
    let width = positions.dim(1)?;
    let rows = positions.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let (class, grid) = rows.split_at(1);
    let taps: Vec<[(usize, f64); 4]> = (0..to).map(|at| taps(at, from, to)).collect();
    let mut values = class.concat();
    for down in &taps {
        for right in &taps {
            let mut sums = vec![0.0; width];
            for (row, outer) in down {
                for (place, inner) in right {
                    for (sum, value) in sums.iter_mut().zip(&grid[row * from + place]) {
                        *sum += outer * inner * f64::from(*value);
                    }
                }
            }
            #[expect(clippy::cast_possible_truncation, reason = "rounded once")]
            values.extend(sums.into_iter().map(|sum: f64| sum as f32));
        }
    }
    Tensor::from_vec(values, (to * to + 1, width), &Device::Cpu)?
        .to_dtype(positions.dtype())?
        .to_device(positions.device())
}

/// The four places around one, and how much each counts.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "grids have tens of places"
)]
fn taps(at: usize, from: usize, to: usize) -> [(usize, f64); 4] {
    const A: f64 = -0.75;
    let centre = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let first = centre.floor();
    let weight = |distance: f64| {
        if distance <= 1.0 {
            ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
        } else {
            ((A * distance - 5.0 * A) * distance + 8.0 * A) * distance - 4.0 * A
        }
    };
    [-1.0, 0.0, 1.0, 2.0].map(|step| {
        let place = first + step;
        let inside = place.clamp(0.0, (from - 1) as f64) as usize;
        (inside, weight((centre - place).abs()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolated_positions_keep_constants_and_the_class_token() {
        let mut rows = vec![vec![9f32, 8.0]];
        rows.extend(vec![vec![2f32, -1.0]; 16]);
        let positions = Tensor::new(rows, &Device::Cpu).expect("made");
        let large = resized(&positions, 4, 6).expect("on the CPU");
        let values = large.to_vec2::<f32>().expect("a matrix");
        assert_eq!(values.len(), 37);
        assert_eq!(values[0], [9.0, 8.0]);
        for row in &values[1..] {
            assert!((row[0] - 2.0).abs() < 1e-6 && (row[1] + 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_weights_of_a_place_add_up_to_one() {
        for at in 0..10 {
            let sum: f64 = taps(at, 7, 10).iter().map(|(_, weight)| weight).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{at}: {sum}");
        }
    }
}
