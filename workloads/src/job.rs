//! One run's worth of work, checked: what is left of a request once every doubt is removed.

pub mod precision;
mod read;
pub mod task;
pub mod word;

use model::axis::{Axis, AxisValue};
use model::point::Point;

use self::precision::Precision;
use self::task::{Drawings, Extent, Pictures, Sequences, Task, Transcripts};
use self::word::{
    Attention, Graph, Head, Implementation, Only, Origin, Quantisation, Sampling, Word,
};
use crate::Error;

/// What to run, with which seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Name of the model, for example `llama-7b`.
    pub model: String,
    /// Number format of weights and activations.
    pub precision: Precision,
    /// Block format of the weights.
    pub quantisation: Quantisation,
    /// Sequences or pictures and their sizes.
    pub task: Task,
    /// The one phase that is repeated; `None`: the whole iteration is.
    pub only: Option<Only>,
    /// How it is computed.
    pub variant: Variant,
    /// Where the weights come from.
    pub origin: Origin,
    /// Seed of the weights.
    pub weights_seed: u64,
    /// Seed of the inputs.
    pub input_seed: u64,
    /// How long to work before the first measured iteration, in seconds.
    pub warmup_s: f64,
}

/// How a job is computed; every choice gives the same outputs up to rounding, but for sampling
/// and the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Composition of the model.
    pub implementation: Implementation,
    /// Attention.
    pub attention: Attention,
    /// Launches.
    pub graph: Graph,
    /// How tokens are picked.
    pub sampling: Sampling,
    /// Head of an encoder.
    pub head: Head,
}

impl Job {
    /// A job in the model's usual variant, by hand: dense seeded weights, no warm-up.
    pub fn plain(model: &str, precision: Precision, task: Task) -> Self {
        Self {
            model: model.to_owned(),
            precision,
            quantisation: Quantisation::Dense,
            task,
            only: None,
            variant: Variant {
                implementation: Implementation::Fast,
                attention: Attention::Fused,
                graph: Graph::On,
                sampling: Sampling::Greedy,
                head: Head::Classification,
            },
            origin: Origin::Seeded,
            weights_seed: 1,
            input_seed: 2,
            warmup_s: 0.0,
        }
    }

    /// Sequences that are continued.
    ///
    /// # Errors
    /// The job is of another kind.
    pub fn extent(&self) -> Result<Extent, Error> {
        match self.task {
            Task::Generate(extent) => Ok(extent),
            _ => Err(self.other_kind("continues no prompt")),
        }
    }

    /// Sequences that are read once.
    ///
    /// # Errors
    /// The job is of another kind.
    pub fn sequences(&self) -> Result<Sequences, Error> {
        match self.task {
            Task::Read(sequences) => Ok(sequences),
            _ => Err(self.other_kind("does more than read")),
        }
    }

    /// Windows of sound that are written down.
    ///
    /// # Errors
    /// The job is of another kind.
    pub fn transcripts(&self) -> Result<Transcripts, Error> {
        match self.task {
            Task::Transcribe(transcripts) => Ok(transcripts),
            _ => Err(self.other_kind("hears no sound")),
        }
    }

    /// Pictures that are looked at.
    ///
    /// # Errors
    /// The job is of another kind.
    pub fn pictures(&self) -> Result<Pictures, Error> {
        match self.task {
            Task::See(pictures) => Ok(pictures),
            _ => Err(self.other_kind("looks at no pictures")),
        }
    }

    /// Pictures that are drawn.
    ///
    /// # Errors
    /// The job is of another kind.
    pub fn drawings(&self) -> Result<Drawings, Error> {
        match self.task {
            Task::Draw(drawings) => Ok(drawings),
            _ => Err(self.other_kind("draws no pictures")),
        }
    }

    fn other_kind(&self, problem: &str) -> Error {
        Error::Request(format!("the job of model '{}' {problem}", self.model))
    }

    /// The axes that decide how much work there is, for the cost model.
    pub fn point(&self) -> Point {
        let word = |axis, word: &str| (axis, AxisValue::Text(word.to_owned()));
        let count = |axis, count: usize| (axis, AxisValue::Integer(count as u64));
        let mut point: Point = [
            word(Axis::Model, &self.model),
            word(Axis::Precision, self.precision.word()),
            count(Axis::Batch, self.task.batch()),
        ]
        .into_iter()
        .collect();
        let mut add = |(axis, value)| point = point.clone().with(axis, value);
        if self.quantisation != Quantisation::Dense {
            add(word(Axis::Quantisation, self.quantisation.word()));
        }
        if let Some(only) = self.only {
            add(word(Axis::Phase, only.word()));
        }
        if self.variant.head != Head::Classification {
            add(word(Axis::Head, self.variant.head.word()));
        }
        match self.task {
            Task::Generate(extent) => {
                add(count(Axis::PromptTokens, extent.prompt_tokens));
                add(count(Axis::DecodeTokens, extent.decode_tokens));
            }
            Task::Read(sequences) => add(count(Axis::PromptTokens, sequences.tokens)),
            Task::Transcribe(transcripts) => {
                add(count(Axis::DecodeTokens, transcripts.decode_tokens));
            }
            Task::See(pictures) => add(count(Axis::ResolutionPx, pictures.resolution_px)),
            Task::Draw(drawings) => {
                add(count(Axis::ResolutionPx, drawings.resolution_px));
                add(count(Axis::Steps, drawings.steps));
                add(word(Axis::Scheduler, drawings.scheduler.word()));
                add((Axis::Guidance, AxisValue::number(drawings.guidance)));
            }
        }
        point
    }
}
