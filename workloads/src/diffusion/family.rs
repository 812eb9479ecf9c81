//! Latent diffusion as a family of the worker.

use candle_core::Device;
use model::resolution::Resolutions;

use super::config::{Config, EDGE_STEP_PX};
use super::draw::{Drawer, Order};
use super::drawing::{self, Drawing};
use super::networks::Networks;
use super::schedule::Schedule;
use crate::Error;
use crate::family::{Family, MemoryNeed, Summary, Takes};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Attention, Graph, Implementation, Origin, Scheduler, Word};
use crate::weights::Weights;
use crate::workload::Workload;

/// Stable Diffusion, SDXL, and a small one.
#[derive(Clone, Copy, Debug)]
pub struct StableDiffusion;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: &[Implementation::Fast],
    attention: &[Attention::Fused],
    graph: Graph::ALL,
    scheduler: Scheduler::ALL,
    weights: &[Origin::Seeded, Origin::File],
    ..Takes::LEAST
};

impl Family for StableDiffusion {
    fn name(&self) -> &'static str {
        "stable-diffusion"
    }

    fn models(&self) -> &'static [&'static str] {
        &Config::NAMES
    }

    fn summary(&self, model: &str) -> Summary {
        let config = config(model);
        Summary {
            parameters: config.parameters(),
            kind: Kind::Draw {
                resolutions: Resolutions::multiples(config.native_px, EDGE_STEP_PX),
                most_steps: config.training().levels() as u64,
                guidance: config.guidance,
            },
            context: None,
            takes: TAKES,
            quality: &drawing::METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        let (config, order) = (config(&job.model), order(job)?);
        let dtype = job.precision.dtype();
        Ok(MemoryNeed {
            weights_bytes: config.parameters() * dtype.size_in_bytes() as u64,
            cache_bytes: 0,
            scratch_bytes: order.scratch_bytes(&config, dtype),
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let (config, order) = (config(&job.model), order(job)?);
        let dtype = job.precision.dtype();
        let networks = Networks::load(&config, weights, dtype, device)?;
        let drawer = Drawer::new(&config, &networks, Fused::of(job), &order)?;
        Ok(Box::new(Drawing::new(drawer, weights)?))
    }
}

fn config(model: &str) -> Config {
    Config::named(model).expect("the registry asks for models of this family only")
}

/// What a job asks for.
fn order(job: &Job) -> Result<Order, Error> {
    let (config, drawings) = (config(&job.model), job.drawings()?);
    let (training, steps) = (config.training(), drawings.steps);
    let (prediction, spacing) = (config.prediction, config.spacing);
    let schedule = Schedule::new(drawings.scheduler, &training, prediction, spacing, steps)
        .map_err(|error| Error::Request(error.to_string()))?;
    Ok(Order {
        batch: drawings.batch,
        edge_px: drawings.resolution_px,
        schedule,
        guidance: drawings.guidance.get(),
        seed: job.input_seed,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use candle_core::{DType, Shape, Tensor};
    use candle_nn::var_builder::SimpleBackend;
    use candle_nn::{Init, VarBuilder};
    use model::decimal::Decimal;

    use super::*;
    use crate::checkpoint::parameters;
    use crate::diffusion::autoencoder::DecoderWeights;
    use crate::diffusion::denoiser::DenoiserWeights;
    use crate::diffusion::text::TextWeights;
    use crate::job::task::{Drawings, Task};
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::Observer;

    fn job(scheduler: Scheduler, steps: usize, precision: Precision) -> Job {
        let drawings = Drawings {
            batch: 2,
            resolution_px: 64,
            steps,
            scheduler,
            guidance: Decimal::thousandths(7_500),
        };
        Job::plain("diffusion-tiny", precision, Task::Draw(drawings))
    }

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Observer for Log {
        fn begin(&mut self, phase: &str) -> Result<(), Error> {
            self.0.push(phase.to_owned());
            Ok(())
        }

        fn end(&mut self, phase: &str, work: u64) -> Result<(), Error> {
            self.0.push(format!("{phase} {work}"));
            Ok(())
        }
    }

    #[test]
    fn phases_are_marked_with_their_work_and_repeat() {
        let job = job(Scheduler::UniPc, 3, Precision::F32);
        let registry = Registry::own();
        let mut work = registry
            .load(&job, &Places::default(), &Device::Cpu)
            .expect("runs");
        let mut log = Log::default();
        work.iterate(&mut log).expect("runs");
        let marks = [
            "text_encode",
            "text_encode 2",
            "denoise",
            "denoise 6",
            "vae_decode",
            "vae_decode 2",
        ];
        assert_eq!(log.0, marks);
        let outcome = work.outcome().expect("pictures");
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        // Phases, units and work are those that are counted.
        let counted = StableDiffusion.cost(&job).expect("counted");
        let counted: Vec<String> = counted
            .iter()
            .map(|phase| format!("{} {}", phase.name, phase.units))
            .collect();
        assert_eq!(counted, [marks[1], marks[3], marks[5]]);
    }

    /// The counts of the vocabulary and the shapes of the worker are those of the same networks.
    #[test]
    fn counted_parameters_are_those_that_are_loaded() {
        for name in Config::NAMES {
            let mut job = job(Scheduler::Ddim, 4, Precision::Bf16);
            job.model = name.into();
            let counted = StableDiffusion.cost(&job).expect("counted");
            let counted: Vec<u64> = counted.iter().map(|phase| phase.parameters).collect();
            let config = Config::named(name).expect("known");
            let text = config.text.iter().map(|text| parameters(&text.tensors()));
            let denoiser = parameters(&config.denoiser.tensors());
            let decoder = parameters(&config.decoder.tensors());
            assert_eq!(counted, [text.sum(), denoiser, decoder], "{name}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let job = job(Scheduler::UniPc, 1000, Precision::F32);
        let message = StableDiffusion
            .memory(&job)
            .expect_err("refused")
            .to_string();
        assert!(message.contains("choose 1 to 999 steps"), "{message}");
    }

    /// A folder in diffusers' layout gives what the same tensors give from a seed.
    #[test]
    fn a_folder_of_networks_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut job = job(Scheduler::Ddim, 2, Precision::F32);
        let outcome = |job: &Job| {
            let places = Places {
                file: Some(folder.path().to_owned()),
                ..Places::default()
            };
            let mut work = Registry::own().load(job, &places, &Device::Cpu)?;
            work.iterate(&mut Log::default())?;
            work.outcome().map(|outcome| outcome.digest)
        };
        let expected = outcome(&job).expect("seeded");
        job.origin = Origin::File;
        let message = outcome(&job).expect_err("empty").to_string();
        assert!(message.contains("has neither"), "{message}");

        let config = Config::TINY;
        let all = crate::checkpoint::seeded(1, config.parameters(), DType::F32, &Device::Cpu);
        let save = |name: &str, file: &str, tensors: Vec<(String, Vec<usize>)>| {
            let below = Recorded::default();
            let weights = VarBuilder::from_backend(
                Box::new(Recording(all.pp(name), below.clone())),
                DType::F32,
                Device::Cpu,
            );
            match name {
                "unet" => drop(DenoiserWeights::load(&config.denoiser, &weights)),
                "vae" => drop(DecoderWeights::load(&config.decoder, &weights)),
                _ => drop(TextWeights::load(&config.text[0], &weights)),
            }
            let found = below.lock().expect("no thread died");
            assert_eq!(found.len(), tensors.len());
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
            let path = folder.path().join(name).join(file);
            candle_core::safetensors::save(&found, path).expect("saved");
        };
        save(
            "text_encoder",
            "model.safetensors",
            config.text[0].tensors(),
        );
        let usual = "diffusion_pytorch_model.safetensors";
        save("unet", usual, config.denoiser.tensors());
        std::fs::write(folder.path().join("model_index.json"), "{}").expect("written");
        let message = outcome(&job).expect_err("no decoder").to_string();
        assert!(message.contains("vae: has none of"), "{message}");
        save("vae", usual, config.decoder.tensors());
        assert_eq!(outcome(&job).expect("complete"), expected);
    }

    type Recorded = Arc<Mutex<HashMap<String, Tensor>>>;

    /// Keeps what is asked for.
    struct Recording(VarBuilder<'static>, Recorded);

    impl SimpleBackend for Recording {
        fn get(
            &self,
            s: Shape,
            name: &str,
            init: Init,
            _: DType,
            _: &Device,
        ) -> candle_core::Result<Tensor> {
            let tensor = self.0.get_with_hints(s, name, init)?;
            let mut kept = self.1.lock().expect("no thread died");
            kept.insert(name.to_owned(), tensor.clone());
            Ok(tensor)
        }

        fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
            candle_core::bail!("{name} without a shape")
        }

        fn contains_tensor(&self, _: &str) -> bool {
            true
        }
    }

    /// Before anything is allocated; the large ones against what is known of them.
    #[test]
    fn memory_grows_with_the_picture() {
        let mut job = job(Scheduler::Ddim, 50, Precision::Bf16);
        job.model = "stable-diffusion-1.5".into();
        let mut need = |resolution_px| {
            let Task::Draw(drawings) = &mut job.task else {
                panic!("draws");
            };
            drawings.resolution_px = resolution_px;
            StableDiffusion.memory(&job).expect("a drawing")
        };
        let (small, large) = (need(512), need(1024));
        assert_eq!(small.weights_bytes, 2 * 1_032_071_643);
        assert_eq!(small.weights_bytes, large.weights_bytes);
        let ratio = large.scratch_bytes as f64 / small.scratch_bytes as f64;
        assert!((3.0..4.0).contains(&ratio), "{ratio}");
    }
}
