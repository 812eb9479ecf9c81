//! `LLaMA` as a family of the worker.

use candle_core::Device;

use super::cache::QUERY_CHUNK;
use super::config::Config;
use super::generate::{self, seeded_prompt};
use super::network::Network;
use crate::Error;
use crate::checkpoint::Spelling;
use crate::family::{Family, MemoryNeed, Summary, Takes};
use crate::generation::{self, Generation, Generator};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Attention, Graph, Implementation, Origin, Sampling, Word};
use crate::weights::Weights;
use crate::workload::Workload;

/// The family.
#[derive(Clone, Copy, Debug)]
pub struct Llama;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: &[Implementation::Fast],
    attention: &[Attention::Naive],
    graph: &[Graph::Off],
    sampling: &[Sampling::Greedy],
    weights: &[Origin::Seeded, Origin::File],
    phase: true,
    ..Takes::LEAST
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
            takes: TAKES,
            quality: &generation::METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        let config = config(&job.model);
        let extent = job.extent()?;
        let element = job.precision.dtype().size_in_bytes() as u64;
        let (batch, positions) = (extent.batch as u64, extent.positions() as u64);
        let rows = batch * extent.prompt_tokens as u64;
        let width = (6 * config.hidden_size + 3 * config.intermediate_size) as u64;
        let scores =
            batch * (config.num_attention_heads * QUERY_CHUNK.min(extent.prompt_tokens)) as u64;
        let logits = batch * config.vocab_size as u64;
        Ok(MemoryNeed {
            weights_bytes: config.parameters() * element,
            cache_bytes: batch
                * positions
                * (2 * config.num_hidden_layers * config.kv_size()) as u64
                * element,
            // Scores stand twice: before and after their softmax.
            scratch_bytes: (rows * width + 2 * scores * positions + logits) * element,
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let named = config(&job.model);
        let config = match weights.folder() {
            None => named,
            Some(folder) => {
                let found = folder.config(Config::from_hugging_face)?;
                match named.difference(&found) {
                    None => found,
                    Some(difference) => return Err(folder.differs(&job.model, &difference)),
                }
            }
        };
        let dtype = job.precision.dtype();
        let tensors = weights.tensors(&config.tensors(), Spelling::EXACT, dtype, device)?;
        let network = Network::load(&config, &tensors)?;
        let extent = job.extent()?;
        let prompt = seeded_prompt(job.input_seed, config.vocab_size, extent);
        let generator = Kept {
            generator: generate::Generator::new(network, extent, prompt)?,
            read: None,
            made: None,
        };
        Ok(Box::new(Generation::new(generator, job, weights)?))
    }
}

/// The generator with what it has put out.
struct Kept {
    generator: generate::Generator,
    read: Option<generate::Generation>,
    made: Option<generate::Generation>,
}

impl Kept {
    fn last(&self) -> candle_core::Result<&generate::Generation> {
        match self.made.as_ref().or(self.read.as_ref()) {
            Some(generation) => Ok(generation),
            None => candle_core::bail!("nothing was generated yet"),
        }
    }
}

impl Generator for Kept {
    fn device(&self) -> &Device {
        self.generator.network().device()
    }

    fn first_phase(&self) -> (&'static str, u64) {
        let extent = self.generator.extent();
        (
            generation::PREFILL,
            (extent.batch * extent.prompt_tokens) as u64,
        )
    }

    fn decoded(&self) -> u64 {
        let extent = self.generator.extent();
        (extent.batch * extent.decode_tokens) as u64
    }

    fn prefill(&mut self) -> candle_core::Result<()> {
        self.made = None;
        self.read = Some(self.generator.prefill()?);
        Ok(())
    }

    fn decode(&mut self) -> candle_core::Result<()> {
        let Some(read) = &self.read else {
            candle_core::bail!("nothing was read yet")
        };
        self.made = Some(self.generator.decode(read.clone())?);
        Ok(())
    }

    fn rewind(&mut self) -> candle_core::Result<()> {
        self.made = None;
        Ok(())
    }

    fn tokens(&self) -> candle_core::Result<Vec<Vec<u32>>> {
        self.last()?.tokens()
    }

    fn last_logits(&self) -> candle_core::Result<Vec<Vec<f32>>> {
        self.last()?.last_logits()
    }
}
