//! Whisper as a family of the worker.

use candle_core::{DType, Device};

use super::config::{Config, PROMPT_TOKENS};
use super::generate::{Fast, Reference};
use super::inputs::{Inputs, transcript};
use super::scratch::{Cache, CrossCache};
use super::stock::Stock;
use super::weights::Weights as Tensors;
use crate::Error;
use crate::corpus::Part;
use crate::corpus::speech::Utterance;
use crate::family::{Family, MemoryNeed, Summary, Takes};
use crate::fused::Fused;
use crate::generation::{self, Generation, Generator};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Attention, Graph, Implementation, Origin, Sampling, Word};
use crate::quality::Known;
use crate::weights::{Weights, origins};
use crate::workload::Workload;

/// Whisper.
#[derive(Clone, Copy, Debug)]
pub struct Whisper;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    attention: Attention::ALL,
    graph: Graph::ALL,
    sampling: &[Sampling::Greedy],
    phase: true,
    ..Takes::LEAST
};

impl Family for Whisper {
    fn name(&self) -> &'static str {
        "whisper"
    }

    fn models(&self) -> &'static [&'static str] {
        &Config::NAMES
    }

    fn summary(&self, model: &str) -> Summary {
        let config = config(model);
        Summary {
            parameters: config.parameters(),
            kind: Kind::Transcribe,
            context: Some(config.target_positions - PROMPT_TOKENS),
            takes: Takes {
                weights: origins(model),
                ..TAKES
            },
            quality: if origins(model).contains(&Origin::Tiny) {
                &generation::TRANSCRIPT_METRICS
            } else {
                &generation::METRICS
            },
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        check_reference(job)?;
        let config = config(&job.model);
        let (transcripts, dtype) = (job.transcripts()?, job.precision.dtype());
        let (batch, steps) = (transcripts.batch, transcripts.decode_tokens);
        let element = dtype.size_in_bytes() as u64;
        // Computed beside the parameters: sinusoids, and the zero biases of keys.
        let biases = config.encoder_layers + 2 * config.decoder_layers;
        let computed = (config.hidden_size * (config.source_positions + biases)) as u64;
        let cross = CrossCache::bytes(&config, batch, dtype);
        let own = Cache::bytes(&config, [batch, PROMPT_TOKENS + steps], dtype);
        let scratch_bytes = Fast::scratch_bytes(&config, [batch, PROMPT_TOKENS, steps], dtype);
        // All scores of a layer of the encoder, as products, masked, and as weights.
        let scores = 3 * (batch * config.heads * config.source_positions.pow(2)) as u64 * element;
        let with_scores = job.variant.implementation == Implementation::Reference
            || job.variant.attention == Attention::Naive;
        Ok(MemoryNeed {
            weights_bytes: (config.parameters() + computed) * element,
            cache_bytes: match job.variant.implementation {
                Implementation::Fast => cross + own,
                Implementation::Reference => cross,
            },
            scratch_bytes: scratch_bytes + if with_scores { scores } else { 0 },
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
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
        let transcripts = job.transcripts()?;
        let (inputs, known) = match weights.origin() {
            Origin::Tiny => spoken(&config, job, weights, device)?,
            Origin::Seeded | Origin::File => {
                let inputs = Inputs::seeded(&config, job.input_seed, transcripts.batch)?;
                (inputs, None)
            }
        };
        let steps = transcripts.decode_tokens;
        Ok(match job.variant.implementation {
            Implementation::Fast => {
                let generator = Fast::new(&config, tensors, Fused::of(job), &inputs, steps)?;
                Box::new(Generation::new(generator, job, weights)?.with_known(known))
            }
            Implementation::Reference => {
                let stock = Stock::new(&config, &tensors)?;
                let generator = Reference::new(stock, &inputs, steps, device)?;
                Box::new(Generation::new(generator, job, weights)?.with_known(known))
            }
        })
    }
}

/// Speech that the project's own model never heard, its transcripts, and what f32 weights make of
/// it.
fn spoken(
    config: &Config,
    job: &Job,
    weights: &Weights,
    device: &Device,
) -> Result<(Inputs, Option<Known>), Error> {
    let transcripts = job.transcripts()?;
    let utterances = Utterance::list(Part::HeldOut, job.input_seed, transcripts.batch);
    let inputs = Inputs::spoken(config, &utterances)?;
    let tensors = weights.tensors(&config.tensors(), Config::SPELLING, DType::F32, device)?;
    let stock = Stock::new(config, &Tensors::load(config, &tensors)?)?;
    let mut reference = Reference::new(stock, &inputs, transcripts.decode_tokens, device)?;
    reference.prefill()?;
    reference.decode()?;
    let known = Known {
        reference: Some(reference.tokens()?),
        answers: Some(utterances.iter().map(transcript).collect()),
    };
    Ok((inputs, Some(known)))
}

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

/// The stock model knows one number format.
fn check_reference(job: &Job) -> Result<(), Error> {
    let stock = job.variant.implementation == Implementation::Reference;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::{Task, Transcripts};
    use crate::job::word::Only;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::Unobserved;

    fn job(model: &str) -> Job {
        let transcripts = Transcripts {
            batch: 2,
            decode_tokens: 8,
        };
        Job::plain(model, Precision::F32, Task::Transcribe(transcripts))
    }

    fn outcome(job: &Job, places: &Places) -> Result<String, Error> {
        let mut work = Registry::own().load(job, places, &Device::Cpu)?;
        work.iterate(&mut Unobserved)?;
        work.iterate(&mut Unobserved)?;
        let outcome = work.outcome()?;
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        assert!(outcome.quality["last_token_logprob"] < 0.0);
        Ok(outcome.digest)
    }

    /// Attention and launches do not change the tokens in f32, nor does taking the steps alone.
    #[test]
    fn every_variant_has_the_same_digest() {
        let usual = outcome(&job("whisper-micro"), &Places::default()).expect("runs");
        for attention in Attention::ALL {
            for graph in Graph::ALL {
                let mut job = job("whisper-micro");
                job.variant.attention = *attention;
                job.variant.graph = *graph;
                job.only = (*graph == Graph::Off).then_some(Only::Decode);
                let digest = outcome(&job, &Places::default()).expect("runs");
                assert_eq!(digest, usual, "{:?}", job.variant);
            }
        }
    }

    /// The stock model runs in f32, and a folder of another size than the named one is refused.
    #[test]
    fn what_does_not_fit_is_named() {
        let mut reference = job("whisper-micro");
        reference.variant.implementation = Implementation::Reference;
        outcome(&reference, &Places::default()).expect("runs");
        reference.precision = Precision::F16;
        let message = outcome(&reference, &Places::default())
            .expect_err("the stock model has no half precision")
            .to_string();
        assert!(message.contains("takes f32 and tf32"), "{message}");

        let fixture = crate::parity::Fixture::open("whisper");
        let places = Places {
            file: Some(fixture.path().to_owned()),
            models: None,
            ..Places::default()
        };
        let mut of_file = job("whisper-micro");
        of_file.origin = Origin::File;
        let message = outcome(&of_file, &places).expect_err("smaller").to_string();
        assert!(
            message.contains("config.json: 'vocab_size' is 256, expected 128"),
            "{message}"
        );
    }

    /// Caches as `model::cost` writes them.
    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let mut job = job("whisper-tiny");
        job.precision = Precision::Bf16;
        let need = Whisper.memory(&job).expect("a transcription");
        // Sinusoids and twelve biases beside the parameters.
        assert_eq!(need.weights_bytes, 2 * (37_184_640 + 384 * (1500 + 4 + 8)));
        // Four layers: keys and values of 1,500 places, and of twelve, of two sequences.
        assert_eq!(need.cache_bytes, 4 * 2 * 384 * (1500 + 12) * 2 * 2);
        job.variant.attention = Attention::Naive;
        let naive = Whisper.memory(&job).expect("a transcription");
        assert!(naive.scratch_bytes > need.scratch_bytes);
    }
}
