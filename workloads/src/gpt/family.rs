//! GPT-2 and `StarCoder` as families of the worker.

use candle_core::{DType, Device};

use super::config::{self, Config};
use super::generate::{Fast, Pick, Reference};
use super::network::Network;
use super::scratch::Cache;
use super::weights::Weights as Tensors;
use crate::Error;
use crate::family::{Family, MemoryNeed, Summary, Takes};
use crate::fused::Fused;
use crate::generation::{self, Generation, Generator};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Extent, Kind};
use crate::job::word::{Attention, Graph, Implementation, Origin, Sampling, Word};
use crate::llama::generate::seeded_prompt;
use crate::quality::{Known, Readable};
use crate::weights::{Weights, origins};
use crate::workload::Workload;

/// Decoders of one family.
#[derive(Clone, Copy, Debug)]
pub struct Gpt(config::Family);

/// GPT-2.
pub static GPT2: Gpt = Gpt(config::Family::Gpt2);

/// `StarCoder`.
pub static STARCODER: Gpt = Gpt(config::Family::StarCoder);

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    attention: Attention::ALL,
    graph: Graph::ALL,
    sampling: Sampling::ALL,
    phase: true,
    ..Takes::LEAST
};

impl Family for Gpt {
    fn name(&self) -> &'static str {
        match self.0 {
            config::Family::Gpt2 => "gpt2",
            config::Family::StarCoder => "starcoder",
        }
    }

    fn models(&self) -> &'static [&'static str] {
        match self.0 {
            config::Family::Gpt2 => &Config::GPT2,
            config::Family::StarCoder => &Config::STARCODER,
        }
    }

    fn summary(&self, model: &str) -> Summary {
        summary(model)
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        memory(job)
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        load(job, weights, device)
    }
}

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

fn summary(model: &str) -> Summary {
    let config = config(model);
    Summary {
        parameters: config.parameters(),
        kind: Kind::Generate,
        context: Some(config.positions),
        takes: Takes {
            weights: origins(model),
            ..TAKES
        },
        quality: &generation::TEXT_METRICS,
    }
}

fn memory(job: &Job) -> Result<MemoryNeed, Error> {
    check_reference(job)?;
    let config = config(&job.model);
    let (extent, dtype) = (job.extent()?, job.precision.dtype());
    let element = dtype.size_in_bytes() as u64;
    let cache_bytes = Cache::bytes(&config, extent.batch, extent.positions(), dtype);
    let scratch_bytes = Fast::scratch_bytes(&config, extent, dtype);
    // All scores of a layer, as products, masked, and as weights.
    let scores = 3
        * (extent.batch * config.heads * extent.prompt_tokens) as u64
        * extent.positions() as u64
        * element;
    let with_scores = job.variant.attention == Attention::Naive;
    Ok(match job.variant.implementation {
        Implementation::Fast => MemoryNeed {
            weights_bytes: config.parameters() * element,
            cache_bytes,
            scratch_bytes: scratch_bytes + if with_scores { scores } else { 0 },
        },
        Implementation::Reference => MemoryNeed {
            weights_bytes: config.parameters() * element,
            // The old one lives until the new one is joined.
            cache_bytes: cache_bytes + cache_bytes / config.layers as u64,
            scratch_bytes: scratch_bytes + scores,
        },
    })
}

/// References pick the most likely token, and the stock `StarCoder` knows one number format.
fn check_reference(job: &Job) -> Result<(), Error> {
    if job.variant.implementation != Implementation::Reference {
        return Ok(());
    }
    if job.variant.sampling != Sampling::Greedy {
        return Err(Error::Request(format!(
            "axis 'sampling' has the value '{}', the implementation 'reference' of model '{}' \
             takes greedy; choose it or the implementation 'fast'",
            job.variant.sampling.word(),
            job.model
        )));
    }
    let stock = config(&job.model).family == config::Family::StarCoder;
    match job.precision {
        Precision::F16 | Precision::Bf16 if stock => Err(Error::Request(format!(
            "axis 'precision' has the value '{}', the implementation 'reference' of model '{}' \
             takes f32 and tf32; choose one of these or the implementation 'fast'",
            job.precision.word(),
            job.model
        ))),
        _ => Ok(()),
    }
}

