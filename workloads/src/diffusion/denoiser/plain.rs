//! The denoiser as the papers write it, of candle's operations only: what the fast composition is
//! held against, and what can be trained.
//!
//! Every operation here passes gradients on; candle's fused norm and softmax do not. Pictures are
//! `[batch, channels, height, width]`.

use candle_core::{D, Result, Tensor, bail};
use candle_nn::ops::{layer_norm_slow, softmax};
use candle_nn::{GroupNorm, Module};

use super::config::DenoiserConfig;
use super::embedding::sinusoids;
use super::layout::{Part, Shape};
use super::network::EPSILON;
use super::transformer::{self, GROUP_EPSILON};
use super::weights::{
    AttentionWeights, DenoiserWeights, LookWeights, PartWeights, TransformerWeights,
};
use crate::checkpoint::{Affine, NormWeights};
use crate::diffusion::layer::GROUPS;
use crate::diffusion::residual::ResidualWeights;

/// A denoiser without any fused operation.
#[derive(Clone, Debug)]
pub struct Plain {
    config: DenoiserConfig,
    weights: DenoiserWeights,
}

impl Plain {
    /// The network of these tensors.
    pub const fn new(config: DenoiserConfig, weights: DenoiserWeights) -> Self {
        Self { config, weights }
    }

    /// What is noise in `x` `[batch, latent channels, h, w]`, at one time for each picture, given
    /// captions `[batch, tokens, width]` and, where the network looks at them, captions as a whole
    /// with sizes, `[batch, width]`.
    ///
    /// # Errors
    /// Shapes do not fit, or the device failed.
    pub fn forward(
        &self,
        x: &Tensor,
        times: &[f64],
        captions: &Tensor,
        added: Option<&Tensor>,
    ) -> Result<Tensor> {
        let weights = &self.weights;
        let time = self.time(times, added, x)?.silu()?;
        let mut x = convolve(&weights.conv_in, x, 1)?;
        let mut kept = vec![x.clone()];
        for (part, tensors) in Part::all(&self.config).iter().zip(&weights.parts) {
            x = match (&part.shape, tensors) {
                (Shape::Block { joins, looks, .. }, PartWeights::Block(block)) => {
                    if *joins {
                        let last = kept.pop().expect("as many are joined as are kept");
                        x = Tensor::cat(&[&x, &last], 1)?;
                    }
                    let time = block.time.plain().forward(&time)?;
                    x = residual(&block.residual, &x, Some(&time), EPSILON)?;
                    match (&block.transformer, looks) {
                        (Some(tensors), Some(looks)) => {
                            transform(tensors, looks.heads, &x, captions)?
                        }
                        _ => x,
                    }
                }
                (Shape::Halve { .. }, PartWeights::Convolution(tensors)) => {
                    convolve(tensors, &x, 2)?
                }
                (Shape::Double { .. }, PartWeights::Convolution(tensors)) => {
                    convolve(tensors, &double(&x)?, 1)?
                }
                _ => bail!("{}: the tensors are those of another part", part.name),
            };
            if part.kept {
                kept.push(x.clone());
            }
        }
        let x = group_norm(&weights.norm_out, &x, EPSILON)?.silu()?;
        convolve(&weights.conv_out, &x, 1)
    }

    /// The embedded time, `[batch, time]`.
    fn time(&self, times: &[f64], added: Option<&Tensor>, like: &Tensor) -> Result<Tensor> {
        let through = |[first, second]: &[Affine; 2], x: &Tensor| {
            second.plain().forward(&first.plain().forward(x)?.silu()?)
        };
        let width = self.config.channels[0];
        let values: Vec<f32> = times
            .iter()
            .flat_map(|time| sinusoids(*time, width))
            .collect();
        let sinusoids = Tensor::from_vec(values, (times.len(), width), like.device())?;
        let time = through(&self.weights.time, &sinusoids.to_dtype(like.dtype())?)?;
        match (&self.weights.added, added) {
            (None, None) => Ok(time),
            (Some(tensors), Some(added)) => time + through(tensors, added)?,
            _ => bail!("captions as a whole are for networks that look at them, and needed there"),
        }
    }
}

/// A convolution with as much padding as keeps the size.
pub(in crate::diffusion) fn convolve(
    Affine { weight, bias }: &Affine,
    x: &Tensor,
    stride: usize,
) -> Result<Tensor> {
    let padding = weight.dim(3)? / 2;
    x.conv2d(weight, padding, stride, 1, 1)?
        .broadcast_add(&bias.reshape((1, (), 1, 1))?)
}

