//! Pictures from captions, by all networks of a model. Nothing is allocated after it was made, and a
//! step is recorded where the device can.

use std::rc::Rc;

use candle_core::{DType, Device, Result, Tensor};
use ops::graph::Graph;
use ops::image;
use ops::sampler::guide;

use super::autoencoder::{self, Decoder, DecoderWeights};
use super::captions;
use super::config::Config;
use super::denoiser::network::{self, Size};
use super::denoiser::{Denoiser, DenoiserWeights};
use super::networks::Networks;
use super::sampler::Sampler;
use super::schedule::Schedule;
use super::text::config::TOKENS;
use super::text::{self, TextEncoder, TextWeights};
use crate::fused::Fused;

/// What to draw.
#[derive(Clone, Debug)]
pub struct Order {
    /// Pictures.
    pub batch: usize,
    /// Edge of each, in pixels.
    pub edge_px: usize,
    /// How.
    pub schedule: Schedule,
    /// Weight of the caption; up to 1 the empty caption is not looked at.
    pub guidance: f64,
    /// Seed of captions and noise.
    pub seed: u64,
}

impl Order {
    const fn is_guided(&self) -> bool {
        self.guidance > 1.0
    }

    /// Latent pictures that the network sees in a step.
    const fn latents(&self) -> usize {
        if self.is_guided() {
            2 * self.batch
        } else {
            self.batch
        }
    }

    const fn size(&self, config: &Config) -> Size {
        Size {
            batch: self.latents(),
            edge: config.latent_edge(self.edge_px),
            tokens: TOKENS,
            edge_px: self.edge_px,
        }
    }

    fn sample_values(&self, config: &Config) -> usize {
        let edge = config.latent_edge(self.edge_px);
        self.batch * edge * edge * config.denoiser.latent_channels
    }

    /// Bytes that are allocated beside the weights.
    pub fn scratch_bytes(&self, config: &Config, dtype: DType) -> u64 {
        let (latents, size) = (self.latents(), self.size(config));
        let of_text = |text| text::Memory::bytes(text, latents, dtype);
        let text: u64 = config.text.iter().map(of_text).sum();
        let joined = match config.text {
            [_] => 0,
            _ => latents * TOKENS * config.denoiser.caption_width * dtype.size_in_bytes(),
        };
        let values = self.sample_values(config);
        let guided = if self.is_guided() { 4 * values } else { 0 };
        let steps = self.schedule.steps();
        text + Denoiser::memory_bytes(&config.denoiser, size, steps, dtype)
            + Decoder::memory_bytes(&config.decoder, self.batch, size.edge, dtype)
            + Sampler::bytes(&self.schedule, values)
            + (joined + guided) as u64
    }
}

/// A model with an order, and the room to carry it out again and again.
pub struct Drawer {
    text: Vec<(TextEncoder, text::Memory)>,
    /// Rows of all encoders side by side, `[1, 1, captions · 77, width]`; `None` where there is one.
    joined: Option<Tensor>,
    step: Rc<Step>,
    next: Graph,
    decoder: Decoder,
    decoding: autoencoder::Memory,
    device: Device,
}

/// What one step works on; all that changes from step to step lies on the device.
struct Step {
    denoiser: Denoiser,
    memory: network::Memory,
    sampler: Sampler,
    guidance: Option<Guidance>,
}

/// Two predictions, made one.
struct Guidance {
    weight: f32,
    /// In f32, of the shape of the samples.
    output: Tensor,
}

