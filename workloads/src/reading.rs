//! Models that read a batch once and score it, as a workload: BERT, `RoBERTa`, LSTM.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Device;
use model::mark::WorkerInfo;

use crate::Error;
use crate::family::Metric;
use crate::outputs;
use crate::weights::Weights;
use crate::workload::{Observer, Outcome, Workload, info};

/// The one phase.
pub const INFER: &str = "infer";

/// The metric that every reader has; a family adds its own to it in its summary.
pub const METRICS: [Metric; 1] = [Metric {
    name: "distinct_outputs",
    meaning: "how many different outputs the iterations gave; 1 where the engine repeats itself",
}];

/// A network with a batch on its device, and the room to read it again and again. Nothing is
/// allocated after it was made.
pub trait Reader {
    /// Where it computes.
    fn device(&self) -> &Device;

    /// Sequences of the batch: the work of a pass.
    fn batch(&self) -> usize;

    /// Reads the batch.
    ///
    /// # Errors
    /// The device failed.
    fn infer(&mut self) -> candle_core::Result<()>;

    /// What the last pass has put out, on the host.
    ///
    /// # Errors
    /// The device failed.
    fn scores(&self) -> candle_core::Result<Scores>;

    /// Metrics of the outputs of the last pass, by name.
    ///
    /// # Errors
    /// The outputs do not fit what is known of the batch.
    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error>;
}

/// Outputs of a pass: a row for each sequence, or for each token to be guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Class or token with the largest score.
    pub choices: Vec<u32>,
    /// All scores.
    pub logits: Vec<Vec<f32>>,
}

/// Reading as a workload.
pub struct Reading<R> {
    reader: R,
    info: WorkerInfo,
    last: Option<Scores>,
    digests: BTreeSet<String>,
}

impl<R: Reader> Reading<R> {
    /// The workload of a reader.
    ///
    /// # Errors
    /// The scores of a first pass are those of no working model.
    pub fn new(mut reader: R, weights: &Weights) -> Result<Self, Error> {
        reader.infer()?;
        outputs::check_finite(&reader.scores()?.logits)?;
        Ok(Self {
            info: info(reader.device(), weights, INFER, "request"),
            reader,
            last: None,
            digests: BTreeSet::new(),
        })
    }
}

/// SHA-256 of the choices, and of the scores in the order of the rows as they were computed.
fn digest(scores: &Scores) -> String {
    outputs::digest_of_scores(&scores.choices, &scores.logits)
}

impl<R: Reader> Workload for Reading<R> {
    fn info(&self) -> WorkerInfo {
        self.info.clone()
    }

    fn warmup_iterations(&self) -> u32 {
        if self.reader.device().is_cpu() { 2 } else { 3 }
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        self.reader.device().synchronize()?;
        observer.begin(INFER)?;
        self.reader.infer()?;
        self.reader.device().synchronize()?;
        observer.end(INFER, self.reader.batch() as u64)?;
        let scores = self.reader.scores()?;
        self.digests.insert(digest(&scores));
        self.last = Some(scores);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "digests are far fewer than 2^53"
    )]
    fn outcome(&self) -> Result<Outcome, Error> {
        let Some(scores) = &self.last else {
            return Ok(Outcome::nothing());
        };
        let mut quality = self.reader.quality(scores)?;
        quality.insert("distinct_outputs".into(), self.digests.len() as f64);
        Ok(Outcome {
            digest: digest(scores),
            quality,
        })
    }
}
