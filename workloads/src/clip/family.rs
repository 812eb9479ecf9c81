//! CLIP as a family of the worker.

use candle_core::{DType, Device};

use super::captions::Captions;
use super::config::Config;
use super::network::Network;
use super::see::Reference;
use super::stock::Stock;
use crate::Error;
use crate::checkpoint::Spelling;
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
pub static CLIP: Clip = Clip;

/// Two towers.
#[derive(Clone, Copy, Debug)]
pub struct Clip;

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

impl Family for Clip {
    fn name(&self) -> &'static str {
        "clip"
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
        let batch = job.pictures()?.batch;
        let stock = job.variant.implementation == Implementation::Reference;
        // The stock module computes attention in single precision.
        let dtype = if stock {
            DType::F32
        } else {
            job.precision.dtype()
        };
        // All scores of a layer, as products, scaled, and as weights.
        let of_tower = |heads: usize, length: usize| 3 * batch * heads * length * length;
        let scores = of_tower(config.vision.heads, config.positions())
            .max(of_tower(config.text.heads, config.tokens));
        let with_scores = stock || job.variant.attention == Attention::Naive;
        let scores = if with_scores { scores } else { 0 };
        let element = job.precision.dtype().size_in_bytes();
        let scratch = Network::elements(&config, batch) * element;
        Ok(MemoryNeed {
            weights_bytes: config.parameters() * element as u64,
            cache_bytes: 0,
            scratch_bytes: (scratch + scores * dtype.size_in_bytes()) as u64,
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
        let (batch, dtype) = (job.pictures()?.batch, job.precision.dtype());
        let shape = (batch, config.edge_px);
        let pixels = Normalisation::CLIP;
        let pictures = picture::batch(job.input_seed, shape, pixels, dtype, device)?;
        let captions = Captions::seeded(&config, job.input_seed, batch);
        let tensors = weights.tensors(&config.tensors(), Spelling::EXACT, dtype, device)?;
        match job.variant.implementation {
            Implementation::Fast => {
                let fused = Fused::of(job);
                let network = Network::new(&config, &tensors, fused, pictures, &captions)?;
                let seer = Recorded::new(network, fused.graph)?;
                Ok(Box::new(Seeing::new(seer, weights)?))
            }
            Implementation::Reference => {
                let stock = Stock::new(&config, &tensors, &pictures, &captions)?;
                Ok(Box::new(Seeing::new(Reference::new(stock), weights)?))
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
    use crate::workload::Unobserved;

    #[test]
    fn every_variant_runs_and_repeats_itself() {
        for implementation in Implementation::ALL {
            for attention in Attention::ALL {
                let pictures = Pictures {
                    batch: 2,
                    resolution_px: 32,
                };
                let mut job = Job::plain("clip-micro", Precision::F32, Task::See(pictures));
                job.variant.implementation = *implementation;
                job.variant.attention = *attention;
                let mut work = Registry::own()
                    .load(&job, &Places::default(), &Device::Cpu)
                    .expect("loads");
                work.iterate(&mut Unobserved).expect("runs");
                let outcome = work.outcome().expect("plausible");
                assert_eq!(outcome.quality["distinct_outputs"], 1.0);
                assert_eq!(work.info().unit, "pair");
            }
        }
    }

    #[test]
    fn memory_is_counted_before_anything_is_allocated() {
        let pictures = Pictures {
            batch: 8,
            resolution_px: 224,
        };
        let mut job = Job::plain("clip-vit-l-14", Precision::Bf16, Task::See(pictures));
        let need = CLIP.memory(&job).expect("sees");
        assert_eq!(need.weights_bytes, 2 * 427_616_513);
        let rows = 8 * 257 * (7 * 1024 + 4096) + 8 * 77 * (7 * 768 + 3072);
        assert!(need.scratch_bytes > 2 * rows && need.scratch_bytes < 3 * rows);
        job.variant.implementation = Implementation::Reference;
        assert!(CLIP.memory(&job).expect("sees").scratch_bytes > need.scratch_bytes);
    }
}
