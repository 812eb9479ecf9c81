//! Greedy or sampled generation as a workload: phases, digest, quality; for every model that makes
//! tokens one after another.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Device;
use model::mark::WorkerInfo;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::Error;
use crate::family::Metric;
use crate::job::Job;
use crate::job::word::Only;
use crate::outputs;
use crate::quality::{self, Known};
use crate::weights::Weights;
use crate::workload::{Observer, Outcome, Workload, info};

/// Phase that reads the prompt.
pub const PREFILL: &str = "prefill";
/// Phase that makes tokens.
pub const DECODE: &str = "decode";

/// Metrics that every generation has; a family adds its own to these in its summary.
pub const METRICS: [Metric; 2] = [
    Metric {
        name: "distinct_outputs",
        meaning: "how many different outputs the iterations gave; 1 where the engine repeats itself",
    },
    Metric {
        name: "last_token_logprob",
        meaning: "mean over the batch of ln p of the most likely last token",
    },
];

/// Those of models that can be asked for the likelihood of their prompts.
pub const TEXT_METRICS: [Metric; 6] = {
    let [a, b] = METRICS;
    let [c, d, e, f] = quality::SEQUENCE_METRICS;
    [a, b, c, d, e, f]
};

/// Those of models that write down what they hear.
pub const TRANSCRIPT_METRICS: [Metric; 9] = {
    let [a, b] = METRICS;
    let [c, d, _, _] = quality::SEQUENCE_METRICS;
    let [e, f, g, h, i] = quality::TRANSCRIPT_METRICS;
    [a, b, c, d, e, f, g, h, i]
};

/// Token ids, uniform over a vocabulary: a prompt that nobody wrote.
///
/// # Panics
/// Never for a vocabulary whose ids fit 32 bits, as those of all models do.
pub fn seeded_tokens(seed: u64, vocabulary: usize, count: usize) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let vocabulary = u64::try_from(vocabulary).expect("a vocabulary fits the address space");
    (0..count)
        // The bias of the remainder is below 2^-32 for any vocabulary.
        .map(|_| u32::try_from(rng.next_u64() % vocabulary).expect("token ids are 32-bit"))
        .collect()
}

/// A network with an input and the room to continue it, again and again. Nothing is allocated
/// after it was made; tokens stay on the device until they are asked for.
pub trait Generator {
    /// Where it computes.
    fn device(&self) -> &Device;

    /// Name of the phase that [`Generator::prefill`] is, and the work that is done in it.
    fn first_phase(&self) -> (&'static str, u64);

    /// Tokens that [`Generator::decode`] makes, over all sequences.
    fn decoded(&self) -> u64;

    /// Reads the input from the start and picks the first token, whatever was done before.
    ///
    /// # Errors
    /// The device failed.
    fn prefill(&mut self) -> candle_core::Result<()>;

    /// Takes all steps that follow the prefill.
    ///
    /// # Errors
    /// The device failed.
    fn decode(&mut self) -> candle_core::Result<()>;

    /// Goes back to where the prefill ended, so that the steps can be taken again.
    ///
    /// # Errors
    /// The device failed.
    fn rewind(&mut self) -> candle_core::Result<()>;

    /// Token ids of each sequence made so far: the one of the prefill, then one for each step.
    ///
    /// # Errors
    /// The device failed.
    fn tokens(&self) -> candle_core::Result<Vec<Vec<u32>>>;

    /// Logits that the last token of each sequence was picked from, as f32 on the host.
    ///
    /// # Errors
    /// The device failed.
    fn last_logits(&self) -> candle_core::Result<Vec<Vec<f32>>>;

    /// ln p of each token of each prompt but the first, given those before it: a pass through the
    /// same network, after the measured ones. It may overwrite what steps work on, so an iteration
    /// begins with a prefill after it. `None` where the composition gives no such logits.
    ///
    /// # Errors
    /// The device failed.
    fn score_prompts(&self) -> candle_core::Result<Option<Vec<Vec<f64>>>> {
        Ok(None)
    }

    /// More metrics of the outputs of the last iteration, by name.
    ///
    /// # Errors
    /// The device failed.
    fn quality(&self) -> Result<BTreeMap<String, f64>, Error> {
        Ok(BTreeMap::new())
    }
}

/// Generation as a workload.
pub struct Generation<G> {
    generator: G,
    only: Option<Only>,
    info: WorkerInfo,
    /// Tokens of the last finished iteration.
    last: Option<Vec<Vec<u32>>>,
    /// Digests of the outputs of all iterations: one, where the engine is deterministic.
    digests: BTreeSet<String>,
    /// Where the inputs mean something: what is known of them.
    known: Option<Known>,
}

impl<G: Generator> Generation<G> {
    /// The workload of a job.
    ///
    /// # Errors
    /// The logits of the first prefill are those of no working model.
    pub fn new(mut generator: G, job: &Job, weights: &Weights) -> Result<Self, Error> {
        generator.prefill()?;
        outputs::check_logits(&generator.last_logits()?)?;
        let (first, _) = generator.first_phase();
        let output_phase = match job.only {
            Some(Only::Prefill) => first,
            Some(Only::Decode) | None => DECODE,
        };
        let info = info(generator.device(), weights, output_phase, "token");
        Ok(Self {
            generator,
            only: job.only,
            info,
            last: None,
            digests: BTreeSet::new(),
            known: None,
        })
    }

    /// With inputs of which something is known.
    #[must_use]
    pub fn with_known(self, known: Option<Known>) -> Self {
        Self { known, ..self }
    }
}

impl<G: Generator> Workload for Generation<G> {
    fn info(&self) -> WorkerInfo {
        self.info.clone()
    }

    fn warmup_iterations(&self) -> u32 {
        // On a GPU the first compiles kernels, the second fills the memory pool, the third runs.
        if self.generator.device().is_cpu() {
            2
        } else {
            3
        }
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let generator = &mut self.generator;
        let (first, read) = generator.first_phase();
        if self.only == Some(Only::Decode) {
            generator.rewind()?;
            generator.device().synchronize()?;
        } else {
            generator.device().synchronize()?;
            observer.begin(first)?;
            generator.prefill()?;
            generator.device().synchronize()?;
            observer.end(first, read)?;
        }
        if self.only != Some(Only::Prefill) {
            observer.begin(DECODE)?;
            generator.decode()?;
            generator.device().synchronize()?;
            observer.end(DECODE, generator.decoded())?;
        }
        let tokens = generator.tokens()?;
        self.digests.insert(outputs::digest(&tokens));
        self.last = Some(tokens);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "digests are far fewer than 2^53"
    )]
    fn outcome(&self) -> Result<Outcome, Error> {
        let Some(tokens) = &self.last else {
            return Ok(Outcome::nothing());
        };
        let logits = self.generator.last_logits()?;
        let mut quality = self.generator.quality()?;
        quality.insert("distinct_outputs".into(), self.digests.len() as f64);
        quality.insert(
            "last_token_logprob".into(),
            outputs::mean_greedy_logprob(&logits),
        );
        if let Some(known) = &self.known {
            quality.extend(known.agreement(tokens));
            quality.extend(known.accuracy(tokens));
            if let Some(logprobs) = self.generator.score_prompts()? {
                quality.extend(Known::perplexity(&logprobs));
            }
        }
        Ok(Outcome {
            digest: outputs::digest(tokens),
            quality,
        })
    }

    fn tokens(&self) -> Option<&[Vec<u32>]> {
        self.last.as_deref()
    }
}
