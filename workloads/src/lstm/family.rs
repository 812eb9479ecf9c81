//! The sentiment model as a family of the worker.

use candle_core::{DType, Device};

use super::config::Config;
use super::inputs::{CLASSES, Inputs};
use super::network::Network;
use super::quality;
use super::read::{Fast, Reference};
use super::scratch::Scratch;
use super::stock::Stock;
use super::weights::Weights as Tensors;
use crate::Error;
use crate::checkpoint::Spelling;
use crate::family::{Family, MemoryNeed, Metric, Summary, Takes};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Kind, Sequences};
use crate::job::word::{Graph, Implementation, Origin, Word};
use crate::quality::{self as judged, Expected, Readable};
use crate::reading::{self, Reader, Reading};
use crate::weights::{Weights, origins};
use crate::workload::Workload;

/// Sentiment by an LSTM.
#[derive(Clone, Copy, Debug)]
pub struct Lstm;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    graph: Graph::ALL,
    ..Takes::LEAST
};

const METRICS: [Metric; 8] = {
    let [always] = reading::METRICS;
    let [a, b] = quality::METRICS;
    let [c, d, e, f, g] = judged::CHOICE_METRICS;
    [always, a, b, c, d, e, f, g]
};

impl Family for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn models(&self) -> &'static [&'static str] {
        &Config::NAMES
    }

    fn summary(&self, model: &str) -> Summary {
        let config = config(model);
        Summary {
            parameters: config.parameters(),
            kind: Kind::Read {
                native_tokens: Some(config.words),
            },
            context: None,
            takes: Takes {
                weights: origins(model),
                ..TAKES
            },
            quality: &METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        let config = config(&job.model);
        let (sequences, dtype) = (job.sequences()?, job.precision.dtype());
        let element = dtype.size_in_bytes() as u64;
        // The stock layer keeps hidden state and cell of every step.
        let states = (2 * sequences.batch * sequences.tokens * config.cells) as u64 * element;
        let scratch_bytes = Scratch::bytes(&config, sequences, dtype);
        Ok(MemoryNeed {
            // The fast composition pads the embedding, beside which the original lives until then.
            weights_bytes: 2 * config.parameters() * element,
            cache_bytes: 0,
            scratch_bytes: match job.variant.implementation {
                Implementation::Fast => scratch_bytes,
                Implementation::Reference => scratch_bytes + states,
            },
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let named = weights.config(
            &job.model,
            config(&job.model),
            Config::from_json,
            Config::difference,
        )?;
        let dtype = job.precision.dtype();
        let tensors = weights.tensors(&named.tensors(), Spelling::EXACT, dtype, device)?;
        let tensors = Tensors::load(&named, &tensors)?;
        let inputs = inputs(job, &named, weights, device)?;
        Ok(match job.variant.implementation {
            Implementation::Fast => {
                let fused = Fused::of(job);
                let network = Network::new(&named, &tensors, fused)?;
                let reader = Fast::new(network, inputs, fused.graph)?;
                Box::new(Reading::new(reader, weights)?)
            }
            Implementation::Reference => {
                let stock = Stock::new(&named, &tensors)?;
                let reader = Reference::new(stock, inputs, device)?;
                Box::new(Reading::new(reader, weights)?)
            }
        })
    }
}

/// What the job reads: text where the weights have some, and otherwise random words.
fn inputs(job: &Job, config: &Config, weights: &Weights, device: &Device) -> Result<Inputs, Error> {
    let Sequences { batch, tokens } = job.sequences()?;
    let readable = Readable {
        vocabulary: config.vocab_size,
        classes: Some(CLASSES),
    };
    let Some(texts) = weights.texts(readable)? else {
        return Inputs::seeded(config, job.input_seed, job.sequences()?);
    };
    let texts = texts.documents(batch, tokens, job.input_seed)?;
    let ids: Vec<&[u32]> = texts.iter().map(|text| text.tokens.as_slice()).collect();
    let inputs = Inputs::texts(config, &ids, tokens)?;
    let reference = match weights.origin() {
        Origin::Tiny => Some(reference(config, weights, &inputs, device)?),
        Origin::Seeded | Origin::File => None,
    };
    inputs.with_expected(Expected::Known {
        // Where one is not known, a share of the batch would be of another batch.
        classes: texts.iter().map(|text| text.class).collect(),
        reference,
    })
}

/// What f32 weights choose of the same text.
fn reference(
    config: &Config,
    weights: &Weights,
    inputs: &Inputs,
    device: &Device,
) -> Result<Vec<u32>, Error> {
    let tensors = weights.tensors(&config.tensors(), Spelling::EXACT, DType::F32, device)?;
    let stock = Stock::new(config, &Tensors::load(config, &tensors)?)?;
    let mut reader = Reference::new(stock, inputs.clone(), device)?;
    reader.infer()?;
    Ok(reader.scores()?.choices)
}

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::Task;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::{Outcome, Unobserved};

    fn job(batch: usize) -> Job {
        let sequences = Sequences { batch, tokens: 300 };
        Job::plain("lstm-sentiment", Precision::F32, Task::Read(sequences))
    }

    fn outcome(job: &Job, places: &Places) -> Result<Outcome, Error> {
        let mut work = Registry::own().load(job, places, &Device::Cpu)?;
        work.iterate(&mut Unobserved)?;
        work.iterate(&mut Unobserved)?;
        work.outcome()
    }

    #[test]
    fn every_variant_runs_and_repeats_itself() {
        for implementation in Implementation::ALL {
            for graph in Graph::ALL {
                for precision in [Precision::F32, Precision::F16] {
                    let mut job = job(3);
                    job.variant.implementation = *implementation;
                    job.variant.graph = *graph;
                    job.precision = precision;
                    let outcome = outcome(&job, &Places::default()).expect("runs");
                    assert_eq!(outcome.quality["distinct_outputs"], 1.0);
                    for name in outcome.quality.keys() {
                        let metric = METRICS.iter().find(|metric| metric.name == name);
                        assert!(metric.is_some(), "{name} is not described");
                    }
                }
            }
        }
    }

    #[test]
    fn a_folder_of_another_size_is_refused() {
        let fixture = crate::parity::Fixture::open("lstm");
        let places = Places {
            file: Some(fixture.path().to_owned()),
            models: None,
            ..Places::default()
        };
        let mut job = job(1);
        job.origin = Origin::File;
        let message = outcome(&job, &places).expect_err("smaller").to_string();
        assert!(
            message.contains("config.json: 'vocab_size' is 64, expected 5000"),
            "{message}"
        );
    }

    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let mut job = job(1024);
        job.precision = Precision::Bf16;
        let need = Lstm.memory(&job).expect("reads");
        assert_eq!(need.weights_bytes, 2 * 2 * 76_091);
        // Words as u32, embedded in 16 values, four gates of ten cells; a score.
        assert_eq!(need.scratch_bytes, 1024 * (300 * (4 + 2 * (16 + 40)) + 2));
        job.variant.implementation = Implementation::Reference;
        let stock = Lstm.memory(&job).expect("reads");
        assert!(stock.scratch_bytes > need.scratch_bytes);
    }
}