impl Drawer {
    /// The networks of these tensors.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn new(config: &Config, networks: &Networks, fused: Fused, order: &Order) -> Result<Self> {
        let (dtype, device) = (
            networks.denoiser.dtype(),
            networks.denoiser.device().clone(),
        );
        let (guided, size) = (order.is_guided(), order.size(config));
        let mut text = Vec::with_capacity(config.text.len());
        for (own, weights) in config.text.iter().zip(&networks.text) {
            let tensors = TextWeights::load(own, weights)?;
            let captions = captions::seeded(own, order.seed, order.batch, guided);
            let memory = text::Memory::new(own, &captions, dtype, &device)?;
            text.push((TextEncoder::new(own, tensors, fused)?, memory));
        }
        let tensors = DenoiserWeights::load(&config.denoiser, &networks.denoiser)?;
        let denoiser = Denoiser::new(&config.denoiser, tensors, fused)?;
        let tensors = DecoderWeights::load(&config.decoder, &networks.decoder)?;
        let decoder = Decoder::new(&config.decoder, tensors, fused)?;
        let channels = config.denoiser.latent_channels;
        let samples = (order.batch, size.edge, size.edge, channels);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a weight of a few digits, which kernels take in f32"
        )]
        let weight = order.guidance as f32;
        let guidance = || -> Result<Guidance> {
            let output = Tensor::zeros(samples, DType::F32, &device)?;
            Ok(Guidance { weight, output })
        };
        let step = Rc::new(Step {
            memory: denoiser.memory(size, &order.schedule.times)?,
            sampler: Sampler::new(&order.schedule, samples, order.seed, &device)?,
            guidance: guided.then(guidance).transpose()?,
            denoiser,
        });
        let rows = (1, 1, size.batch * TOKENS, config.denoiser.caption_width);
        let joined = || Tensor::zeros(rows, dtype, &device);
        // Kernels may begin to read weights while the one before still runs.
        device.synchronize()?;
        Ok(Self {
            joined: (text.len() > 1).then(joined).transpose()?,
            next: step.recorded(fused.graph)?,
            decoding: decoder.memory(order.batch, size.edge, dtype, &device)?,
            text,
            step,
            decoder,
            device,
        })
    }

    /// Where it computes.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Steps of a picture.
    pub fn steps(&self) -> usize {
        self.step.sampler.steps()
    }

    /// Encodes the captions.
    ///
    /// # Errors
    /// The device failed.
    pub fn encode(&self) -> Result<()> {
        let mut parts = Vec::with_capacity(self.text.len());
        for (encoder, memory) in &self.text {
            encoder.forward(memory)?;
            let (rows, width) = memory.encoded().dims2()?;
            parts.push(memory.encoded().reshape((1, 1, rows, width))?);
        }
        match &self.joined {
            Some(joined) => image::concat(&parts.iter().collect::<Vec<_>>(), joined),
            None => Ok(()),
        }
    }

    /// Takes all steps, from noise.
    ///
    /// # Errors
    /// The device failed.
    pub fn denoise(&self) -> Result<()> {
        let Step {
            denoiser,
            memory,
            sampler,
            ..
        } = &*self.step;
        let pooled = self.text.iter().find_map(|(_, memory)| memory.pooled());
        let captions = match &self.joined {
            Some(joined) => joined,
            None => self.text[0].1.encoded(),
        };
        denoiser.prepare(captions, pooled, memory)?;
        sampler.start()?;
        for _ in 0..sampler.steps() {
            self.next.replay()?;
        }
        Ok(())
    }

    /// Makes pictures of the latents.
    ///
    /// # Errors
    /// The device failed.
    pub fn decode(&self) -> Result<()> {
        self.step.sampler.finish(&self.decoding.latents)?;
        self.decoder.forward(&self.decoding)
    }

    /// The latents, f32 `[batch, h, w, channels]`.
    pub fn latents(&self) -> &Tensor {
        self.step.sampler.sample()
    }

    /// The pictures as the decoder left them, `[batch, edge, edge, 3]`, between about −1 and 1.
    pub const fn pictures(&self) -> &Tensor {
        &self.decoding.picture
    }
}

impl Step {
    /// A step that is replayed. It is taken once, on noise that nobody made; a start sets it back.
    fn recorded(self: &Rc<Self>, record: bool) -> Result<Graph> {
        let own = Rc::clone(self);
        let step = move || own.take();
        if record {
            let graph = Graph::capture(self.denoiser.device(), step)?;
            self.sampler.start()?;
            Ok(graph)
        } else {
            Ok(Graph::unrecorded(step))
        }
    }

