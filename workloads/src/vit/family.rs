//! Vision transformers as a family of the worker.

use candle_core::Device;

use super::config::Config;
use super::network::Network;
use super::stock::stock;
use crate::Error;
use crate::checkpoint::Spelling;
use crate::convnet::see::{PlainSeer, Stock};
use crate::family::{Family, MemoryNeed, Summary};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::task::Kind;
use crate::job::word::{Attention, Implementation};
use crate::picture::{self, Normalisation};
use crate::seeing::{METRICS, Recorded, Seeing};
use crate::tower::TAKES;
use crate::weights::Weights;
use crate::workload::Workload;

/// The family.
pub static VIT: Vit = Vit;

/// Vision transformers.
#[derive(Clone, Copy, Debug)]
pub struct Vit;

/// Models without a head are saved without the prefix.
const SPELLING: Spelling = Spelling {
    optional_prefix: "vit.",
    old_endings: &[],
};

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

impl Family for Vit {
    fn name(&self) -> &'static str {
        "vit"
    }

    fn models(&self) -> &'static [&'static str] {
        &Config::MODELS
    }

    fn summary(&self, model: &str) -> Summary {
        let config = config(model);
        Summary {
            parameters: config.parameters(),
            kind: Kind::See {
                resolutions: config.resolutions(),
            },
            context: None,
            takes: TAKES,
            quality: &METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        let config = config(&job.model);
        let pictures = job.pictures()?;
        let (batch, edge_px) = (pictures.batch, pictures.resolution_px);
        let element = job.precision.dtype().size_in_bytes() as u64;
        let positions = config.positions(edge_px);
        // All scores of a layer, as products, scaled, and as weights.
        let scores = 3 * (batch * config.tower.heads * positions * positions) as u64;
        let with_scores = job.variant.implementation == Implementation::Reference
            || job.variant.attention == Attention::Naive;
        let scratch = Network::elements(&config, [batch, edge_px]) as u64;
        Ok(MemoryNeed {
            weights_bytes: config.parameters() * element,
            cache_bytes: 0,
            scratch_bytes: (scratch + if with_scores { scores } else { 0 }) * element,
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let named = config(&job.model);
        let config = match weights.folder() {
            None => named,
            Some(folder) => {
                let found = folder.config(Config::from_hugging_face)?;
                match named.difference(&found) {
                    None => found,
                    Some(difference) => return Err(folder.differs(&job.model, &difference)),
                }
            }
        };
        let (task, dtype) = (job.pictures()?, job.precision.dtype());
        let (batch, edge_px) = (task.batch, task.resolution_px);
        let pixels = Normalisation::SYMMETRIC;
        let pictures = picture::batch(job.input_seed, (batch, edge_px), pixels, dtype, device)?;
        let tensors = weights.tensors(&config.tensors(), SPELLING, dtype, device)?;
        match job.variant.implementation {
            Implementation::Fast => {
                let fused = Fused::of(job);
                let network = Network::new(&config, &tensors, fused, pictures)?;
                let seer = Recorded::new(network, fused.graph)?;
                Ok(Box::new(Seeing::new(seer, weights)?))
            }
            Implementation::Reference => {
                let stock = Stock::Module("logits", stock(&config, &tensors, edge_px)?);
                let seer = PlainSeer::new(stock, &pictures)?;
                Ok(Box::new(Seeing::new(seer, weights)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::precision::Precision;
    use crate::job::task::{Pictures, Task};
    use crate::job::word::Word;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::{Outcome, Unobserved};

    fn outcome(job: &Job) -> Outcome {
        let registry = Registry::own();
        let mut work = registry
            .load(job, &Places::default(), &Device::Cpu)
            .expect("loads");
        work.iterate(&mut Unobserved).expect("runs");
        work.outcome().expect("plausible")
    }

    #[test]
    fn every_variant_runs_and_repeats_itself() {
        for resolution_px in [32, 48] {
            for implementation in Implementation::ALL {
                for attention in Attention::ALL {
                    let pictures = Pictures {
                        batch: 2,
                        resolution_px,
                    };
                    let mut job = Job::plain("vit-micro", Precision::F32, Task::See(pictures));
                    job.variant.implementation = *implementation;
                    job.variant.attention = *attention;
                    assert_eq!(outcome(&job).quality["distinct_outputs"], 1.0);
                }
            }
        }
    }

    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let pictures = Pictures {
            batch: 32,
            resolution_px: 224,
        };
        let mut job = Job::plain("vit-large", Precision::Bf16, Task::See(pictures));
        let need = VIT.memory(&job).expect("sees");
        assert_eq!(need.weights_bytes, 2 * 304_326_632);
        // Seven times the stream and once the feed-forward network.
        let rows = 32 * 197 * (7 * 1024 + 4096);
        assert!(need.scratch_bytes > 2 * rows && need.scratch_bytes < 3 * rows);
        job.variant.attention = Attention::Naive;
        assert!(VIT.memory(&job).expect("sees").scratch_bytes > need.scratch_bytes);
    }
}
