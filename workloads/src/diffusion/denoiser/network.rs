//! The denoiser of fused operations: nothing is allocated in a pass, and nothing of a step lies
//! outside of the device's memory.

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::image::{self, Conv2d};
use ops::norm::GroupNorm;

use super::config::DenoiserConfig;
use super::layout::{Part, Shape};
use super::times::{TimeLayers, Times};
use super::transformer::{CaptionCache, Transformer};
use super::weights::{DenoiserWeights, PartWeights};
use crate::diffusion::layer;
use crate::diffusion::residual::{Residual, double};
use crate::diffusion::room::{Need, Place, Room};
use crate::fused::Fused;

/// Added to the variance before the root, in every norm over groups outside of transformers.
pub const EPSILON: f32 = 1e-5;

/// A denoiser.
pub struct Denoiser {
    config: DenoiserConfig,
    times: TimeLayers,
    conv_in: Conv2d,
    parts: Vec<(Part, PartLayers)>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    dtype: DType,
    device: Device,
}

/// Layers of a part.
enum PartLayers {
    Block(Box<Residual>, Option<Box<Transformer>>),
    Convolution(Conv2d),
}

/// Everything that a pass writes, and what lasts from one to the next.
pub struct Memory {
    room: Room,
    /// Results that are looked at again, in the order of a pass.
    kept: Vec<Tensor>,
    captions: CaptionCache,
    /// Times of all steps.
    pub times: Times,
    /// Noisy latents, `[batch, h, w, latent channels]`: what the next pass reads.
    pub input: Tensor,
    /// What the last pass said of them.
    pub output: Tensor,
}

/// How large a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Latent pictures, each with its caption.
    pub batch: usize,
    /// Edge of a latent picture.
    pub edge: usize,
    /// Tokens of a caption.
    pub tokens: usize,
    /// Edge of the picture that they stand for, in pixels.
    pub edge_px: usize,
}

impl Denoiser {
    /// The network of these tensors.
    ///
    /// # Errors
    /// The tensors are not those of the configuration, or the device is out of memory.
    pub fn new(config: &DenoiserConfig, weights: DenoiserWeights, fused: Fused) -> Result<Self> {
        let times = TimeLayers::new(&weights, fused)?;
        let dtype = weights.conv_in.weight.dtype();
        let device = weights.conv_in.weight.device().clone();
        let parts = Part::all(config).into_iter().zip(weights.parts);
        let parts = parts.map(|(part, weights)| {
            let layers = PartLayers::new(&part, weights, fused)?;
            Ok((part, layers))
        });
        Ok(Self {
            config: *config,
            times,
            conv_in: layer::conv2d(weights.conv_in, 1, fused)?,
            parts: parts.collect::<Result<_>>()?,
            norm_out: layer::group_norm(weights.norm_out, EPSILON)?.with_silu(),
            conv_out: layer::conv2d(weights.conv_out, 1, fused)?,
            dtype,
            device,
        })
    }

    /// Number format of the tensors.
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where it computes.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Room for passes of this size at these times.
    ///
    /// # Errors
    /// The edge cannot be halved often enough, or the device is out of memory.
    pub fn memory(&self, size: Size, times: &[f64]) -> Result<Memory> {
        let stride = self.config.stride();
        if size.edge == 0 || !size.edge.is_multiple_of(stride) {
            bail!(
                "latent pictures have an edge of {}, expected a multiple of {stride}",
                size.edge
            );
        }
        let (dtype, device) = (self.dtype, &self.device);
        let sizes = Sizes::of(&self.config, size);
        let zeros = |shape: [usize; 4]| Tensor::zeros(&shape, dtype, device);
        let mut captions = Vec::new();
        for (_, layers) in &self.parts {
            if let PartLayers::Block(_, Some(transformer)) = layers {
                captions.extend(transformer.cache(size.batch * size.tokens, dtype, device)?);
            }
        }
        let latents = [
            size.batch,
            size.edge,
            size.edge,
            self.config.latent_channels,
        ];
        Ok(Memory {
            room: Room::new(&sizes.need, dtype, device)?,
            kept: sizes.kept.into_iter().map(zeros).collect::<Result<_>>()?,
            captions,
            times: Times::new(
                &self.config,
                times,
                (size.batch, size.edge_px),
                dtype,
                device,
            )?,
            input: zeros(latents)?,
            output: zeros(latents)?,
        })
    }

    /// Reads what is the same in all steps: times, captions `[batch · tokens, width]` and, where the
    /// network looks at them, captions as a whole, `[batch, width]`.
    ///
    /// # Errors
    /// The captions do not fit, or the device failed.
    pub fn prepare(
        &self,
        captions: &Tensor,
        pooled: Option<&Tensor>,
        memory: &Memory,
    ) -> Result<()> {
        memory.times.embed(&self.times, pooled)?;
        let mut cache = memory.captions.as_slice();
        for (_, layers) in &self.parts {
            if let PartLayers::Block(_, Some(transformer)) = layers {
                let (own, rest) = cache.split_at(transformer.depth());
                transformer.look_at(captions, own)?;
                cache = rest;
            }
        }
        Ok(())
    }