/// Each pixel four times, in operations that have gradients.
pub(in crate::diffusion) fn double(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    x.reshape((batch, channels, height, 1, width, 1))?
        .broadcast_as((batch, channels, height, 2, width, 2))?
        .contiguous()?
        .reshape((batch, channels, 2 * height, 2 * width))
}

/// The residual block.
pub(in crate::diffusion) fn residual(
    weights: &ResidualWeights,
    x: &Tensor,
    time: Option<&Tensor>,
    epsilon: f32,
) -> Result<Tensor> {
    let hidden = group_norm(&weights.norm1, x, epsilon)?.silu()?;
    let mut hidden = convolve(&weights.conv1, &hidden, 1)?;
    if let Some(time) = time {
        let (batch, channels) = time.dims2()?;
        hidden = hidden.broadcast_add(&time.reshape((batch, channels, 1, 1))?)?;
    }
    let hidden = group_norm(&weights.norm2, &hidden, epsilon)?.silu()?;
    let hidden = convolve(&weights.conv2, &hidden, 1)?;
    match &weights.shortcut {
        Some(shortcut) => convolve(shortcut, x, 1)? + hidden,
        None => x + hidden,
    }
}

/// The norm over groups.
pub(in crate::diffusion) fn group_norm(
    NormWeights { weight, bias }: &NormWeights,
    x: &Tensor,
    epsilon: f32,
) -> Result<Tensor> {
    let channels = weight.dim(0)?;
    GroupNorm::new(
        weight.clone(),
        bias.clone(),
        channels,
        GROUPS,
        epsilon.into(),
    )?
    .forward(x)
}

fn transform(
    weights: &TransformerWeights,
    heads: usize,
    x: &Tensor,
    captions: &Tensor,
) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let frame = |tensors: &Affine, rows: &Tensor| {
        let weight = tensors.weight.reshape((channels, channels))?;
        let matrix = Affine {
            weight,
            bias: tensors.bias.clone(),
        };
        matrix.plain().forward(rows)
    };
    let normed = group_norm(&weights.norm, x, GROUP_EPSILON)?;
    let rows = normed.flatten_from(2)?.transpose(1, 2)?.contiguous()?;
    let mut rows = frame(&weights.proj_in, &rows)?;
    for block in &weights.blocks {
        rows = look(block, heads, &rows, captions)?;
    }
    let rows = frame(&weights.proj_out, &rows)?.transpose(1, 2)?;
    rows.reshape((batch, channels, height, width))? + x
}

fn look(weights: &LookWeights, heads: usize, x: &Tensor, captions: &Tensor) -> Result<Tensor> {
    let norm = |index: usize, x: &Tensor| {
        let NormWeights { weight, bias } = &weights.norms[index];
        layer_norm_slow(x, weight, bias, transformer::EPSILON)
    };
    let normed = norm(0, x)?;
    let x = (x + attend(&weights.own, heads, &normed, &normed)?)?;
    let x = (&x + attend(&weights.cross, heads, &norm(1, &x)?, captions)?)?;
    let both = weights.up.plain().forward(&norm(2, &x)?)?;
    let inner = both.dim(D::Minus1)? / 2;
    let value = both.narrow(D::Minus1, 0, inner)?;
    let gate = both.narrow(D::Minus1, inner, inner)?.gelu_erf()?;
    x + weights.down.plain().forward(&(value * gate)?)?
}

/// `[batch, length, width]` looks at `[batch, places, seen]`.
fn attend(weights: &AttentionWeights, heads: usize, x: &Tensor, seen: &Tensor) -> Result<Tensor> {
    let split = |matrix: &Tensor, x: &Tensor| {
        let (batch, length, _) = x.dims3()?;
        let rows = x.broadcast_matmul(&matrix.t()?)?;
        rows.reshape((batch, length, heads, ()))?
            .transpose(1, 2)?
            .contiguous()
    };
    let (query, key) = (split(&weights.query, x)?, split(&weights.key, seen)?);
    let value = split(&weights.value, seen)?;
    let scale = f64::from(transformer::scale(query.dim(D::Minus1)?));
    let scores = (query.matmul(&key.transpose(2, 3)?.contiguous()?)? * scale)?;
    let attended = softmax(&scores, D::Minus1)?.matmul(&value)?;
    let rows = attended.transpose(1, 2)?.flatten_from(2)?;
    weights.output.plain().forward(&rows)
}
