//! A transformer over the pixels of a picture that also looks at the caption.
//!
//! The keys and values of the caption do not change from step to step: they are computed once for a
//! picture.

use candle_core::{DType, Device, Result, Tensor};
use ops::linear::Linear;
use ops::norm::{self, GroupNorm};
use ops::{activation, attention};

use super::weights::{AttentionWeights, LookWeights, TransformerWeights};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::layer;
use crate::diffusion::room::{Need, Place, Room};
use crate::fused::Fused;

/// Added to the variance before the root, in the norm over groups …
pub const GROUP_EPSILON: f32 = 1e-6;
/// … and in the norms of the blocks.
pub const EPSILON: f32 = 1e-5;

/// The transformer of fused operations.
pub(super) struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<Look>,
    proj_out: Linear,
    width: usize,
    heads: usize,
}

/// A block.
struct Look {
    norms: [NormWeights; 3],
    qkv: Linear,
    own_output: Linear,
    query: Linear,
    keys_values: Linear,
    cross_output: Linear,
    up: Linear,
    down: Linear,
}

/// Keys and values of captions, for each block of each transformer in the order of a pass,
/// `[captions · tokens, 2 · width]`.
pub(super) type CaptionCache = Vec<Tensor>;

impl Transformer {
    pub(super) fn new(weights: TransformerWeights, heads: usize, fused: Fused) -> Result<Self> {
        Ok(Self {
            width: weights.proj_in.bias.dim(0)?,
            heads,
            norm: layer::group_norm(weights.norm, GROUP_EPSILON)?,
            proj_in: layer::linear(weights.proj_in, fused)?,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| Look::new(block, fused))
                .collect::<Result<_>>()?,
            proj_out: layer::linear(weights.proj_out, fused)?,
        })
    }

    /// What it needs beside its input, over so many pixels.
    pub(super) fn need(pixels: usize, width: usize, need: &mut Need) {
        need.at_least(Place::Normed, pixels * width);
        need.at_least(Place::Hidden, pixels * width);
        need.at_least(Place::Wide, pixels * 8 * width);
        need.at_least(Place::Inner, pixels * 4 * width);
    }

    /// How many blocks it has, and so tensors in the cache.
    pub(super) fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Room for keys and values of so many rows.
    pub(super) fn cache(&self, rows: usize, dtype: DType, device: &Device) -> Result<CaptionCache> {
        let layer = |_| Tensor::zeros((rows, 2 * self.width), dtype, device);
        (0..self.depth()).map(layer).collect()
    }

    /// Computes keys and values of the encoded captions, `[captions · tokens, width]`.
    pub(super) fn look_at(&self, captions: &Tensor, cache: &[Tensor]) -> Result<()> {
        for (block, cache) in self.blocks.iter().zip(cache) {
            block.keys_values.forward(captions, cache)?;
        }
        Ok(())
    }

    /// Adds to `x`, `[b, h, w, width]`, what its pixels and the captions say.
    pub(super) fn forward(&self, x: &Tensor, cache: &[Tensor], room: &Room) -> Result<()> {
        let (batch, height, width, channels) = x.dims4()?;
        let rows = (batch * height * width, channels);
        let normed = room.view(Place::Normed, rows)?;
        self.norm.forward(x, &normed)?;
        let hidden = room.view(Place::Hidden, rows)?;
        self.proj_in.forward(&normed, &hidden)?;
        for (block, cache) in self.blocks.iter().zip(cache) {
            block.forward(&hidden, batch, self.heads, cache, room)?;
        }
        self.proj_out.forward_residual(&hidden, x)
    }
}

impl Look {
    fn new(weights: LookWeights, fused: Fused) -> Result<Self> {
        let side_by_side = |parts: &[&Tensor]| layer::unbiased(Tensor::cat(parts, 0)?, fused);
        let LookWeights {
            norms,
            own,
            cross,
            up,
            down,
        } = weights;
        let output = |output: Affine| layer::linear(output, fused);
        let AttentionWeights {
            query,
            key,
            value,
            output: own_output,
        } = own;
        Ok(Self {
            norms,
            qkv: side_by_side(&[&query, &key, &value])?,
            own_output: output(own_output)?,
            query: layer::unbiased(cross.query, fused)?,
            keys_values: side_by_side(&[&cross.key, &cross.value])?,
            cross_output: output(cross.output)?,
            up: layer::linear(up, fused)?,
            down: layer::linear(down, fused)?,
        })
    }

    fn forward(
        &self,
        hidden: &Tensor,
        batch: usize,
        heads: usize,
        captions: &Tensor,
        room: &Room,
    ) -> Result<()> {
        let (rows, width) = hidden.dims2()?;
        let scale = scale(width / heads);
        let normed = room.view(Place::Normed, (rows, width))?;
        let normalise = |index: usize| {
            let NormWeights { weight, bias } = &self.norms[index];
            norm::layer_norm(hidden, weight, bias, EPSILON, &normed)
        };

        normalise(0)?;
        let qkv = room.view(Place::Wide, (batch, rows / batch, 3 * width))?;
        self.qkv.forward(&normed, &qkv)?;
        let attended = room.view(Place::Inner, (rows, width))?;
        attention::encoder(&qkv, None, heads, scale, &attended)?;
        self.own_output.forward_residual(&attended, hidden)?;

        normalise(1)?;
        let query = room.view(Place::Wide, (rows, width))?;
        self.query.forward(&normed, &query)?;
        attention::cross(&query, captions, batch, heads, scale, &attended)?;
        self.cross_output.forward_residual(&attended, hidden)?;

        normalise(2)?;
        let wide = room.view(Place::Wide, (rows, 8 * width))?;
        self.up.forward(&normed, &wide)?;
        let inner = room.view(Place::Inner, (rows, 4 * width))?;
        activation::geglu(&wide, &inner)?;
        self.down.forward_residual(&inner, hidden)
    }
}

/// What scores are multiplied with: 1/√(width of a head).
#[expect(
    clippy::cast_precision_loss,
    reason = "a head is far narrower than 2^23"
)]
pub(in crate::diffusion) fn scale(head: usize) -> f32 {
    1.0 / (head as f32).sqrt()
}
