//! The networks that see, as models to be measured.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};
use model::cost::error::CostError;
use model::cost::phase::Phase;
use model::resolution::Resolutions;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{TAKES, count_of, counted, memory, network, phase};
use crate::Error;
use crate::checkpoint::Spelling;
use crate::corpus::Part;
use crate::family::{Family, MemoryNeed, Metric, Summary};
use crate::job::Job;
use crate::job::task::Kind;
use crate::seeing::{self, Output, Seer};
use crate::shapes::batch::{Batch, Layout, SIDE, tensor};
use crate::shapes::compose::Prepared;
use crate::shapes::measure;
use crate::shapes::networks::Network;
use crate::shapes::raster::Picture;
use crate::shapes::upscaler::FACTOR;
use crate::weights::Weights;
use crate::workload::Workload;

/// The networks that see shapes.
#[derive(Clone, Copy, Debug)]
pub struct Seeing;

const METRICS: [Metric; 9] = [
    seeing::METRICS[0],
    Metric {
        name: "top1_kind_and_colour",
        meaning: "shapes-net: share of pictures whose kind and colour of shape was found",
    },
    Metric {
        name: "judged",
        meaning: "how many pictures the metrics are over",
    },
    Metric {
        name: "map",
        meaning: "shapes-detector: mean average precision over thresholds 0.50 to 0.95, as COCO's",
    },
    Metric {
        name: "map_50",
        meaning: "shapes-detector: the same at the threshold 0.50",
    },
    Metric {
        name: "mean_iou",
        meaning: "shapes-segmenter: intersection over union, the mean over background and kinds",
    },
    Metric {
        name: "pixel_accuracy",
        meaning: "shapes-segmenter: share of pixels whose class was found",
    },
    Metric {
        name: "psnr_db",
        meaning: "shapes-upscaler: peak signal to noise ratio over all pictures, in decibels",
    },
    Metric {
        name: "ssim",
        meaning: "shapes-upscaler: structural similarity, the mean over pictures",
    },
];

impl Family for Seeing {
    fn name(&self) -> &'static str {
        "shapes"
    }

    fn models(&self) -> &'static [&'static str] {
        &[
            "shapes-upscaler",
            "shapes-segmenter",
            "shapes-net",
            "shapes-detector",
        ]
    }

    fn summary(&self, model: &str) -> Summary {
        Summary {
            parameters: count_of(network(model)),
            kind: Kind::See {
                resolutions: Resolutions::only(SIDE as u64),
            },
            context: None,
            takes: TAKES,
            quality: &METRICS,
        }
    }

    fn memory(&self, job: &Job) -> std::result::Result<MemoryNeed, Error> {
        memory(network(&job.model), job, job.pictures()?.batch)
    }

    fn cost(&self, job: &Job) -> std::result::Result<Vec<Phase>, CostError> {
        let batch = job.task.batch();
        let counted = counted(network(&job.model), job, batch)?;
        Ok(vec![phase(seeing::INFER, batch, 1, &counted)])
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> std::result::Result<Box<dyn Workload>, Error> {
        let network = network(&job.model);
        let dtype = job.precision.dtype();
        let tensors = weights.tensors(&network.tensors()?, Spelling::EXACT, dtype, device)?;
        let batch = pictures_of(network, job.input_seed, job.pictures()?.batch);
        let seen = match network {
            Network::Upscaler => tensor(&halved(&batch))?,
            _ => tensor(&batch.pictures)?,
        };
        let mut compose = Prepared::new(tensors);
        let seen = seen.to_dtype(dtype)?.to_device(device)?;
        let output = network.pass(&mut compose, &seen)?;
        let looking = Looking {
            network,
            compose,
            batch,
            seen,
            output,
        };
        Ok(Box::new(seeing::Seeing::new(looking, weights)?))
    }
}

/// Held-out pictures of a seed, with their truth.
fn pictures_of(network: Network, seed: u64, count: usize) -> Batch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let part = Part::HeldOut;
    match network {
        Network::Upscaler => Batch::clean(&mut rng, part, Layout::Crowded, FACTOR * SIDE, count),
        Network::Detector | Network::Segmenter => {
            Batch::noisy(&mut rng, part, Layout::Crowded, count)
        }
        Network::Classifier | Network::Clip | Network::Denoiser => {
            Batch::noisy(&mut rng, part, Layout::Captioned, count)
        }
    }
}

fn halved(batch: &Batch) -> Vec<Picture> {
    batch.pictures.iter().map(Picture::halved).collect()
}

/// A network with pictures in front of it.
struct Looking {
    network: Network,
    compose: Prepared,
    batch: Batch,
    seen: Tensor,
    output: Tensor,
}

impl Seer for Looking {
    fn device(&self) -> &Device {
        self.seen.device()
    }

    fn batch(&self) -> usize {
        self.batch.pictures.len()
    }

    fn see(&mut self, _phase: usize) -> Result<()> {
        self.output = self.network.pass(&mut self.compose, &self.seen)?;
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        let name = match self.network {
            Network::Detector => "numbers",
            Network::Upscaler => "pictures",
            _ => "scores",
        };
        Ok(vec![Output::of(name, &self.output)?])
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "pictures are far fewer than 2^53"
    )]
    fn quality(&self, outputs: &[Output]) -> std::result::Result<BTreeMap<String, f64>, Error> {
        let Some(output) = outputs.first() else {
            return Ok(BTreeMap::new());
        };
        let found = Tensor::from_slice(&output.values, output.shape.as_slice(), &Device::Cpu)?
            .to_dtype(DType::F32)?;
        let mut metrics = BTreeMap::new();
        match self.network {
            Network::Segmenter => {
                let confusions = measure::confusions(&self.batch, &measure::masks(&found)?)?;
                metrics.insert("mean_iou".into(), measure::mean_iou(&confusions));
                metrics.insert(
                    "pixel_accuracy".into(),
                    measure::pixel_accuracy(&confusions),
                );
            }
            Network::Upscaler => {
                let found = crate::shapes::batch::pictures(&found)?;
                let [square, similarity] = measure::beside_truth(&found, &self.batch.pictures)?;
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                metrics.insert(
                    "psnr_db".into(),
                    scoring::pair::decibels(mean(&square), 255.0),
                );
                metrics.insert("ssim".into(), mean(&similarity));
            }
            Network::Detector => {
                let boxes = measure::Boxes::of(&self.batch, &measure::boxes(&found, 0.02)?);
                let summary = boxes.summary()?;
                metrics.insert("map".into(), summary.ap.unwrap_or(0.0));
                metrics.insert("map_50".into(), summary.ap_50.unwrap_or(0.0));
            }
            Network::Classifier | Network::Clip | Network::Denoiser => {
                let [(_, hits), ..] = measure::classes(&self.batch, &found)?;
                let right = hits.iter().filter(|hit| **hit).count();
                metrics.insert(
                    "top1_kind_and_colour".into(),
                    right as f64 / hits.len() as f64,
                );
            }
        }
        metrics.insert("judged".into(), self.batch() as f64);
        Ok(metrics)
    }
}