    fn take(&self) -> Result<()> {
        let Self {
            denoiser,
            memory,
            sampler,
            guidance,
        } = self;
        let (input, output) = (&memory.input, &memory.output);
        let Some(guidance) = guidance else {
            sampler.feed(input)?;
            denoiser.forward(sampler.number(), memory)?;
            return sampler.advance(output);
        };
        let batch = guidance.output.dim(0)?;
        for half in 0..2 {
            sampler.feed(&input.narrow(0, half * batch, batch)?)?;
        }
        denoiser.forward(sampler.number(), memory)?;
        let (without, with) = (output.narrow(0, 0, batch)?, output.narrow(0, batch, batch)?);
        guide(&without, &with, guidance.weight, &guidance.output)?;
        sampler.advance(&guidance.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::seeded;
    use crate::diffusion::drawing::pictures;
    use crate::job::word::{Scheduler, Word};

    const CONFIG: Config = Config::TINY;

    fn order(scheduler: Scheduler, batch: usize, guidance: f64) -> Order {
        let training = CONFIG.training();
        let schedule = Schedule::new(scheduler, &training, CONFIG.prediction, None, 4);
        Order {
            batch,
            edge_px: 64,
            schedule: schedule.expect("possible"),
            guidance,
            seed: 2,
        }
    }

    fn draw(order: &Order, dtype: DType, graph: bool) -> Drawer {
        let weights = seeded(1, CONFIG.parameters(), dtype, &Device::Cpu);
        let fused = Fused {
            graph,
            ..Fused::default()
        };
        let networks = Networks::below(&CONFIG, &weights);
        let drawer = Drawer::new(&CONFIG, &networks, fused, order).expect("fits");
        drawer.encode().expect("runs");
        drawer.denoise().expect("runs");
        drawer.decode().expect("runs");
        drawer
    }

    fn latents(drawer: &Drawer) -> Vec<Vec<f32>> {
        let batch = drawer.latents().dim(0).expect("pictures");
        let rows = drawer.latents().reshape((batch, ()));
        rows.and_then(|rows| rows.to_vec2()).expect("on the CPU")
    }

    /// Latents to three digits, and means of the picture over squares of eight pixels: beyond
    /// these, processors differ.
    #[test]
    fn pictures_of_the_smallest_model() {
        let mut lines = Vec::new();
        for scheduler in Scheduler::ALL {
            let drawer = draw(&order(*scheduler, 1, 7.5), DType::F32, true);
            let latents: Vec<String> = latents(&drawer)[0][..8]
                .iter()
                .map(|value| format!("{value:.2e}"))
                .collect();
            lines.push(format!("{} {}", scheduler.word(), latents.join(" ")));
            let bytes = pictures(&drawer).expect("a picture");
            for rows in bytes.chunks_exact(8 * 64 * 3) {
                let mean = |square: usize| {
                    let row = |row: &[u8]| -> u32 {
                        let own = &row[square * 24..(square + 1) * 24];
                        own.iter().map(|byte| u32::from(*byte)).sum()
                    };
                    let sum: u32 = rows.chunks_exact(64 * 3).map(row).sum();
                    format!("{:3}", (f64::from(sum) / 192.0).round())
                };
                let means: Vec<String> = (0..8).map(mean).collect();
                lines.push(format!("  {}", means.join(" ")));
            }
        }
        insta::assert_snapshot!("diffusion_tiny_cpu", lines.join("\n"));
    }

    /// A picture does not depend on its batch, launches do not change it, and the caption counts.
    #[test]
    fn pictures_depend_on_what_was_ordered() {
        let ddim = |batch, guidance, graph| {
            let order = order(Scheduler::Ddim, batch, guidance);
            latents(&draw(&order, DType::F32, graph))
        };
        let two = ddim(2, 7.5, true);
        let near = |a: &[Vec<f32>], b: &[Vec<f32>]| crate::parity::Fixture::difference(a, b);
        assert!(near(&two[..1], &ddim(1, 7.5, false)) < 1e-4);
        assert!(near(&two[..1], &two[1..]) > 1e-2);
        assert!(near(&two[..1], &ddim(1, 1.0, true)) > 1e-3);
    }

    /// Half precision draws a similar picture; a second one is the same.
    #[test]
    fn half_precision_stays_near_and_drawing_repeats() {
        let order = order(Scheduler::DpmPp2m, 1, 7.5);
        let full = latents(&draw(&order, DType::F32, true));
        let half = draw(&order, DType::F16, true);
        let first = latents(&half);
        assert!(crate::parity::Fixture::difference(&first, &full) < 5e-2);
        half.denoise().expect("runs");
        assert_eq!(latents(&half), first);
    }

    /// But for tables of the times, twice the pictures need twice the memory.
    #[test]
    fn memory_grows_with_the_batch() {
        let order = order(Scheduler::UniPc, 2, 7.5);
        let promised = order.scratch_bytes(&CONFIG, DType::F16);
        assert!(promised > 0);
        let more = Order {
            batch: 4,
            ..order.clone()
        };
        let ratio = more.scratch_bytes(&CONFIG, DType::F16) as f64 / promised as f64;
        assert!((1.8..2.0).contains(&ratio), "{ratio}");
    }
}