fn load(job: &Job, weights: &Weights, device: &Device) -> Result<Box<dyn Workload>, Error> {
    check_reference(job)?;
    let config = weights.config(
        &job.model,
        config(&job.model),
        Config::from_hugging_face,
        Config::difference,
    )?;
    let dtype = job.precision.dtype();
    let tensors = weights.tensors(&config.tensors(), Config::SPELLING, dtype, device)?;
    let tensors = Tensors::load(&config, &tensors)?;
    let extent = job.extent()?;
    let (prompt, known) = match weights.texts(Readable::tokens(config.vocab_size))? {
        None => (
            seeded_prompt(job.input_seed, config.vocab_size, extent),
            None,
        ),
        Some(texts) => {
            let prompt = texts.windows([extent.batch, extent.prompt_tokens], job.input_seed)?;
            // It picks the most likely token: drawn ones are no worse for differing from it.
            let is_comparable = job.variant.sampling == Sampling::Greedy;
            let reference = match weights.origin() {
                Origin::Tiny if is_comparable => {
                    Some(reference(&config, weights, extent, &prompt, device)?)
                }
                Origin::Tiny | Origin::Seeded | Origin::File => None,
            };
            let known = Known {
                reference,
                answers: None,
            };
            (prompt, Some(known))
        }
    };
    Ok(match job.variant.implementation {
        Implementation::Fast => {
            let fused = Fused::of(job);
            let network = Network::new(&config, tensors, fused)?;
            let pick = match job.variant.sampling {
                Sampling::Greedy => Pick::Greedy,
                Sampling::Seeded => Pick::seeded(job.input_seed),
            };
            let generator = Fast::new(network, pick, fused.graph, extent, prompt)?;
            Box::new(Generation::new(generator, job, weights)?.with_known(known))
        }
        Implementation::Reference => {
            let generator = Reference::new(&config, tensors, extent, prompt)?;
            Box::new(Generation::new(generator, job, weights)?.with_known(known))
        }
    })
}

