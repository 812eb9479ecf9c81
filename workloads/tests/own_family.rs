//! A model of somebody else: one file that implements `Family`, and one line that registers it.
//!
//! A bag of words (Joulin et al. 2016, "Bag of tricks for efficient text classification"): the mean
//! of the embeddings of a text, and one linear layer. `docs/add-a-model.md` walks through it.

use std::collections::BTreeMap;
use std::io::Cursor;

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{Embedding, Linear, Module};
use model::axis::{Axis, AxisValue};
use model::cost::error::CostError;
use model::cost::number_format::NumberFormat;
use model::cost::phase::Phase;
use model::cost::tally::Tally;
use model::mark::{Mark, PROTOCOL_VERSION, RunRequest};
use model::point::Point;
use workloads::checkpoint::{self, Spelling};
use workloads::describe;
use workloads::family::{Family, MemoryNeed, Metric, Summary, Takes};
use workloads::generation::seeded_tokens;
use workloads::job::Job;
use workloads::job::precision::Precision;
use workloads::job::task::Kind;
use workloads::job::word::{Origin, Word};
use workloads::reading::{self, Reader, Reading, Scores};
use workloads::registry::Registry;
use workloads::weights::{Places, Weights};
use workloads::worker::{self, Marks};
use workloads::workload::Workload;
use workloads::{Error, clock};

const WORDS: usize = 1000;
const WIDTH: usize = 32;
const CLASSES: usize = 4;

/// The family: what the worker asks of a model before it loads it, and how it is loaded.
struct BagOfWords;

impl BagOfWords {
    fn tensors() -> Vec<(String, Vec<usize>)> {
        vec![
            ("words.weight".into(), vec![WORDS, WIDTH]),
            ("classes.weight".into(), vec![CLASSES, WIDTH]),
        ]
    }
}

impl Family for BagOfWords {
    fn name(&self) -> &'static str {
        "bag-of-words"
    }

    fn models(&self) -> &'static [&'static str] {
        &["bag-of-words"]
    }

    fn summary(&self, _model: &str) -> Summary {
        Summary {
            parameters: checkpoint::parameters(&Self::tensors()),
            kind: Kind::Read {
                native_tokens: Some(64),
            },
            context: None,
            takes: Takes {
                precision: &[Precision::F32, Precision::F16],
                weights: &[Origin::Seeded, Origin::File],
                ..Takes::LEAST
            },
            quality: &[
                Metric {
                    name: "classes_used",
                    meaning: "how many classes the batch was put in",
                },
                reading::METRICS[0],
            ],
        }
    }

    fn memory(&self, job: &Job) -> std::result::Result<MemoryNeed, Error> {
        let sequences = job.sequences()?;
        let element = job.precision.dtype().size_in_bytes() as u64;
        let embedded = (sequences.batch * sequences.tokens * WIDTH) as u64;
        Ok(MemoryNeed {
            weights_bytes: checkpoint::parameters(&Self::tensors()) * element,
            cache_bytes: 0,
            scratch_bytes: embedded * element,
        })
    }

    /// The model is none of the vocabulary, so it counts itself.
    fn cost(&self, job: &Job) -> std::result::Result<Vec<Phase>, CostError> {
        let (batch, tokens) = match job.sequences() {
            Ok(sequences) => (sequences.batch as u64, sequences.tokens as u64),
            Err(_) => (0, 0),
        };
        let mut tally = Tally::new(NumberFormat::of(job.precision.word(), "none")?);
        tally.embedding(WORDS as u64, WIDTH as u64, batch * tokens);
        tally.elementwise(batch * tokens * WIDTH as u64, 1.0, 1.0);
        tally.linear(batch, WIDTH as u64, CLASSES as u64, 0);
        Ok(vec![Phase::once(reading::INFER, "request", batch, &tally)])
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> std::result::Result<Box<dyn Workload>, Error> {
        let dtype = job.precision.dtype();
        let tensors = weights.tensors(&Self::tensors(), Spelling::EXACT, dtype, device)?;
        let sequences = job.sequences()?;
        let shape = (sequences.batch, sequences.tokens);
        let text = seeded_tokens(job.input_seed, WORDS, shape.0 * shape.1);
        // Seeded weights are zero where nothing else is asked for, and zeros are refused.
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let words = tensors.get_with_hints((WORDS, WIDTH), "words.weight", random)?;
        let classes = tensors.get_with_hints((CLASSES, WIDTH), "classes.weight", random)?;
        let bag = Bag {
            words: Embedding::new(words, WIDTH),
            classes: Linear::new(classes, None),
            text: Tensor::from_vec(text, shape, device)?,
            scores: None,
        };
        Ok(Box::new(Reading::new(bag, weights)?))
    }
}

