//! What a family of models answers: all that the worker knows of it.
//!
//! A family is one file that implements [`Family`] and one line in
//! [`registry`](crate::registry). It composes a network, wraps it as a [`Workload`], and says
//! before anything is loaded what the model takes and how many bytes it needs.

use candle_core::Device;
use model::cost::error::CostError;
use model::cost::phase::Phase;
use serde::Serialize;

use crate::Error;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{
    Attention, Graph, Head, Implementation, Origin, Quantisation, Sampling, Scheduler,
};
use crate::weights::Weights;
use crate::workload::Workload;

/// Models of one architecture.
pub trait Family: Sync {
    /// Name of the family, for example `llama`.
    fn name(&self) -> &'static str;

    /// Names of its models as the axis `model` has them, the smallest first.
    fn models(&self) -> &'static [&'static str];

    /// What one of [`Family::models`] is and takes. A job is checked against it.
    fn summary(&self, model: &str) -> Summary;

    /// Bytes that a job allocates on its device, all told; compared with what is free before
    /// anything is loaded.
    ///
    /// # Errors
    /// The job's task is not of this family's kind.
    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error>;

    /// Phases of one iteration with their operations and bytes. Models of the vocabulary are
    /// counted in `model::cost`; another one counts itself here.
    ///
    /// # Errors
    /// The job cannot be counted.
    fn cost(&self, job: &Job) -> Result<Vec<Phase>, CostError> {
        model::cost::workload::phases(&job.point())
    }

    /// Loads the model and everything that an iteration needs: nothing may be allocated later.
    ///
    /// # Errors
    /// The weights do not fit the model, the device is out of memory, or the activations are
    /// those of no working model.
    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error>;
}

/// What a model is, without loading it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of parameters.
    pub parameters: u64,
    /// What it does, and so which lengths a plan has to give.
    pub kind: Kind,
    /// Longest sequence, prompt and made tokens together; `None` where there is no end.
    pub context: Option<usize>,
    /// Which values of each axis it takes.
    pub takes: Takes,
    /// Quality metrics of its `done` mark.
    pub quality: &'static [Metric],
}

/// A quality metric: its name in `done` and in tables, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
}

/// Values of the word axes that a model takes, the default first. An empty list means that the
/// axis does not apply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Takes {
    /// Number formats; which of them the device has is another question.
    pub precision: &'static [Precision],
    /// Block formats of the weights.
    pub quantisation: &'static [Quantisation],
    /// Compositions.
    pub implementation: &'static [Implementation],
    /// Ways to compute attention.
    pub attention: &'static [Attention],
    /// Ways to launch kernels.
    pub graph: &'static [Graph],
    /// Ways to pick tokens.
    pub sampling: &'static [Sampling],
    /// Samplers of a diffusion model.
    pub scheduler: &'static [Scheduler],
    /// Heads.
    pub head: &'static [Head],
    /// Origins of weights.
    pub weights: &'static [Origin],
    /// Whether one phase can be repeated alone.
    pub phase: bool,
}

impl Takes {
    /// Dense seeded weights in single precision, nothing else: what a description begins from.
    pub const LEAST: Self = Self {
        precision: &[Precision::F32],
        quantisation: &[Quantisation::Dense],
        implementation: &[],
        attention: &[],
        graph: &[],
        sampling: &[],
        scheduler: &[],
        head: &[],
        weights: &[Origin::Seeded],
        phase: false,
    };
}

/// Bytes that a job allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryNeed {
    /// Weights as they lie on the device.
    pub weights_bytes: u64,
    /// Keys and values.
    pub cache_bytes: u64,
    /// Everything else: activations, logits, work space of kernels.
    pub scratch_bytes: u64,
}

impl MemoryNeed {
    /// All of it.
    pub const fn total_bytes(&self) -> u64 {
        self.weights_bytes
            .saturating_add(self.cache_bytes)
            .saturating_add(self.scratch_bytes)
    }
}
