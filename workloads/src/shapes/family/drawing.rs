//! `shapes-diffusion` as a model to be measured.

use std::collections::BTreeMap;

use candle_core::Device;
use model::cost::error::CostError;
use model::cost::phase::Phase;
use model::decimal::Decimal;
use model::mark::WorkerInfo;
use model::resolution::Resolutions;
use scoring::frechet::FEWEST_IMAGES;

use super::{TAKES, count_of, counted, memory, phase};
use crate::Error;
use crate::checkpoint::Spelling;
use crate::family::{Family, MemoryNeed, Metric, Summary, Takes};
use crate::job::Job;
use crate::job::task::{Drawings, Kind};
use crate::job::word::{Origin, Scheduler, Word};
use crate::outputs;
use crate::shapes::batch::{SIDE, pictures};
use crate::shapes::caption::Caption;
use crate::shapes::compose::Prepared;
use crate::shapes::denoiser::LEVELS;
use crate::shapes::draw::{Easel, Manner};
use crate::shapes::judges::Judges;
use crate::shapes::networks::Network;
use crate::weights::{Places, Weights};
use crate::workload::{Observer, Outcome, Workload, info};

/// The network that draws shapes.
#[derive(Clone, Copy, Debug)]
pub struct Drawing;

/// The one phase: all steps. Its work is counted in pictures.
const DRAW: &str = "draw";

const METRICS: [Metric; 5] = [
    Metric {
        name: "distinct_outputs",
        meaning: "how many different outputs the first and the last pass gave; 1 where the engine repeats itself",
    },
    Metric {
        name: "caption_accuracy_by_shapes_net",
        meaning: "weights tiny: share of drawings in which shapes-net sees the asked kind and colour",
    },
    Metric {
        name: "caption_fit_by_shapes_clip",
        meaning: "weights tiny, two drawings or more: 100 times the cosine of drawing and caption",
    },
    Metric {
        name: "fd_by_shapes_net",
        meaning: "weights tiny, enough drawings: distance of features of shapes-net to held-out pictures",
    },
    Metric {
        name: "judged",
        meaning: "weights tiny: how many drawings the metrics are over",
    },
];

/// The guidance of `denoiser::GUIDANCE`.
const GUIDANCE: Decimal = Decimal::whole(2);

impl Family for Drawing {
    fn name(&self) -> &'static str {
        "shapes-diffusion"
    }

    fn models(&self) -> &'static [&'static str] {
        &["shapes-diffusion"]
    }

    fn summary(&self, _model: &str) -> Summary {
        Summary {
            parameters: count_of(Network::Denoiser),
            kind: Kind::Draw {
                resolutions: Resolutions::only(SIDE as u64),
                // Of every sampler: some skip the last noise level.
                most_steps: LEVELS as u64 / 2,
                guidance: GUIDANCE,
            },
            context: None,
            takes: Takes {
                scheduler: Scheduler::ALL,
                ..TAKES
            },
            quality: &METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        memory(Network::Denoiser, job, passes(&job.drawings()?))
    }

    fn cost(&self, job: &Job) -> Result<Vec<Phase>, CostError> {
        let (pictures, steps) = match job.drawings() {
            Ok(drawings) => (passes(&drawings), drawings.steps),
            Err(_) => (0, 0),
        };
        let counted = counted(Network::Denoiser, job, pictures)?;
        Ok(vec![phase(DRAW, job.task.batch(), steps, &counted)])
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let drawings = job.drawings()?;
        let dtype = job.precision.dtype();
        let wanted = Network::Denoiser.tensors()?;
        let tensors = weights.tensors(&wanted, Spelling::EXACT, dtype, device)?;
        let captions = Caption::spread(drawings.batch);
        let manner = Manner {
            scheduler: drawings.scheduler,
            steps: drawings.steps,
            guidance: drawings.guidance.get(),
            seed: job.input_seed,
            first: 0,
        };
        let judges = match weights.origin() {
            Origin::Tiny => Some(judges(weights, captions.clone())?),
            Origin::Seeded | Origin::File => None,
        };
        let mut sketching = Sketching {
            easel: Easel::new(manner, &captions, dtype, device)?,
            compose: Prepared::new(tensors),
            batch: drawings.batch,
            info: info(device, weights, DRAW, "image"),
            judges,
            first: String::new(),
            drawn: false,
        };
        sketching.easel.draw(&mut sketching.compose)?;
        sketching.first = sketching.digest()?;
        Ok(Box::new(sketching))
    }
}

/// Pictures that the network sees in a step: with guidance each twice.
fn passes(drawings: &Drawings) -> usize {
    drawings.batch * if drawings.is_guided() { 2 } else { 1 }
}

/// The judges whose weights lie beside those of the network that draws.
fn judges(weights: &Weights, captions: Vec<Caption>) -> Result<Judges, Error> {
    let folder = weights
        .folder()
        .map(crate::checkpoint::Folder::files)
        .transpose()?;
    let models = folder.and_then(|files| Some(files.first()?.parent()?.parent()?.to_owned()));
    Judges::new(
        &Places {
            models,
            ..Places::default()
        },
        captions,
    )
}

/// A network that draws, with everything that it needs.
struct Sketching {
    easel: Easel,
    compose: Prepared,
    batch: usize,
    info: WorkerInfo,
    judges: Option<Judges>,
    /// Digest of the first drawings.
    first: String,
    drawn: bool,
}

impl Sketching {
    /// SHA-256 of the drawings, which must be those of a working model.
    fn digest(&self) -> Result<String, Error> {
        let values: Vec<f32> = self.easel.drawn().flatten_all()?.to_vec1()?;
        outputs::check_finite(std::slice::from_ref(&values))?;
        Ok(outputs::digest_of_values(std::iter::once(
            values.as_slice(),
        )))
    }
}

impl Workload for Sketching {
    fn info(&self) -> WorkerInfo {
        self.info.clone()
    }

    fn warmup_iterations(&self) -> u32 {
        1
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let device = self.easel.drawn().device().clone();
        device.synchronize()?;
        observer.begin(DRAW)?;
        self.easel.draw(&mut self.compose)?;
        device.synchronize()?;
        observer.end(DRAW, self.batch as u64)?;
        self.drawn = true;
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "drawings are far fewer than 2^53"
    )]
    fn outcome(&self) -> Result<Outcome, Error> {
        if !self.drawn {
            return Ok(Outcome::nothing());
        }
        let digest = self.digest()?;
        let mut quality = BTreeMap::new();
        let mut put = |name: &str, value: f64| quality.insert(name.to_owned(), value);
        put(
            "distinct_outputs",
            if digest == self.first { 1.0 } else { 2.0 },
        );
        if let Some(judges) = &self.judges {
            let drawn = pictures(&self.easel.drawn().to_device(&Device::Cpu)?)?;
            let found = judges.judge(&drawn)?;
            let accuracy = judges.caption_accuracy(&found)?.value;
            put("caption_accuracy_by_shapes_net", accuracy);
            put("judged", drawn.len() as f64);
            if drawn.len() > 1 {
                put(
                    "caption_fit_by_shapes_clip",
                    judges.caption_fit(&found)?.score,
                );
            }
            if drawn.len() >= FEWEST_IMAGES {
                put("fd_by_shapes_net", judges.distance(&found)?.plug_in);
            }
        }
        Ok(Outcome { digest, quality })
    }
}
