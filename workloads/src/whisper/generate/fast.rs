//! Transcription by the fast composition: nothing is allocated, and a step is recorded where the
//! device can.

use std::rc::Rc;

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::Start;
use ops::argmax::argmax;
use ops::attention::Kind;
use ops::graph::Graph;
use ops::sequence::append;

use super::ENCODE;
use crate::fused::Fused;
use crate::generation::Generator;
use crate::whisper::config::Config;
use crate::whisper::decoder::Pass;
use crate::whisper::encoder::rows;
use crate::whisper::inputs::Inputs;
use crate::whisper::network::Network;
use crate::whisper::scratch::{Cache, CrossCache, DecoderScratch, EncoderScratch};
use crate::whisper::weights::Weights;

/// The fast generator.
pub struct Fast {
    /// `[1 + batch · frames, bins]`.
    features: Tensor,
    /// u32 `[batch, prompt]`.
    prompt: Tensor,
    decode_tokens: usize,
    encoding: EncoderScratch,
    reading: DecoderScratch,
    step: Rc<Step>,
    /// A step; `None` where no token follows the first.
    next: Option<Graph>,
    /// The last place of the prompt, u32 `[1]`: what the position is set to at a start.
    prompt_end: Tensor,
    /// The place of the first token that is made, u32 `[1]`.
    first_place: Tensor,
    /// How many tokens of each transcript were picked.
    picked: usize,
}

/// The network, and what one decode step works on; all that changes from step to step lies on the
/// device.
struct Step {
    network: Network,
    cache: Cache,
    cross: CrossCache,
    scratch: DecoderScratch,
    /// Last token of each transcript, u32 `[batch]`, …
    token: Tensor,
    /// … and the same memory as `[batch, 1]`.
    column: Tensor,
    /// Its place, u32 `[1]`.
    position: Tensor,
    /// All transcripts, u32 `[batch, prompt + decode tokens + 1]`; the part of the prompt is unused.
    sequences: Tensor,
}

impl Fast {
    /// A generator of these inputs.
    ///
    /// # Errors
    /// The network has fewer positions, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: Weights,
        fused: Fused,
        inputs: &Inputs,
        decode_tokens: usize,
    ) -> Result<Self> {
        let network = Network::new(config, weights, fused)?;
        let (dtype, device) = (network.dtype(), network.device().clone());
        let (batch, prompt_tokens) = (inputs.batch()?, inputs.prompt_tokens()?);
        let capacity = prompt_tokens + decode_tokens;
        if capacity > config.target_positions {
            bail!(
                "prompt and decode tokens make {capacity} positions, the model has {}",
                config.target_positions
            );
        }
        let scratch = |length| {
            let sizes = [batch, length, capacity];
            DecoderScratch::new(config, sizes, dtype, &device)
        };
        let token = Tensor::zeros(batch, DType::U32, &device)?;
        let first = u32::try_from(prompt_tokens).map_err(candle_core::Error::wrap)?;
        let step = Rc::new(Step {
            cache: Cache::new(config, [batch, capacity], dtype, &device)?,
            cross: CrossCache::new(config, batch, dtype, &device)?,
            scratch: scratch(1)?,
            column: token.reshape((batch, 1))?,
            token,
            position: Tensor::new(&[first], &device)?,
            sequences: Tensor::zeros((batch, capacity + 1), DType::U32, &device)?,
            network,
        });
        // Kernels may begin to read weights while the one before still runs.
        device.synchronize()?;
        // Naive attention allocates its scores, which cannot be recorded.
        let record = fused.graph && fused.attention == Kind::Fused;
        let next = (decode_tokens > 0)
            .then(|| step.recorded(record))
            .transpose()?;
        Ok(Self {
            features: rows(&inputs.features, dtype, &device)?,
            prompt: inputs.prompt.to_device(&device)?,
            decode_tokens,
            encoding: EncoderScratch::new(config, batch, dtype, &device)?,
            reading: scratch(prompt_tokens)?,
            step,
            next,
            prompt_end: Tensor::new(&[first - 1], &device)?,
            first_place: Tensor::new(&[first], &device)?,
            picked: 0,
        })
    }

    /// Bytes that a generator allocates beside weights and caches.
    pub fn scratch_bytes(
        config: &Config,
        [batch, prompt_tokens, decode_tokens]: [usize; 3],
        dtype: DType,
    ) -> u64 {
        let of_decoder = |length| {
            let sizes = [batch, length, prompt_tokens + decode_tokens];
            DecoderScratch::bytes(config, sizes, dtype)
        };
        EncoderScratch::bytes(config, batch, dtype) + of_decoder(prompt_tokens) + of_decoder(1)
    }

    /// What the encoder has left, `[batch · positions, hidden]`.
    pub const fn encoded(&self) -> &Tensor {
        self.encoding.encoded()
    }
}

