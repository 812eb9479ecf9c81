//! `LLaMA` as a family of the worker.

use candle_core::{DType, Device, Result};
use ops::attention::DecodeScratch;
use ops::gemv::Scratch;
use ops::quantised::{Format, QuantisedLinear};

use super::config::Config;
use super::generate::{self, seeded_prompt};
use super::gguf::GgufFile;
use super::network::Network;
use super::quantised::SeededBlocks;
use super::reference::Reference;
use super::scratch::{Rows, sequences_at_once};
use super::wanted::Wanted;
use crate::Error;
use crate::checkpoint::Spelling;
use crate::family::{Family, MemoryNeed, Metric, Summary, Takes};
use crate::fused::Fused;
use crate::generation::{self, Generation, Generator};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Extent, Kind};
use crate::job::word::{Attention, Graph, Implementation, Quantisation, Sampling, Word};
use crate::quality::{self, Known, Readable};
use crate::weights::{Weights, origins};
use crate::workload::Workload;

/// The family.
#[derive(Clone, Copy, Debug)]
pub struct Llama;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    quantisation: Quantisation::ALL,
    implementation: Implementation::ALL,
    attention: Attention::ALL,
    graph: Graph::ALL,
    sampling: &[Sampling::Greedy],
    phase: true,
    ..Takes::LEAST
};

/// No weights of this family are the project's own, so there is no agreement with those in f32.
const PERPLEXITY_METRICS: [Metric; 4] = {
    let [a, b] = generation::METRICS;
    let [_, _, c, d] = quality::SEQUENCE_METRICS;
    [a, b, c, d]
};

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

impl Family for Llama {
    fn name(&self) -> &'static str {
        "llama"
    }

    fn models(&self) -> &'static [&'static str] {
        &Config::NAMES
    }

    fn summary(&self, model: &str) -> Summary {
        let config = config(model);
        Summary {
            parameters: config.parameters(),
            kind: Kind::Generate,
            context: Some(config.max_position_embeddings),
            takes: Takes {
                weights: origins(model),
                ..TAKES
            },
            quality: &PERPLEXITY_METRICS,
        }
    }

    fn memory(&self, job: &Job) -> std::result::Result<MemoryNeed, Error> {
        Ok(need(&config(&job.model), job.extent()?, job))
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> std::result::Result<Box<dyn Workload>, Error> {
        let extent = job.extent()?;
        let texts = weights.texts(Readable::tokens(config(&job.model).vocab_size))?;
        let prompt = |config: &Config| match &texts {
            Some(texts) => texts.windows([extent.batch, extent.prompt_tokens], job.input_seed),
            None => Ok(seeded_prompt(job.input_seed, config.vocab_size, extent)),
        };
        let known = texts.is_some().then(Known::default);
        if job.variant.implementation == Implementation::Reference {
            if job.quantisation != Quantisation::Dense {
                return Err(Error::Request(
                    "axis 'implementation' has the value 'reference', which takes dense weights \
                     only; set axis 'quantisation' to 'none'"
                        .into(),
                ));
            }
            let config = described(job, weights)?;
            let tensors = dense(&config, job, weights, device)?;
            let stock = Reference::new(&config, tensors, extent, prompt(&config)?)?;
            return Ok(Box::new(
                Generation::new(stock, job, weights)?.with_known(known),
            ));
        }
        let network = match format(job.quantisation) {
            None => {
                let config = described(job, weights)?;
                let tensors = dense(&config, job, weights, device)?;
                Network::dense(&config, Fused::of(job).math, &tensors)?
            }
            Some(format) => quantised(job, format, weights, device)?,
        };
        let prompt = prompt(network.config())?;
        let generator = generate::Generator::new(network, extent, prompt, Fused::of(job))?;
        Ok(Box::new(
            Generation::new(generator, job, weights)?.with_known(known),
        ))
    }
}

/// The shape of a job: that of its name, once the user's folder is known to hold no other.
fn described(job: &Job, weights: &Weights) -> std::result::Result<Config, Error> {
    weights.config(
        &job.model,
        config(&job.model),
        Config::from_hugging_face,
        Config::difference,
    )
}

fn dense(
    config: &Config,
    job: &Job,
    weights: &Weights,
    device: &Device,
) -> std::result::Result<candle_nn::VarBuilder<'static>, Error> {
    let dtype = job.precision.dtype();
    weights.tensors(&config.tensors(), Spelling::EXACT, dtype, device)
}

