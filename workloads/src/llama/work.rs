//! The language model as a workload: phases, digest, quality.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use model::mark::WorkerInfo;
use ops::linear::Math;
use sha2::{Digest, Sha256};

use super::config::Config;
use super::folder::Folder;
use super::generate::{Generator, Options, seeded_prompt};
use super::network::Network;
use crate::job::Job;
use crate::seeded::SeededWeights;
use crate::workload::{Observer, Outcome, Workload};
use crate::{Error, device};

/// Phase that reads the prompt.
pub const PREFILL: &str = "prefill";
/// Phase that makes tokens.
pub const DECODE: &str = "decode";

/// Logits of a network of this kind have a standard deviation near one, trained or not.
const LOGIT_STD_RANGE: (f64, f64) = (0.05, 50.0);

/// Where the weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WeightsOrigin {
    Seeded,
    File,
}

/// Greedy generation as a workload.
pub struct LlamaWork {
    generator: Generator,
    origin: WeightsOrigin,
    /// Whether an iteration has finished.
    finished: bool,
    /// Digests of the outputs of all iterations: one, where the engine is deterministic.
    digests: BTreeSet<String>,
}

impl LlamaWork {
    /// Loads the model of a job onto a device and checks that it computes sensibly. The weights
    /// come from `folder` where one is given, otherwise from the job's seed.
    ///
    /// # Errors
    /// The job does not fit the model or the device, the folder is damaged or holds another
    /// model, or the activations are those of no working model.
    pub fn load(job: &Job, folder: Option<&Path>, device: &Device) -> Result<Self, Error> {
        let Some(config) = Config::named(&job.model) else {
            return Err(Error::Request(format!(
                "axis 'model' has the value '{}', this worker supports: {}",
                job.model,
                Config::NAMES.join(", ")
            )));
        };
        check_length(job, &config)?;
        device::check_precision(device, job.precision)?;
        let (network, origin) = match folder {
            Some(path) => {
                let folder = Folder::open(path)?;
                folder.expect(&job.model, &config)?;
                (folder.load(job.precision, device)?, WeightsOrigin::File)
            }
            None => (
                seeded(&config, job.weights_seed, job.precision, device)?,
                WeightsOrigin::Seeded,
            ),
        };
        let prompt = seeded_prompt(job.input_seed, config.vocab_size, job.extent);
        Self::with_prompt(network, origin, job, prompt)
    }

    fn with_prompt(
        network: Network,
        origin: WeightsOrigin,
        job: &Job,
        prompt: Vec<u32>,
    ) -> Result<Self, Error> {
        let generator = Generator::new(network, job.extent, prompt, Options::default())?;
        generator.prefill()?;
        check_logits(&generator.last_logits()?)?;
        Ok(Self {
            generator,
            origin,
            finished: false,
            digests: BTreeSet::new(),
        })
    }

    /// Token ids of the last iteration, sequence by sequence; empty before the first.
    ///
    /// # Errors
    /// The device failed.
    pub fn tokens(&self) -> Result<Vec<Vec<u32>>, Error> {
        if self.finished {
            Ok(self.generator.tokens()?)
        } else {
            Ok(Vec::new())
        }
    }
}

impl Workload for LlamaWork {
    fn info(&self) -> WorkerInfo {
        let network = self.generator.network();
        WorkerInfo {
            name: concat!("joulebench-worker ", env!("CARGO_PKG_VERSION")).into(),
            engine: "candle 0.11.1".into(),
            device: device::name(network.device()).into(),
            weights: match self.origin {
                WeightsOrigin::Seeded => "seeded",
                WeightsOrigin::File => "file",
            }
            .into(),
            output_phase: DECODE.into(),
            unit: "token".into(),
        }
    }

    fn warmup_iterations(&self) -> u32 {
        // On a GPU the first compiles kernels, the second fills the memory pool, the third runs.
        if self.generator.network().device().is_cpu() {
            2
        } else {
            3
        }
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let generator = &self.generator;
        let extent = generator.extent();
        let work = |tokens: usize| (extent.batch * tokens) as u64;

        generator.synchronise()?;
        observer.begin(PREFILL)?;
        generator.prefill()?;
        generator.synchronise()?;
        observer.end(PREFILL, work(extent.prompt_tokens))?;

        observer.begin(DECODE)?;
        generator.decode()?;
        generator.synchronise()?;
        observer.end(DECODE, work(extent.decode_tokens))?;

        self.digests.insert(digest(&generator.tokens()?));
        self.finished = true;
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "digests are far fewer than 2^53"
    )]
    fn outcome(&self) -> Result<Outcome, Error> {
        if !self.finished {
            return Ok(Outcome {
                digest: digest(&[]),
                quality: BTreeMap::new(),
            });
        }
        let quality = [
            ("distinct_outputs", self.digests.len() as f64),
            (
                "last_token_logprob",
                mean_greedy_logprob(&self.generator.last_logits()?),
            ),
        ];
        Ok(Outcome {
            digest: digest(&self.generator.tokens()?),
            quality: quality.map(|(name, value)| (name.to_owned(), value)).into(),
        })
    }
}

