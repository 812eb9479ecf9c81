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
    network
        .pass(&mut counted, &seen)
        .expect("shapes pass through every network");
    Ok(counted)
}

/// One phase of passes that are all alike.
fn phase(name: &'static str, pictures: usize, passes: usize, counted: &Counted) -> Phase {
    let (tally, passes) = (counted.tally(), passes as u64);
    Phase::repeated(name, "image", pictures as u64, passes, tally, tally)
}

/// Weights, and what layers write, over so many pictures at once.
fn memory(network: Network, job: &Job, pictures: usize) -> Result<MemoryNeed, Error> {
    let counted =
        counted(network, job, pictures).map_err(|error| Error::Request(error.to_string()))?;
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::family::Family;
    use crate::job::task::{Drawings, Pictures, Task};
    use crate::job::word::Scheduler;
    use crate::registry::Registry;
    use crate::weights::Places;
    use crate::workload::{Outcome, Unobserved};
    use model::decimal::Decimal;

    fn outcome(job: &Job) -> Outcome {
        let mut work = Registry::own()
            .load(job, &Places::default(), &Device::Cpu)
            .expect("loads");
        work.iterate(&mut Unobserved).expect("runs");
        work.outcome().expect("judges")
    }

    fn seeing(model: &str, precision: Precision, origin: Origin, batch: usize) -> Job {
        let pictures = Pictures {
            batch,
            resolution_px: SIDE,
        };
        Job {
            origin,
            ..Job::plain(model, precision, Task::See(pictures))
        }
    }

    fn drawing(scheduler: Scheduler, guidance: u32) -> Job {
        let drawings = Drawings {
            batch: 2,
            resolution_px: SIDE,
            steps: 2,
            scheduler,
            guidance: Decimal::whole(guidance),
        };
        Job::plain("shapes-diffusion", Precision::F32, Task::Draw(drawings))
    }

    #[test]
    fn every_network_that_sees_repeats_itself_and_judges_itself() {
        for model in Seeing.models() {
            for precision in [Precision::F32, Precision::F16] {
                let job = seeing(model, precision, Origin::Seeded, 4);
                let outcome = outcome(&job);
                assert_eq!(outcome.quality["distinct_outputs"], 1.0, "{model}");
                assert_eq!(outcome.quality["judged"], 4.0, "{model}");
                let names = Seeing.summary(model).quality;
                assert!(
                    outcome
                        .quality
                        .keys()
                        .all(|key| names.iter().any(|m| m.name == key))
                );
                assert!(outcome.quality.len() >= 3, "{model}: {outcome:?}");
            }
        }
    }

    #[test]
    fn every_sampler_draws_and_repeats_itself() {
        let digests: std::collections::BTreeSet<String> = Scheduler::ALL
            .iter()
            .map(|scheduler| {
                let outcome = outcome(&drawing(*scheduler, 2));
                assert_eq!(outcome.quality["distinct_outputs"], 1.0, "{scheduler:?}");
                assert_eq!(outcome.quality.len(), 1, "seeded weights are not judged");
                outcome.digest
            })
            .collect();
        // In two steps of velocity some samplers are the same.
        assert!(digests.len() >= 3, "{digests:?}");
    }

    /// A guided step is two passes, and work grows with pictures and steps.
    #[test]
    fn counts_are_linear_and_hold_all_parameters() {
        let cost = |family: &dyn Family, job: &Job| family.cost(job).expect("counts");
        for model in Seeing.models() {
            let of = |batch| {
                let phases = cost(&Seeing, &seeing(model, Precision::F32, Origin::Tiny, batch));
                assert_eq!(phases.len(), 1);
                (phases[0].matrix_operations, phases[0].parameters)
            };
            let ((one, parameters), (three, _)) = (of(1), of(3));
            assert_eq!(three, 3.0 * one, "{model}");
            assert_eq!(parameters, Seeing.summary(model).parameters, "{model}");
        }
        let free = cost(&Drawing, &drawing(Scheduler::Ddim, 1));
        let guided = cost(&Drawing, &drawing(Scheduler::Ddim, 2));
        assert_eq!(guided[0].matrix_operations, 2.0 * free[0].matrix_operations);
        assert_eq!(guided[0].parameters, Drawing.summary("").parameters);
        assert_eq!(guided[0].units, 2);
    }

    #[test]
    fn the_trained_classifier_is_right_nearly_always() {
        for precision in [Precision::F32, Precision::F16] {
            let outcome = outcome(&seeing("shapes-net", precision, Origin::Tiny, 64));
            assert!(outcome.quality["top1_kind_and_colour"] > 0.9, "{outcome:?}");
        }
    }
}