/// What f32 weights make of the same prompts.
fn reference(
    config: &Config,
    weights: &Weights,
    extent: Extent,
    prompt: &[u32],
    device: &Device,
) -> Result<Vec<Vec<u32>>, Error> {
    let tensors = weights.tensors(&config.tensors(), Config::SPELLING, DType::F32, device)?;
    let tensors = Tensors::load(config, &tensors)?;
    let mut generator = Reference::new(config, tensors, extent, prompt.to_vec())?;
    generator.prefill()?;
    generator.decode()?;
    Ok(generator.tokens()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::Task;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::Unobserved;

    fn job(model: &str) -> Job {
        let extent = Extent {
            batch: 2,
            prompt_tokens: 16,
            decode_tokens: 8,
        };
        Job::plain(model, Precision::F32, Task::Generate(extent))
    }

    fn outcome(job: &Job, places: &Places) -> Result<String, Error> {
        let mut work = Registry::own().load(job, places, &Device::Cpu)?;
        work.iterate(&mut Unobserved)?;
        work.iterate(&mut Unobserved)?;
        let outcome = work.outcome()?;
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        let tokens = work.tokens().expect("two iterations");
        assert_eq!(tokens.iter().map(Vec::len).collect::<Vec<_>>(), [9, 9]);
        Ok(outcome.digest)
    }

    /// Whatever is chosen of the axes, the tokens are the same in f32.
    #[test]
    fn every_variant_has_the_same_digest() {
        for model in ["gpt2-tiny", "starcoder-tiny"] {
            let usual = outcome(&job(model), &Places::default()).expect("runs");
            for implementation in Implementation::ALL {
                for attention in Attention::ALL {
                    for graph in Graph::ALL {
                        let mut job = job(model);
                        job.variant.implementation = *implementation;
                        job.variant.attention = *attention;
                        job.variant.graph = *graph;
                        let digest = outcome(&job, &Places::default()).expect("runs");
                        assert_eq!(digest, usual, "{:?}", job.variant);
                    }
                }
            }
        }
    }

    /// Drawn tokens depend on the seed of the inputs and on nothing else.
    #[test]
    fn seeded_sampling_repeats_itself_and_differs_from_greedy() {
        let mut drawn = job("gpt2-tiny");
        let greedy = outcome(&drawn, &Places::default()).expect("runs");
        drawn.variant.sampling = Sampling::Seeded;
        let first = outcome(&drawn, &Places::default()).expect("runs");
        assert_ne!(first, greedy);
        assert_eq!(outcome(&drawn, &Places::default()).expect("runs"), first);
        drawn.variant.graph = Graph::Off;
        assert_eq!(outcome(&drawn, &Places::default()).expect("runs"), first);
        drawn.input_seed += 1;
        assert_ne!(outcome(&drawn, &Places::default()).expect("runs"), first);
    }

    /// The reference picks the most likely token: drawn ones are no worse for differing from it.
    #[test]
    fn drawn_tokens_are_not_held_against_the_most_likely_ones() {
        let mut job = job("gpt2-tiny");
        job.origin = Origin::Tiny;
        for (sampling, is_judged) in [(Sampling::Greedy, true), (Sampling::Seeded, false)] {
            job.variant.sampling = sampling;
            let work = Registry::own().load(&job, &Places::default(), &Device::Cpu);
            let mut work = work.expect("trained");
            work.iterate(&mut Unobserved).expect("runs");
            let quality = work.outcome().expect("an iteration").quality;
            for metric in ["token_agreement", "exact_match"] {
                assert_eq!(quality.contains_key(metric), is_judged, "{metric}");
            }
            assert!(quality.contains_key("perplexity"));
        }
    }

    /// A folder of another size than the named one is refused; half precision runs but for the
    /// stock `StarCoder`.
    #[test]
    fn what_does_not_fit_is_named() {
        let fixture = crate::parity::Fixture::open("gpt2");
        let places = Places {
            file: Some(fixture.path().to_owned()),
            ..Places::default()
        };
        let mut of_file = job("gpt2-tiny");
        of_file.origin = Origin::File;
        let message = outcome(&of_file, &places)
            .expect_err("narrower")
            .to_string();
        assert!(
            message.contains("config.json: 'vocab_size' is 256, expected 128"),
            "{message}"
        );

        let mut half = job("starcoder-tiny");
        half.precision = Precision::F16;
        outcome(&half, &Places::default()).expect("runs");
        half.variant.implementation = Implementation::Reference;
        let message = outcome(&half, &Places::default())
            .expect_err("the stock model has no half precision")
            .to_string();
        assert!(message.contains("takes f32 and tf32"), "{message}");

        let mut drawn = job("gpt2-tiny");
        drawn.variant.sampling = Sampling::Seeded;
        drawn.variant.implementation = Implementation::Reference;
        let message = outcome(&drawn, &Places::default())
            .expect_err("the reference draws nothing")
            .to_string();
        assert!(message.contains("takes greedy"), "{message}");
    }

    /// Weights of the size of the model, in the format of the job, and a cache as `model::cost`
    /// writes it.
    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let mut job = job("starcoder-3b");
        job.precision = Precision::Bf16;
        let need = memory(&job).expect("a generation");
        assert_eq!(need.weights_bytes, 2 * 3_043_311_104);
        // 36 layers, key and value of 128 for each of 24 positions of 2 sequences.
        assert_eq!(need.cache_bytes, 36 * 2 * 128 * 24 * 2 * 2);
        job.variant.attention = Attention::Naive;
        let naive = memory(&job).expect("a generation");
        assert!(naive.scratch_bytes > need.scratch_bytes);
    }
}