    /// What is noise in the input, at the step of this number (u32 `[1]`).
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, step: &Tensor, memory: &Memory) -> Result<()> {
        let Memory {
            room,
            kept,
            captions,
            times,
            input,
            output,
        } = memory;
        times.select(step)?;
        self.conv_in.forward(input, &kept[0])?;
        let mut current = kept[0].clone();
        // How many results are kept by now, and how many of these wait to be joined.
        let (mut written, mut waiting) = (1, vec![0]);
        let (mut captions, mut times) = (captions.as_slice(), times.now().iter());
        let mut place = Place::Stream;
        for (part, layers) in &self.parts {
            let (batch, height, width, channels) = current.dims4()?;
            let size = part.size((height, width));
            let out = if part.kept {
                waiting.push(written);
                written += 1;
                kept[written - 1].clone()
            } else {
                place = place.other();
                room.view(place, (batch, size.0, size.1, part.output()))?
            };
            match (&part.shape, layers) {
                (Shape::Block { input, joins, .. }, PartLayers::Block(residual, transformer)) => {
                    let x = if *joins {
                        let last = waiting.pop().expect("as many are joined as are kept");
                        let x = room.view(Place::Joined, (batch, height, width, *input))?;
                        image::concat(&[&current, &kept[last]], &x)?;
                        x
                    } else {
                        current
                    };
                    residual.forward(&x, times.next(), room, &out)?;
                    if let Some(transformer) = transformer {
                        let (own, rest) = captions.split_at(transformer.depth());
                        transformer.forward(&out, own, room)?;
                        captions = rest;
                    }
                }
                (Shape::Double { .. }, PartLayers::Convolution(convolution)) => {
                    double(convolution, &current, room, &out)?;
                }
                (_, PartLayers::Convolution(convolution)) => {
                    convolution.forward(&current, &out)?;
                }
                (_, PartLayers::Block(..)) => bail!("{}: no block, {channels}", part.name),
            }
            current = out;
        }
        let normed = room.view(Place::Normed, current.shape())?;
        self.norm_out.forward(&current, &normed)?;
        self.conv_out.forward(&normed, output)
    }

    /// Bytes of [`Denoiser::memory`].
    pub fn memory_bytes(config: &DenoiserConfig, size: Size, steps: usize, dtype: DType) -> u64 {
        let sizes = Sizes::of(config, size);
        let kept: usize = sizes
            .kept
            .iter()
            .map(|shape| shape.iter().product::<usize>())
            .sum();
        let mut captions = 0;
        for part in Part::all(config) {
            if let Shape::Block { output, looks, .. } = part.shape {
                let depth = looks.map_or(0, |looks| looks.depth);
                captions += depth * size.batch * size.tokens * 2 * output;
            }
        }
        let latents = 2 * size.batch * size.edge * size.edge * config.latent_channels;
        let values = (kept + captions + latents) * dtype.size_in_bytes();
        values as u64 + sizes.need.bytes(dtype) + Times::bytes(config, steps, size.batch, dtype)
    }
}

/// What a pass needs.
struct Sizes {
    need: Need,
    kept: Vec<[usize; 4]>,
}

impl Sizes {
    fn of(config: &DenoiserConfig, Size { batch, edge, .. }: Size) -> Self {
        let mut need = Need::default();
        let mut kept = vec![[batch, edge, edge, config.channels[0]]];
        let mut size = (edge, edge);
        for part in Part::all(config) {
            let before = batch * size.0 * size.1;
            size = part.size(size);
            let pixels = batch * size.0 * size.1;
            match &part.shape {
                Shape::Block {
                    input,
                    output,
                    joins,
                    looks,
                } => {
                    debug_assert_eq!(before, pixels);
                    Residual::need(pixels, *input, *output, &mut need);
                    if *joins {
                        need.at_least(Place::Joined, pixels * input);
                    }
                    if looks.is_some() {
                        Transformer::need(pixels, *output, &mut need);
                    }
                }
                Shape::Double { channels } => need.at_least(Place::Joined, pixels * channels),
                Shape::Halve { .. } => {}
            }
            if part.kept {
                kept.push([batch, size.0, size.1, part.output()]);
            } else {
                need.at_least(Place::Stream, pixels * part.output());
                need.at_least(Place::OtherStream, pixels * part.output());
            }
        }
        Self { need, kept }
    }
}

impl PartLayers {
    fn new(part: &Part, weights: PartWeights, fused: Fused) -> Result<Self> {
        Ok(match (weights, &part.shape) {
            (PartWeights::Block(block), Shape::Block { looks, .. }) => {
                let heads = looks.as_ref().map_or(1, |looks| looks.heads);
                let transformer = block
                    .transformer
                    .map(|transformer| Transformer::new(transformer, heads, fused).map(Box::new))
                    .transpose()?;
                let residual = Residual::new(block.residual, EPSILON, fused)?;
                Self::Block(Box::new(residual), transformer)
            }
            (PartWeights::Convolution(tensors), Shape::Halve { .. }) => {
                Self::Convolution(layer::conv2d(tensors, 2, fused)?)
            }
            (PartWeights::Convolution(tensors), Shape::Double { .. }) => {
                Self::Convolution(layer::conv2d(tensors, 1, fused)?)
            }
            _ => bail!("{}: the tensors are those of another part", part.name),
        })
    }
}
