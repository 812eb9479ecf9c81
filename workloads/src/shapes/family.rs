//! The tiny networks as families of the worker: those that see, and the one that draws. Their
//! pictures have known truths, so each run says how good its own outputs were.

mod drawing;
mod seeing;

pub use drawing::Drawing;
pub use seeing::Seeing;

use candle_core::DType;
use model::cost::error::CostError;
use model::cost::number_format::NumberFormat;
use model::cost::phase::Phase;
use model::cost::tally::Tally;

use super::batch::SIDE;
use super::compose::Counted;
use super::networks::Network;
use crate::Error;
use crate::checkpoint::parameters;
use crate::family::{MemoryNeed, Takes};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::word::{Origin, Word};

/// What both families take: weights of this project's training first.
const TAKES: Takes = Takes {
    precision: &[Precision::F32, Precision::F16, Precision::Bf16],
    weights: &[Origin::Tiny, Origin::Seeded],
    ..Takes::LEAST
};

/// The network of a model.
fn network(model: &str) -> Network {
    Network::ALL
        .into_iter()
        .find(|network| network.model() == model)
        .expect("the registry asks for models of these families only")
}

/// Number of parameters.
fn count_of(network: Network) -> u64 {
    parameters(&network.tensors().expect("zeros pass through every network"))
}

/// Counts of a pass over so many pictures.
fn counted(network: Network, job: &Job, pictures: usize) -> Result<Counted, CostError> {
    let format = NumberFormat::of(job.precision.word(), "none")?;
    let mut counted = Counted::new(Tally::new(format));
    let shape = [pictures, SIDE, SIDE, 3];
    let seen = Counted::shaped(&shape).expect("one element");
    network.pass(&mut counted, &seen).expect("shapes pass through every network");
    Ok(counted)
}

/// One phase of passes that are all alike.
fn phase(
    name: &'static str,
    pictures: usize,
    passes: usize,
    counted: &Counted,
) -> Phase {
    let (tally, passes) = (counted.tally(), passes as u64);
    Phase::repeated(name, "image", pictures as u64, passes, tally, tally)
}

/// Weights, and what layers write, over so many pictures at once.
fn memory(network: Network, job: &Job, pictures: usize) -> Result<MemoryNeed, Error> {
    let counted = counted(network, job, pictures)
        .map_err(|error| Error::Request(error.to_string()))?;
    let element = job.precision.dtype().size_in_bytes() as u64;
    let wide = DType::F32.size_in_bytes() as u64;
    let values = (pictures * SIDE * SIDE * 3) as u64;
    Ok(MemoryNeed {
        weights_bytes: count_of(network) * element,
        cache_bytes: 0,
        // Pictures go in, and a sampler keeps six of each in f32.
        scratch_bytes: counted.written() * element + values * (element + 6 * wide),
    })
}