fn quantised(
    job: &Job,
    format: Format,
    weights: &Weights,
    device: &Device,
) -> std::result::Result<Network, Error> {
    let dtype = job.precision.dtype();
    let named = config(&job.model);
    let Some(path) = weights.gguf() else {
        if !suits(&named, format) {
            return Err(Error::Request(format!(
                "axis 'quantisation' has the value '{}', whose blocks hold {} weights, which the \
                 rows of '{}' ({} and {}) are no multiples of; use another format or model",
                job.quantisation.word(),
                format.block_values(),
                job.model,
                named.hidden_size,
                named.intermediate_size
            )));
        }
        let seed = job.weights_seed;
        let blocks = SeededBlocks { seed, format };
        return Ok(Network::quantised(&named, &blocks, dtype, device)?);
    };
    let wanted = Wanted {
        model: &job.model,
        config: &named,
        format,
    };
    let file = GgufFile::open(path, &wanted)?;
    Ok(Network::quantised(file.config(), &file, dtype, device)?)
}

/// Whether every row is made of whole blocks.
const fn suits(config: &Config, format: Format) -> bool {
    config.hidden_size.is_multiple_of(format.block_values())
        && config
            .intermediate_size
            .is_multiple_of(format.block_values())
}

fn format(quantisation: Quantisation) -> Option<Format> {
    match quantisation {
        Quantisation::Dense => None,
        Quantisation::Q8_0 => Some(Format::Q80),
        Quantisation::Q4_0 => Some(Format::Q40),
        Quantisation::Q4K => Some(Format::Q4K),
    }
}

/// What the fast composition allocates; the stock module takes more for its scores and copies.
fn need(config: &Config, extent: Extent, job: &Job) -> MemoryNeed {
    let dtype = job.precision.dtype();
    let element = dtype.size_in_bytes();
    let (batch, positions) = (extent.batch, extent.positions());
    let (hidden, inner, kv) = (
        config.hidden_size,
        config.intermediate_size,
        config.kv_size(),
    );
    let matrices = [
        (hidden + 2 * kv, hidden),
        (hidden, hidden),
        (2 * inner, hidden),
        (hidden, inner),
    ];
    let head = (config.vocab_size, hidden);
    let format = format(job.quantisation);
    let bytes = |(outputs, inputs): (usize, usize)| match format {
        None => outputs * inputs * element,
        Some(format) => QuantisedLinear::bytes_of(format, outputs, inputs),
    };
    let layer = matrices.into_iter().map(bytes).sum::<usize>() + 2 * hidden * element;
    let tied = config.tie_word_embeddings && format.is_none();
    let weights = config.num_hidden_layers * layer
        + config.vocab_size * hidden * element
        + if tied { 0 } else { bytes(head) }
        + hidden * element;
    let widened = if format.is_some() {
        let values = |(outputs, inputs)| outputs * inputs;
        matrices
            .into_iter()
            .chain([head])
            .map(values)
            .max()
            .unwrap_or(0)
    } else {
        0
    };
    let reads = sequences_at_once(batch, extent.prompt_tokens) * extent.prompt_tokens;
    let rows = |rows: usize| {
        rows * Rows::values_per_place(config) * element
            + Scratch::bytes(rows, hidden, inner, widened, dtype)
    };
    let (heads, width) = (config.num_attention_heads, config.head_dim());
    let tables = positions * width * DType::F32.size_in_bytes();
    let naive = if job.variant.attention == Attention::Naive {
        // Scores stand twice: before and after their softmax.
        2 * batch * heads * extent.prompt_tokens * extent.prompt_tokens * element
    } else {
        0
    };
    let scratch = rows(reads)
        + rows(batch)
        + batch * config.vocab_size * element
        + DecodeScratch::bytes(batch, heads, width, positions)
        + tables
        + naive;
    MemoryNeed {
        weights_bytes: weights as u64,
        cache_bytes: (batch * positions * 2 * config.num_hidden_layers * kv * element) as u64,
        scratch_bytes: scratch as u64,
    }
}

impl Generator for generate::Generator {
    fn device(&self) -> &Device {
        self.network().device()
    }

    fn first_phase(&self) -> (&'static str, u64) {
        read(self.extent())
    }

    fn decoded(&self) -> u64 {
        made(self.extent())
    }

    fn prefill(&mut self) -> Result<()> {
        Self::prefill(self)
    }

    fn decode(&mut self) -> Result<()> {
        Self::decode(self)
    }

