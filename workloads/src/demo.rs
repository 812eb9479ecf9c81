//! One iteration by hand, timed and printed: no harness, no energy.

use std::path::Path;

use candle_core::Device;
use model::units::{Nanos, Seconds};
use serde::Serialize;

use crate::Error;
use crate::clock::Clock;
use crate::job::Job;
use crate::llama::work::LlamaWork;
use crate::workload::{Observer, Unobserved, Workload};

/// What one iteration did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demonstration {
    /// Name of the model.
    pub model: String,
    /// Where it ran.
    pub device: String,
    /// Where its weights came from.
    pub weights: String,
    /// Time to load the weights, in seconds.
    pub load_s: f64,
    /// Time of the first iteration after loading, kernel compilation included, in seconds.
    pub first_iteration_s: f64,
    /// Phases of the last warm iteration.
    pub phases: Vec<PhaseTime>,
    /// Token ids of each sequence: the one of the prefill, then one for each step.
    pub tokens: Vec<Vec<u32>>,
    /// SHA-256 (hex) of the token ids.
    pub digest: String,
    /// The tokens as text, where the weights folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
}

/// Work and time of one phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    /// Name of the phase.
    pub phase: String,
    /// Tokens read or made.
    pub tokens: u64,
    /// Time of the phase, in seconds.
    pub time_s: f64,
    /// Tokens per second.
    pub tokens_per_s: f64,
}

/// Runs `iterations` warm iterations of a job after the warm-up, and shows the last one.
///
/// # Errors
/// The model cannot be loaded or run.
pub fn run(
    job: &Job,
    folder: Option<&Path>,
    device: &Device,
    iterations: u32,
    clock: Clock,
) -> Result<Demonstration, Error> {
    let started = clock();
    let mut work = LlamaWork::load(job, folder, device)?;
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
    let tokens = work.tokens()?;
    let info = work.info();
    Ok(Demonstration {
        model: job.model.clone(),
        device: info.device,
        weights: info.weights,
        load_s: seconds(started, loaded),
        first_iteration_s: seconds(loaded, warm),
        phases: watch.phases,
        digest: work.outcome()?.digest,
        text: folder
            .map(|path| crate::llama::folder::Folder::open(path)?.decode(&tokens))
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
            tokens: work,
            time_s,
            tokens_per_s: work as f64 / time_s,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::clock;
    use crate::llama::generate::Extent;

    #[test]
    fn a_demonstration_shows_both_phases() {
        let job = Job {
            model: "llama-tiny".into(),
            precision: DType::F32,
            extent: Extent {
                batch: 1,
                prompt_tokens: 4,
                decode_tokens: 3,
            },
            weights_seed: 1,
            input_seed: 2,
            warmup_s: 0.0,
        };
        let shown = run(&job, None, &Device::Cpu, 1, clock::monotonic).expect("runs");
        let phases: Vec<_> = shown
            .phases
            .iter()
            .map(|phase| (phase.phase.as_str(), phase.tokens))
            .collect();
        assert_eq!(phases, [("prefill", 4), ("decode", 3)]);
        assert_eq!(shown.tokens[0].len(), 4);
        assert!(shown.text.is_none());
    }
}
