//! BERT and `RoBERTa` as families of the worker.

use candle_core::{DType, Device};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::config::{self, Config};
use super::encode::{Fast, Reference};
use super::inputs::Inputs;
use super::network::Network;
use super::quality;
use super::scratch::Scratch;
use super::weights::Weights as Tensors;
use crate::Error;
use crate::family::{Family, MemoryNeed, Metric, Summary, Takes};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::task::Sequences;
use crate::job::word::{Attention, Graph, Head, Implementation, Origin, Word};
use crate::quality::{self as judged, Expected, Readable};
use crate::reading::{self, Reader, Reading};
use crate::weights::{Weights, origins};
use crate::workload::Workload;

/// Encoders of one family.
#[derive(Clone, Copy, Debug)]
pub struct Encoder(config::Family);

/// BERT.
pub static BERT: Encoder = Encoder(config::Family::Bert);

/// `RoBERTa`.
pub static ROBERTA: Encoder = Encoder(config::Family::Roberta);

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    attention: Attention::ALL,
    graph: Graph::ALL,
    head: Head::ALL,
    ..Takes::LEAST
};

const METRICS: [Metric; 10] = {
    let [always] = reading::METRICS;
    let [a, b, c, d] = quality::METRICS;
    let [e, f, g, h, i] = judged::CHOICE_METRICS;
    [always, a, b, c, d, e, f, g, h, i]
};

impl Family for Encoder {
    fn name(&self) -> &'static str {
        match self.0 {
            config::Family::Bert => "bert",
            config::Family::Roberta => "roberta",
        }
    }

    fn models(&self) -> &'static [&'static str] {
        match self.0 {
            config::Family::Bert => &Config::BERT,
            config::Family::Roberta => &Config::ROBERTA,
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
        parameters: config.parameters(Head::Classification),
        kind: Kind::Read {
            native_tokens: None,
        },
        context: Some(config.most_tokens()),
        takes: Takes {
            weights: origins(model),
            ..TAKES
        },
        quality: &METRICS,
    }
}

fn memory(job: &Job) -> Result<MemoryNeed, Error> {
    let config = config(&job.model);
    let (sequences, head, dtype) = (job.sequences()?, job.variant.head, job.precision.dtype());
    let element = dtype.size_in_bytes() as u64;
    let rows = sequences.batch * sequences.tokens;
    let selected = match head {
        Head::Classification => sequences.batch,
        Head::MaskedLm => sequences.batch * Inputs::hidden(sequences.tokens),
    };
    // All scores of a layer, as products, masked, and as weights.
    let scores = 3 * (rows * config.heads) as u64 * sequences.tokens as u64 * element;
    let with_scores = job.variant.implementation == Implementation::Reference
        || job.variant.attention == Attention::Naive;
    // Beside the tables of positions and segments there is one of their pairs.
    let pairs = (config.segments * config.positions * config.hidden_size) as u64;
    let scratch = Scratch::bytes(&config, head, rows, selected, dtype);
    Ok(MemoryNeed {
        weights_bytes: (config.parameters(head) + pairs) * element,
        cache_bytes: 0,
        scratch_bytes: scratch + if with_scores { scores } else { 0 },
    })
}

/// The stock module hides places with the smallest f32, which is −∞ in 16 bits; times the zero of
/// a place that is seen, it makes every score NaN (candle-transformers 0.11.1, measured in f16 on
/// the CPU and in bf16 on a GPU).
fn refuse_stock_in_16_bits(job: &Job) -> Result<(), Error> {
    let stock = job.variant.implementation == Implementation::Reference;
    if stock && job.precision.dtype() != DType::F32 {
        return Err(Error::Request(format!(
            "axis 'precision' has the value '{}', in which the stock module of '{}' (axis \
             'implementation' is 'reference') gives NaN; use f32 or tf32, or the implementation \
             'fast'",
            job.precision.word(),
            job.model
        )));
    }
    Ok(())
}

fn load(job: &Job, weights: &Weights, device: &Device) -> Result<Box<dyn Workload>, Error> {
    refuse_stock_in_16_bits(job)?;
    let config = weights.config(
        &job.model,
        config(&job.model),
        Config::from_hugging_face,
        Config::difference,
    )?;
    let (head, dtype) = (job.variant.head, job.precision.dtype());
    let (inputs, expected) = inputs(job, &config, weights, device)?;
    let spelling = config.family.spelling();
    let tensors = weights.tensors(&config.tensors(head), spelling, dtype, device)?;
    let tensors = Tensors::load(&config, head, &tensors)?;
    Ok(match job.variant.implementation {
        Implementation::Fast => {
            let fused = Fused::of(job);
            let network = Network::new(&config, tensors, fused)?;
            let reader = Fast::new(network, fused.graph, head, inputs, expected)?;
            Box::new(Reading::new(reader, weights)?)
        }
        Implementation::Reference => {
            let reader = Reference::new(&config, &tensors, head, inputs, expected)?;
            Box::new(Reading::new(reader, weights)?)
        }
    })
}