    fn rewind(&mut self) -> Result<()> {
        Self::rewind(self)
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Self::tokens(self)
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        Self::last_logits(self)
    }

    fn score_prompts(&self) -> Result<Option<Vec<Vec<f64>>>> {
        Self::score_prompts(self).map(Some)
    }
}

impl Generator for Reference {
    fn device(&self) -> &Device {
        Self::device(self)
    }

    fn first_phase(&self) -> (&'static str, u64) {
        read(self.extent())
    }

    fn decoded(&self) -> u64 {
        made(self.extent())
    }

    fn prefill(&mut self) -> Result<()> {
        Self::prefill(self)
    }

    fn decode(&mut self) -> Result<()> {
        Self::decode(self)
    }

    fn rewind(&mut self) -> Result<()> {
        // Its cache only grows: it has to read the prompt again, outside of any phase.
        Self::prefill(self)
    }

    fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Self::tokens(self)
    }

    fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        Self::last_logits(self)
    }

    fn score_prompts(&self) -> Result<Option<Vec<Vec<f64>>>> {
        Self::score_prompts(self).map(Some)
    }
}

/// The first phase and the tokens that it reads.
const fn read(extent: Extent) -> (&'static str, u64) {
    let tokens = extent.batch * extent.prompt_tokens;
    (generation::PREFILL, tokens as u64)
}

/// Tokens that the steps make.
const fn made(extent: Extent) -> u64 {
    (extent.batch * extent.decode_tokens) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::Task;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::{Outcome, Unobserved};

    fn job(model: &str) -> Job {
        let extent = Extent {
            batch: 2,
            prompt_tokens: 16,
            decode_tokens: 8,
        };
        Job::plain(model, Precision::F32, Task::Generate(extent))
    }

    fn outcome(job: &Job) -> std::result::Result<Outcome, Error> {
        let mut work = Registry::own().load(job, &Places::default(), &Device::Cpu)?;
        work.iterate(&mut Unobserved)?;
        work.iterate(&mut Unobserved)?;
        work.outcome()
    }

    #[test]
    fn every_variant_gives_the_same_tokens_again_and_again() {
        let expected = outcome(&job("llama-tiny")).expect("runs");
        assert_eq!(expected.quality["distinct_outputs"], 1.0);
        let mut naive = job("llama-tiny");
        naive.variant.attention = Attention::Naive;
        let mut reference = job("llama-tiny");
        reference.variant.implementation = Implementation::Reference;
        let mut launched = job("llama-tiny");
        launched.variant.graph = Graph::Off;
        for variant in [naive, reference, launched] {
            let outcome = outcome(&variant).expect("runs");
            assert_eq!(outcome.digest, expected.digest, "{:?}", variant.variant);
            assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        }
    }

    #[test]
    fn blocks_that_do_not_fit_and_stock_modules_that_do_not_exist_are_refused() {
        let mut job = job("llama-tiny");
        job.quantisation = Quantisation::Q4K;
        let message = outcome(&job)
            .expect_err("128 is no multiple of 256")
            .to_string();
        assert!(message.contains("blocks hold 256 weights"), "{message}");
        job.variant.implementation = Implementation::Reference;
        let message = outcome(&job).expect_err("dense only").to_string();
        assert!(message.contains("dense weights only"), "{message}");
    }

    /// 7B: 6.738e9 parameters in bf16, and 0.5 MiB of keys and values per position.
    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let mut job = job("llama-7b");
        job.precision = Precision::Bf16;
        let family = Llama;
        let need = family.memory(&job).expect("a generation");
        assert_eq!(need.weights_bytes, 2 * 6_738_415_616);
        assert_eq!(need.cache_bytes, 2 * 24 * 524_288);
        job.quantisation = Quantisation::Q4K;
        let quantised = family.memory(&job).expect("a generation");
        // 4.5 bits of every weight but the embedding's 16, which is looked up, not multiplied.
        let ratio = quantised.weights_bytes as f64 / need.weights_bytes as f64;
        assert!((0.28..0.31).contains(&ratio), "{ratio}");
        job.task = Task::Generate(Extent {
            batch: 32,
            prompt_tokens: 2048,
            decode_tokens: 128,
        });
        let large = family.memory(&job).expect("a generation");
        assert!(large.cache_bytes > 33 << 30);
        assert!(
            large.scratch_bytes < 4 << 30,
            "a prefill takes groups of sequences"
        );
    }
}
