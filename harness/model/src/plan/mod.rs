//! A sweep plan: axes, engines, session times, blocks and seed; and the runs that follow from it.
//!
//! [`PlanSource`] is what stands in a TOML file; [`PlanSource::validate`] turns it into a [`Plan`],
//! which is known to be runnable; [`Plan::runs`] is a pure function of the plan.

mod order;
mod session;
mod source;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::axis::{Axis, AxisValue};
use crate::point::Point;
use crate::run::{Engine, Run};

pub use session::{DeviceKind, SessionSettings};
pub use source::PlanSource;

/// The engine that runs where a plan has no `engine` axis.
pub const DEFAULT_ENGINE: &str = "candle";

/// The program name that stands for the project's own worker.
pub const OWN_WORKER: &str = "joulebench-worker";

/// A plan that passed validation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Short name.
    pub name: String,
    /// One sentence for people.
    pub title: String,
    /// Seed of order, weights and inputs.
    pub seed: u64,
    /// How often each point is run.
    pub blocks: u32,
    /// Device and times.
    pub session: SessionSettings,
    /// Programs by name.
    pub engines: BTreeMap<String, Engine>,
    /// The points, each once, sorted.
    pub points: Vec<Point>,
}

impl Plan {
    /// Every run in the order of execution: randomised complete blocks, each block shuffled by
    /// ChaCha8 seeded with the plan's seed and the block's number.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::with_capacity(self.points.len() * self.blocks as usize);
        for block in 0..self.blocks {
            let mut points = self.points.clone();
            order::shuffle(&mut points, self.seed, block);
            for point in points {
                let engine = self.engine_of(&point).clone();
                let order = u32::try_from(runs.len()).expect("a sweep has fewer than 2^32 runs");
                runs.push(Run::new(self, block, order, point, engine));
            }
        }
        runs
    }

    fn engine_of(&self, point: &Point) -> &Engine {
        point
            .get(Axis::Engine)
            .and_then(AxisValue::as_text)
            .and_then(|name| self.engines.get(name))
            .expect("validation gives every point an engine of the table")
    }
}

/// A value of a plan that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{key} = {value}: expected {expected}")]
pub struct PlanError {
    /// Where in the plan, for example `axes.batch`.
    pub key: String,
    /// The value that stands there.
    pub value: String,
    /// What may stand there.
    pub expected: String,
}

impl PlanError {
    fn new(key: impl Into<String>, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }
}

#[cfg(test)]
mod tests;