/// A network with weights from a seed.
///
/// # Errors
/// The device is out of memory.
pub fn seeded(config: &Config, seed: u64, dtype: DType, device: &Device) -> Result<Network, Error> {
    let weights = SeededWeights::new(seed, config.parameters());
    let network = Network::load(
        config,
        Math::Default,
        &VarBuilder::from_backend(Box::new(weights), dtype, device.clone()),
    )?;
    Ok(network)
}

fn check_length(job: &Job, config: &Config) -> Result<(), Error> {
    let positions = job.extent.positions();
    if positions > config.max_position_embeddings {
        return Err(Error::Request(format!(
            "prompt_tokens {} and decode_tokens {} make {positions} positions, '{}' has {}",
            job.extent.prompt_tokens,
            job.extent.decode_tokens,
            job.model,
            config.max_position_embeddings
        )));
    }
    Ok(())
}

/// Refuses logits that no working model has.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count of logits is far below 2^53"
)]
fn check_logits(logits: &[Vec<f32>]) -> Result<(), Error> {
    let (low, high) = LOGIT_STD_RANGE;
    let degenerate = |found: String| Error::Degenerate { found, low, high };
    let values: Vec<f64> = logits
        .iter()
        .flatten()
        .map(|value| f64::from(*value))
        .collect();
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(degenerate(format!("{value} somewhere")));
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let std = (values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count)
        .sqrt();
    // Written so that the NaN of an empty list is refused too.
    if !(low..=high).contains(&std) {
        return Err(degenerate(format!("of standard deviation {std:.3e}")));
    }
    Ok(())
}

/// Mean over the sequences of ln p of the most likely token.
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53")]
fn mean_greedy_logprob(logits: &[Vec<f32>]) -> f64 {
    let of_row = |row: &Vec<f32>| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        -row.iter()
            .map(|value| f64::from(value - largest).exp())
            .sum::<f64>()
            .ln()
    };
    logits.iter().map(of_row).sum::<f64>() / logits.len() as f64
}

/// SHA-256 (hex) of the ids as little-endian 32-bit words, sequence after sequence.
fn digest(tokens: &[Vec<u32>]) -> String {
    let mut hash = Sha256::new();
    for token in tokens.iter().flatten() {
        hash.update(token.to_le_bytes());
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama::generate::Extent;
    use crate::workload::Unobserved;

    fn job() -> Job {
        Job {
            model: "llama-tiny".into(),
            precision: DType::F32,
            extent: Extent {
                batch: 2,
                prompt_tokens: 16,
                decode_tokens: 8,
            },
            weights_seed: 1,
            input_seed: 2,
            warmup_s: 0.0,
        }
    }

    #[test]
    fn iterations_repeat_and_say_so() {
        let mut work = LlamaWork::load(&job(), None, &Device::Cpu).expect("loads");
        for _ in 0..3 {
            work.iterate(&mut Unobserved).expect("runs");
        }
        let outcome = work.outcome().expect("on the CPU");
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        let logprob = outcome.quality["last_token_logprob"];
        assert!((-(512f64.ln())..0.0).contains(&logprob), "{logprob}");
        assert_eq!(outcome.digest.len(), 64);
        let tokens = work.tokens().expect("on the CPU");
        assert_eq!(tokens.iter().map(Vec::len).collect::<Vec<_>>(), [9, 9]);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_loading() {
        let refusal = |change: fn(&mut Job)| {
            let mut job = job();
            change(&mut job);
            LlamaWork::load(&job, None, &Device::Cpu)
                .err()
                .expect("does not fit")
                .to_string()
        };
        assert!(refusal(|job| job.model = "llama-9t".into()).contains("llama-tiny, llama-7b"));
        assert!(refusal(|job| job.extent.prompt_tokens = 5000).contains("5008 positions"));
        assert!(refusal(|job| job.precision = DType::BF16).contains("CPU supports f32 and f16"));
    }

    #[test]
    fn degenerate_logits_are_refused() {
        check_logits(&[vec![1.0, -1.0, 0.5]]).expect("sane");
        for bad in [
            vec![0.0; 9],
            vec![f32::NAN, 1.0],
            vec![1.0, f32::INFINITY],
            vec![1e4, -1e4],
            vec![],
        ] {
            let message = check_logits(std::slice::from_ref(&bad))
                .expect_err("degenerate")
                .to_string();
            assert!(
                message.contains("logits of the first prefill"),
                "{bad:?}: {message}"
            );
        }
    }

    #[test]
    fn the_logprob_of_a_fair_coin_is_minus_ln_2() {
        let logprob = mean_greedy_logprob(&[vec![3.0, 3.0], vec![0.0, 0.0]]);
        assert!(
            (logprob + std::f64::consts::LN_2).abs() < 1e-12,
            "{logprob}"
        );
    }
}