/// The network with its batch.
struct Bag {
    words: Embedding,
    classes: Linear,
    text: Tensor,
    scores: Option<Tensor>,
}

impl Reader for Bag {
    fn device(&self) -> &Device {
        self.text.device()
    }

    fn batch(&self) -> usize {
        self.text.dims()[0]
    }

    fn infer(&mut self) -> Result<()> {
        let mean = self.words.forward(&self.text)?.mean(1)?;
        self.scores = Some(self.classes.forward(&mean)?);
        Ok(())
    }

    fn scores(&self) -> Result<Scores> {
        let Some(scores) = &self.scores else {
            return Ok(Scores::default());
        };
        Ok(Scores {
            choices: scores.argmax(D::Minus1)?.to_vec1()?,
            logits: scores.to_dtype(candle_core::DType::F32)?.to_vec2()?,
        })
    }

    fn quality(&self, scores: &Scores) -> std::result::Result<BTreeMap<String, f64>, Error> {
        let classes: std::collections::BTreeSet<u32> = scores.choices.iter().copied().collect();
        let count = u32::try_from(classes.len()).expect("at most one for each row");
        Ok([("classes_used".to_owned(), f64::from(count))].into())
    }
}

/// The one line.
fn registry() -> Registry {
    Registry::own().with(&BagOfWords)
}

fn point() -> Point {
    let text = |axis, word: &str| (axis, AxisValue::Text(word.into()));
    [
        text(Axis::Model, "bag-of-words"),
        text(Axis::Precision, "f32"),
        (Axis::Batch, AxisValue::Integer(16)),
    ]
    .into_iter()
    .collect()
}

#[test]
fn it_is_measured_like_any_other() {
    let request = RunRequest {
        protocol: PROTOCOL_VERSION,
        run_id: "own".into(),
        point: point(),
        weights_seed: 1,
        input_seed: 2,
        warmup_s: 0.0,
    };
    let (registry, places) = (registry(), Places::default());
    let job = Job::from_request(&request, &registry, &places).expect("a good request");
    let mut workload = registry.load(&job, &places, &Device::Cpu).expect("loads");
    let commands = worker::listen(Cursor::new("{\"command\":\"go\"}\n"));
    let mut out = Vec::new();
    let mut marks = Marks::new(&mut out, clock::monotonic);
    worker::serve(workload.as_mut(), job.warmup_s, &commands, &mut marks).expect("runs");
    let text = String::from_utf8(out).expect("UTF-8");
    let last = text.lines().last().map(Mark::parse);
    let Some(Ok(Mark::Done { work, quality, .. })) = last else {
        panic!("{text} does not end with done")
    };
    assert!(work >= 16 && work % 16 == 0, "{work}");
    assert!((1.0..=4.0).contains(&quality["classes_used"]));
    assert_eq!(quality["distinct_outputs"].to_bits(), 1f64.to_bits());
}

#[test]
fn it_is_listed_with_its_own_counts() {
    let places = Places::default();
    let list = describe::catalogue(
        &registry(),
        &places,
        Some("bag-of-words"),
        &Point::default(),
    )
    .expect("known");
    let entry = &list.models[0];
    assert_eq!(entry.parameters, 32 * 1004);
    assert_eq!(
        entry.at.get(Axis::PromptTokens),
        Some(&AxisValue::Integer(64))
    );
    assert_eq!(
        entry.phases[0].matrix_operations.to_bits(),
        256f64.to_bits()
    );
    list.check(&point()).expect("its own point");
    let listed = describe::catalogue(&registry(), &places, None, &Point::default());
    assert_eq!(
        listed.expect("all").models.len(),
        Registry::own().models().count() + 1
    );
}

#[test]
fn what_it_does_not_take_is_refused() {
    let refusal = |axis, word: &str| {
        let point = point().with(axis, AxisValue::Text(word.into()));
        Job::from_point(&point, &registry(), &Places::default())
            .expect_err("not taken")
            .to_string()
    };
    assert_eq!(
        refusal(Axis::Attention, "fused"),
        "axis 'attention' does not apply to model 'bag-of-words'; remove it from [axes] of the plan"
    );
    assert_eq!(
        refusal(Axis::Precision, "bf16"),
        "axis 'precision' has the value 'bf16', model 'bag-of-words' takes: f32, f16"
    );
}
