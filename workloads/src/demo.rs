//! One iteration by hand, timed and printed: no harness, no energy.

use std::collections::BTreeMap;

use candle_core::Device;
use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::units::{Nanos, Seconds};
use serde::Serialize;

use crate::Error;
use crate::checkpoint::Folder;
use crate::clock::Clock;
use crate::family::Summary;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Origin, Word};
use crate::registry::Registry;
use crate::weights::Places;
use crate::workload::{Observer, Unobserved};

/// What one iteration did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demonstration {
    /// Name of the model.
    pub model: String,
    /// Where it ran.
    pub device: String,
    /// Where its weights came from.
    pub weights: String,
    /// What tells these weights from others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_id: Option<String>,
    /// Time to load the weights, in seconds.
    pub load_s: f64,
    /// Time of the first iteration after loading, kernel compilation included, in seconds.
    pub first_iteration_s: f64,
    /// Phases of the last warm iteration.
    pub phases: Vec<PhaseTime>,
    /// Token ids of each sequence: the one of the prefill, then one for each step. Empty for
    /// models that make none.
    pub tokens: Vec<Vec<u32>>,
    /// SHA-256 (hex) of the outputs.
    pub digest: String,
    /// Quality metrics of the outputs.
    pub quality: BTreeMap<String, f64>,
    /// The tokens as text, where the weights folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
}

/// Work and time of one phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    /// Name of the phase.
    pub phase: String,
    /// Units of work done: tokens, requests or images.
    pub work: u64,
    /// Time of the phase, in seconds.
    pub time_s: f64,
    /// Work per second.
    pub work_per_s: f64,
}

/// The point of a demonstration: small, in a precision that the device multiplies well, but for
/// what is wanted.
pub fn point(model: &str, summary: &Summary, device: &Device, wanted: &Point) -> Point {
    let usual = if device.is_cpu() {
        Precision::F32
    } else {
        Precision::Bf16
    };
    let text = |axis, word: &str| (axis, AxisValue::Text(word.to_owned()));
    let count = |axis, count| (axis, AxisValue::Integer(count));
    let lengths = match summary.kind {
        Kind::Generate => vec![count(Axis::PromptTokens, 16), count(Axis::DecodeTokens, 8)],
        Kind::Read { .. } => vec![count(Axis::PromptTokens, 16)],
        Kind::Transcribe => vec![count(Axis::DecodeTokens, 8)],
        Kind::See { .. } => vec![],
        Kind::Draw { .. } => vec![count(Axis::Steps, 4)],
    };
    [
        text(Axis::Model, model),
        text(Axis::Precision, usual.word()),
        count(Axis::Batch, 1),
    ]
    .into_iter()
    .chain(lengths)
    .chain(wanted.iter().map(|(axis, value)| (axis, value.clone())))
    .collect()
}

/// Runs `iterations` warm iterations of a job after the warm-up, and shows the last one.
///
/// # Errors
/// The model cannot be loaded or run.
pub fn run(
    job: &Job,
    registry: &Registry,
    places: &Places,
    device: &Device,
    iterations: u32,
    clock: Clock,
) -> Result<Demonstration, Error> {
    let started = clock();
    let mut work = registry.load(job, places, device)?;
    let loaded = clock();
    work.iterate(&mut Unobserved)?;
    let warm = clock();
    for _ in 1..work.warmup_iterations() {
        work.iterate(&mut Unobserved)?;
    }
    let mut watch = Stopwatch {
        clock,
        begun: clock(),
        phases: Vec::new(),
    };
    for _ in 0..iterations.max(1) {
        watch.phases.clear();
        work.iterate(&mut watch)?;
    }
    let tokens = work.tokens().unwrap_or_default().to_vec();
    let outcome = work.outcome()?;
    let folder = places.file.as_ref().filter(|_| job.origin == Origin::File);
    let info = work.info();
    Ok(Demonstration {
        model: job.model.clone(),
        device: info.device,
        weights: info.weights,
        weights_id: info.weights_id,
        load_s: seconds(started, loaded),
        first_iteration_s: seconds(loaded, warm),
        phases: watch.phases,
        digest: outcome.digest,
        quality: outcome.quality,
        text: folder
            .map(|path| Folder::new(path).decode(&tokens))
            .transpose()?
            .flatten(),
        tokens,
    })
}

fn seconds(from: Nanos, to: Nanos) -> f64 {
    Seconds::from(to.saturating_sub(from)).get()
}

/// Times phases.
struct Stopwatch {
    clock: Clock,
    begun: Nanos,
    phases: Vec<PhaseTime>,
}

impl Observer for Stopwatch {
    fn begin(&mut self, _phase: &str) -> Result<(), Error> {
        self.begun = (self.clock)();
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of tokens is far below 2^53"
    )]
    fn end(&mut self, phase: &str, work: u64) -> Result<(), Error> {
        let time_s = seconds(self.begun, (self.clock)());
        self.phases.push(PhaseTime {
            phase: phase.to_owned(),
            work,
            time_s,
            work_per_s: work as f64 / time_s,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::job::task::{Extent, Task};

    #[test]
    fn a_demonstration_shows_both_phases() {
        let extent = Extent {
            batch: 1,
            prompt_tokens: 4,
            decode_tokens: 3,
        };
        let job = Job::plain("llama-tiny", Precision::F32, Task::Generate(extent));
        let (registry, places) = (Registry::own(), Places::default());
        let shown = run(&job, &registry, &places, &Device::Cpu, 1, clock::monotonic).expect("runs");
        let phases: Vec<_> = shown
            .phases
            .iter()
            .map(|phase| (phase.phase.as_str(), phase.work))
            .collect();
        assert_eq!(phases, [("prefill", 4), ("decode", 3)]);
        assert_eq!(shown.tokens[0].len(), 4);
        assert!(shown.text.is_none());
    }
}