impl Step {
    /// A step that is replayed. It is taken once, on empty caches; the next prefill starts anew.
    fn recorded(self: &Rc<Self>, record: bool) -> Result<Graph> {
        let own = Rc::clone(self);
        let step = move || own.take();
        if record {
            Graph::capture(self.network.device(), step)
        } else {
            Ok(Graph::unrecorded(step))
        }
    }

    /// Reads the last token at its place, and picks the next.
    fn take(&self) -> Result<()> {
        let pass = Pass::Step(Start::Device(&self.position));
        let (cache, cross) = (&self.cache, &self.cross);
        let decoder = &self.network.decoder;
        decoder.forward(&self.column, pass, cache, cross, &self.scratch)?;
        self.pick(&self.scratch.logits)
    }

    /// Appends the most likely token.
    fn pick(&self, logits: &Tensor) -> Result<()> {
        argmax(logits, &self.token)?;
        append(&self.token, &self.position, &self.sequences)
    }
}

impl Generator for Fast {
    fn device(&self) -> &Device {
        self.step.network.device()
    }

    fn first_phase(&self) -> (&'static str, u64) {
        (ENCODE, self.prompt.dims()[0] as u64)
    }

    fn decoded(&self) -> u64 {
        (self.prompt.dims()[0] * self.decode_tokens) as u64
    }

    fn prefill(&mut self) -> Result<()> {
        let Step {
            network,
            cache,
            cross,
            position,
            ..
        } = &*self.step;
        position.slice_set(&self.prompt_end, 0, 0)?;
        network.encoder.forward(&self.features, &self.encoding)?;
        let decoder = &network.decoder;
        decoder.look_at(self.encoding.encoded(), cross)?;
        decoder.forward(&self.prompt, Pass::Prompt, cache, cross, &self.reading)?;
        self.step.pick(&self.reading.logits)?;
        self.picked = 1;
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        if let Some(next) = &self.next {
            for _ in 0..self.decode_tokens {
                next.replay()?;
                self.picked += 1;
            }
        }
        Ok(())
    }

    /// Keys and values of sound and prompt are still in the caches; those after are written anew.
    fn rewind(&mut self) -> Result<()> {
        if self.picked == 0 {
            bail!("nothing was heard yet");
        }
        let (batch, prompt_tokens) = self.prompt.dims2()?;
        let first = self.step.sequences.narrow(1, prompt_tokens, 1)?;
        let first = first.contiguous()?.reshape(batch)?;
        self.step.token.slice_set(&first, 0, 0)?;
        self.step.position.slice_set(&self.first_place, 0, 0)?;
        self.picked = 1;
        Ok(())
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        let first = self.prompt.dim(1)?;
        self.step.sequences.narrow(1, first, self.picked)?.to_vec2()
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        let logits = match self.picked {
            0 => bail!("nothing was heard yet"),
            1 => &self.reading.logits,
            _ => &self.step.scratch.logits,
        };
        logits.to_dtype(DType::F32)?.to_vec2()
    }
}