/// What the job reads: text where the weights have some, and otherwise random words.
fn inputs(
    job: &Job,
    config: &Config,
    weights: &Weights,
    device: &Device,
) -> Result<(Inputs, Expected), Error> {
    let head = job.variant.head;
    let Sequences { batch, tokens } = job.sequences()?;
    let readable = Readable {
        vocabulary: config.vocab_size,
        classes: (head == Head::Classification).then_some(config.classes),
    };
    let Some(texts) = weights.texts(readable)? else {
        let inputs = Inputs::seeded(config, head, job.input_seed, [batch, tokens])?;
        return Ok((inputs, Expected::Unknown));
    };
    let texts = texts.documents(batch, tokens.saturating_sub(2), job.input_seed)?;
    let ids: Vec<&[u32]> = texts.iter().map(|text| text.tokens.as_slice()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(job.input_seed);
    let inputs = Inputs::texts(config, head, &ids, tokens, &mut rng)?;
    let reference = match weights.origin() {
        Origin::Tiny => Some(reference(config, head, weights, &inputs, device)?),
        Origin::Seeded | Origin::File => None,
    };
    let expected = Expected::Known {
        // Where one is not known, a share of the batch would be of another batch.
        classes: texts.iter().map(|text| text.class).collect(),
        reference,
    };
    Ok((inputs, expected))
}

/// What f32 weights choose of the same text.
fn reference(
    config: &Config,
    head: Head,
    weights: &Weights,
    inputs: &Inputs,
    device: &Device,
) -> Result<Vec<u32>, Error> {
    let spelling = config.family.spelling();
    let tensors = weights.tensors(&config.tensors(head), spelling, DType::F32, device)?;
    let tensors = Tensors::load(config, head, &tensors)?;
    let mut reader = Reference::new(config, &tensors, head, inputs.clone(), Expected::Unknown)?;
    reader.infer()?;
    Ok(reader.scores()?.choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::Task;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::{Outcome, Unobserved};

    fn job(model: &str, head: Head) -> Job {
        let sequences = Sequences {
            batch: 3,
            tokens: 24,
        };
        let mut job = Job::plain(model, Precision::F32, Task::Read(sequences));
        job.variant.head = head;
        job
    }

    fn outcome(job: &Job) -> Result<Outcome, Error> {
        let mut work = Registry::own().load(job, &Places::default(), &Device::Cpu)?;
        work.iterate(&mut Unobserved)?;
        work.iterate(&mut Unobserved)?;
        work.outcome()
    }

    #[test]
    fn the_stock_module_is_refused_in_16_bits() {
        for model in ["bert-tiny", "roberta-tiny"] {
            let mut half = job(model, Head::Classification);
            half.precision = Precision::F16;
            outcome(&half).expect("the fast composition runs");
            half.variant.implementation = Implementation::Reference;
            let message = outcome(&half).expect_err("NaN").to_string();
            assert!(message.contains("gives NaN; use f32 or tf32"), "{message}");
        }
    }

    #[test]
    fn every_variant_runs_and_repeats_itself() {
        for model in ["bert-tiny", "roberta-tiny"] {
            for head in Head::ALL {
                for implementation in Implementation::ALL {
                    for attention in Attention::ALL {
                        let mut job = job(model, *head);
                        job.variant.implementation = *implementation;
                        job.variant.attention = *attention;
                        let outcome = outcome(&job).expect("runs");
                        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
                        for name in outcome.quality.keys() {
                            let metric = METRICS.iter().find(|metric| metric.name == name);
                            assert!(metric.is_some(), "{name} is not described");
                        }
                    }
                }
            }
        }
    }

    /// An untrained network guesses: one class of two, one word of all.
    #[test]
    fn the_quality_of_random_weights_is_that_of_guesses() {
        let outcome = outcome(&job("bert-tiny", Head::MaskedLm)).expect("runs");
        let perplexity = outcome.quality["masked_pseudo_perplexity"];
        assert!((50.0..1000.0).contains(&perplexity), "{perplexity}");
        assert!(outcome.quality["masked_accuracy"] < 0.2);
    }

    #[test]
    fn lengths_without_a_word_are_refused() {
        let mut job = job("bert-tiny", Head::Classification);
        for tokens in [2, 129] {
            job.task = Task::Read(Sequences { batch: 1, tokens });
            let message = outcome(&job).expect_err("no text").to_string();
            assert!(message.contains("expected 3 to 128"), "{message}");
        }
    }

    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let mut job = job("bert-large", Head::Classification);
        job.precision = Precision::Bf16;
        job.task = Task::Read(Sequences {
            batch: 32,
            tokens: 384,
        });
        let need = memory(&job).expect("reads");
        assert_eq!(need.weights_bytes, 2 * (335_143_938 + 2 * 512 * 1024));
        // Six times the stream and once the feed-forward network, of 12,288 tokens; the head.
        let rows = 32 * 384 * (6 * 1024 + 4096) + 32 * (2 * 1024 + 2);
        assert_eq!(need.scratch_bytes, 2 * rows);
        job.variant.implementation = Implementation::Reference;
        assert!(memory(&job).expect("reads").scratch_bytes > 2 * need.scratch_bytes);
    }
}
