//! The decoder of fused operations.

use candle_core::{DType, Device, Result, Tensor};
use ops::attention;
use ops::image::Conv2d;
use ops::linear::Linear;
use ops::norm::GroupNorm;

use super::config::{COLOURS, DecoderConfig};
use super::weights::{AttentionWeights, DecoderWeights};
use crate::checkpoint::Affine;
use crate::diffusion::denoiser::transformer::scale;
use crate::diffusion::layer;
use crate::diffusion::residual::{Residual, double};
use crate::diffusion::room::{Need, Place, Room};
use crate::fused::Fused;

/// Added to the variance before the root, in every norm.
pub const EPSILON: f32 = 1e-6;

/// A decoder.
pub struct Decoder {
    config: DecoderConfig,
    post_quant: Conv2d,
    conv_in: Conv2d,
    middle: [Residual; 2],
    attention: Attention,
    levels: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

struct Level {
    blocks: Vec<Residual>,
    double: Option<Conv2d>,
    channels: usize,
}

struct Attention {
    norm: GroupNorm,
    qkv: Linear,
    output: Linear,
}

/// Everything that a pass writes.
pub struct Memory {
    room: Room,
    /// Latents, `[batch, h, w, latent channels]`.
    pub latents: Tensor,
    /// The picture, `[batch, 8 h, 8 w, 3]`, between about −1 and 1.
    pub picture: Tensor,
}

impl Decoder {
    /// The network of these tensors.
    ///
    /// # Errors
    /// The tensors are not those of the configuration, or the device is out of memory.
    pub fn new(config: &DecoderConfig, weights: DecoderWeights, fused: Fused) -> Result<Self> {
        let [first, second] = weights.middle;
        let block = |weights| Residual::new(weights, EPSILON, fused);
        let mut levels = Vec::with_capacity(weights.levels.len());
        for (level, &channels) in weights.levels.into_iter().zip(config.channels) {
            levels.push(Level {
                blocks: level.blocks.into_iter().map(block).collect::<Result<_>>()?,
                double: level
                    .double
                    .map(|tensors| layer::conv2d(tensors, 1, fused))
                    .transpose()?,
                channels,
            });
        }
        // Latents are divided by their scale before a layer that is linear in them.
        let post_quant = Affine {
            weight: (weights.post_quant.weight / config.scale)?,
            bias: weights.post_quant.bias,
        };
        Ok(Self {
            config: *config,
            post_quant: layer::conv2d(post_quant, 1, fused)?,
            conv_in: layer::conv2d(weights.conv_in, 1, fused)?,
            middle: [block(first)?, block(second)?],
            attention: Attention::new(weights.attention, fused)?,
            levels,
            norm_out: layer::group_norm(weights.norm_out, EPSILON)?.with_silu(),
            conv_out: layer::conv2d(weights.conv_out, 1, fused)?,
        })
    }

    /// Room for a pass over `batch` latents of this edge.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn memory(
        &self,
        batch: usize,
        edge: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Memory> {
        let (latent, edge_px) = (self.config.latent_channels, edge * self.config.factor());
        let zeros = |edge: usize, channels: usize| {
            Tensor::zeros((batch, edge, edge, channels), dtype, device)
        };
        Ok(Memory {
            room: Room::new(&need(&self.config, batch, edge), dtype, device)?,
            latents: zeros(edge, latent)?,
            picture: zeros(edge_px, COLOURS)?,
        })
    }

    /// Bytes of [`Decoder::memory`].
    pub fn memory_bytes(config: &DecoderConfig, batch: usize, edge: usize, dtype: DType) -> u64 {
        let edge_px = edge * config.factor();
        let own = batch * (edge * edge * config.latent_channels + edge_px * edge_px * COLOURS);
        need(config, batch, edge).bytes(dtype) + (own * dtype.size_in_bytes()) as u64
    }

    /// Draws the picture of the latents.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, memory: &Memory) -> Result<()> {
        let Memory {
            room,
            latents,
            picture,
        } = memory;
        let (batch, height, width, _) = latents.dims4()?;
        let moved = room.view(Place::Normed, latents.shape())?;
        self.post_quant.forward(latents, &moved)?;
        let mut place = Place::Stream;
        let mut current = room.view(place, (batch, height, width, self.config.channels[0]))?;
        self.conv_in.forward(&moved, &current)?;
        let mut next = |height: usize, width: usize, channels: usize| {
            place = place.other();
            room.view(place, (batch, height, width, channels))
        };

        let [first, second] = &self.middle;
        let out = next(height, width, self.config.channels[0])?;
        first.forward(&current, None, room, &out)?;
        self.attention.forward(&out, room)?;
        current = next(height, width, self.config.channels[0])?;
        second.forward(&out, None, room, &current)?;

        for level in &self.levels {
            let (_, height, width, _) = current.dims4()?;
            for block in &level.blocks {
                let out = next(height, width, level.channels)?;
                block.forward(&current, None, room, &out)?;
                current = out;
            }
            if let Some(convolution) = &level.double {
                let out = next(2 * height, 2 * width, level.channels)?;
                double(convolution, &current, room, &out)?;
                current = out;
            }
        }
        let normed = room.view(Place::Normed, current.shape())?;
        self.norm_out.forward(&current, &normed)?;
        self.conv_out.forward(&normed, picture)
    }
}

/// What a pass needs.
fn need(config: &DecoderConfig, batch: usize, edge: usize) -> Need {
    let mut need = Need::default();
    let streams = |values: usize, need: &mut Need| {
        need.at_least(Place::Stream, values);
        need.at_least(Place::OtherStream, values);
    };
    let (mut pixels, mut input) = (batch * edge * edge, config.channels[0]);
    streams(pixels * input, &mut need);
    Residual::need(pixels, input, input, &mut need);
    need.at_least(Place::Wide, pixels * 3 * input);
    need.at_least(Place::Inner, pixels * input);
    for (level, &output) in config.channels.iter().enumerate() {
        for _ in 0..config.blocks {
            Residual::need(pixels, input, output, &mut need);
            streams(pixels * output, &mut need);
            input = output;
        }
        if level + 1 < config.channels.len() {
            pixels *= 4;
            need.at_least(Place::Joined, pixels * output);
            streams(pixels * output, &mut need);
        }
    }
    need.at_least(Place::Normed, pixels * input);
    need
}

impl Attention {
    fn new(weights: AttentionWeights, fused: Fused) -> Result<Self> {
        let [query, key, value] = &weights.qkv;
        let qkv = Affine::side_by_side(&[query, key, value])?;
        Ok(Self {
            norm: layer::group_norm(weights.norm, EPSILON)?,
            qkv: layer::linear(qkv, fused)?,
            output: layer::linear(weights.output, fused)?,
        })
    }

    /// Adds to `x`, `[b, h, w, width]`, what its pixels say to each other.
    fn forward(&self, x: &Tensor, room: &Room) -> Result<()> {
        let (batch, height, width, channels) = x.dims4()?;
        let pixels = height * width;
        let normed = room.view(Place::Normed, (batch * pixels, channels))?;
        self.norm.forward(x, &normed)?;
        let qkv = room.view(Place::Wide, (batch, pixels, 3 * channels))?;
        self.qkv.forward(&normed, &qkv)?;
        let attended = room.view(Place::Inner, (batch * pixels, channels))?;
        attention::encoder(&qkv, None, 1, scale(channels), &attended)?;
        self.output.forward_residual(&attended, x)
    }
}
