//! A family of the worker of a description.

use candle_core::{DType, Device, Module};
use candle_nn::VarBuilder;
use model::resolution::Resolutions;

use super::description::Description;
use super::fast::Fast;
use super::plain::Plain;
use super::plan::Plan;
use super::see::{PlainSeer, Stock};
use crate::Error;
use crate::checkpoint::Spelling;
use crate::family::{Family, MemoryNeed, Summary, Takes};
use crate::fused::Fused;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Graph, Implementation, Origin, Word};
use crate::picture::{self, Normalisation};
use crate::seeing::{METRICS, Recorded, Seeing};
use crate::weights::Weights;
use crate::workload::Workload;

const TAKES: Takes = Takes {
    precision: Precision::ALL,
    implementation: Implementation::ALL,
    graph: Graph::ALL,
    weights: &[Origin::Seeded, Origin::File],
    ..Takes::LEAST
};

/// The stock module of a model, where candle-transformers has it.
pub type StockModule =
    fn(&str, VarBuilder<'static>) -> Option<candle_core::Result<Box<dyn Module>>>;

/// Convolutional networks of one architecture.
pub struct ConvNet {
    /// Name of the family.
    pub name: &'static str,
    /// Names of its models, the smallest first.
    pub models: &'static [&'static str],
    /// The network of one of them for pictures of an edge.
    pub describe: fn(&str, usize) -> Description,
    /// The edges that it takes.
    pub resolutions: Resolutions,
    /// How it wants its pixels.
    pub normalisation: Normalisation,
    /// What candle-transformers has.
    pub stock: StockModule,
    /// How files spell the tensors.
    pub spelling: Spelling,
}

/// candle-transformers does not have the architecture.
pub fn no_stock(_: &str, _: VarBuilder<'static>) -> Option<candle_core::Result<Box<dyn Module>>> {
    None
}

impl ConvNet {
    fn native(&self, model: &str) -> Description {
        let edge_px = usize::try_from(self.resolutions.native_px).expect("an edge fits");
        (self.describe)(model, edge_px)
    }

    fn of(&self, job: &Job) -> Result<Description, Error> {
        Ok((self.describe)(&job.model, job.pictures()?.resolution_px))
    }
}

impl Family for ConvNet {
    fn name(&self) -> &'static str {
        self.name
    }

    fn models(&self) -> &'static [&'static str] {
        self.models
    }

    fn summary(&self, model: &str) -> Summary {
        Summary {
            parameters: self.native(model).parameters(),
            kind: Kind::See {
                resolutions: self.resolutions,
            },
            context: None,
            takes: TAKES,
            quality: &METRICS,
        }
    }

    fn memory(&self, job: &Job) -> Result<MemoryNeed, Error> {
        let network = self.of(job)?;
        let batch = job.pictures()?.batch;
        let element = job.precision.dtype().size_in_bytes();
        let picture = network.shape(network.picture()).elements();
        let values = match job.variant.implementation {
            Implementation::Fast => Plan::of(&network).elements(),
            // Each operation of a node allocates its result.
            Implementation::Reference => Plan::of(&network).elements() + 4 * network.largest(),
        };
        Ok(MemoryNeed {
            weights_bytes: network.folded() * element as u64,
            cache_bytes: 0,
            scratch_bytes: (batch * (values + picture) * element) as u64,
        })
    }

    fn load(
        &self,
        job: &Job,
        weights: &Weights,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let network = self.of(job)?;
        let (task, dtype) = (job.pictures()?, job.precision.dtype());
        let pictures = picture::batch(
            job.input_seed,
            (task.batch, task.resolution_px),
            self.normalisation,
            dtype,
            device,
        )?;
        // In single precision: norms are folded before weights are rounded.
        let tensors = |dtype| weights.tensors(&network.tensors(), self.spelling, dtype, device);
        match job.variant.implementation {
            Implementation::Fast => {
                let fused = Fused::of(job);
                let fast = Fast::new(&network, &tensors(DType::F32)?, fused.math, pictures)?;
                let seer = Recorded::new(fast, fused.graph)?;
                Ok(Box::new(Seeing::new(seer, weights)?))
            }
            Implementation::Reference => {
                let stock = match (self.stock)(&job.model, tensors(dtype)?) {
                    Some(module) => Stock::Module(network.outputs[0].0, module?),
                    None => Stock::Described(Plain::new(&network, &tensors(DType::F32)?, dtype)?),
                };
                let seer = PlainSeer::new(stock, &pictures)?;
                Ok(Box::new(Seeing::new(seer, weights)?))
            }
        }
    }
}
