//! A sweep plan: axes, engines, session times, blocks and seed; and the runs that follow from it.
//!
//! [`PlanSource`] is what stands in a TOML file; [`PlanSource::validate`] turns it into a [`Plan`],
//! which is known to be runnable; [`Plan::runs`] is a pure function of the plan.

mod block;
mod decision;
mod order;
mod session;
mod source;
mod tier;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::axis::{Axis, AxisValue};
use crate::point::Point;
use crate::run::{Engine, PreSoak, Role, Run, RunRules, hex};

pub use decision::{DECISION_FILE, DECISION_SCHEMA, Decision, PointDecision, Precision};
pub use session::{DeviceKind, SessionSettings, SessionSource};
pub use source::PlanSource;
pub use tier::{PairedWith, SecondStage, Tier, TierRules};

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
    /// How carefully it measures; absent for a plan that says itself how often each point is run.
    #[serde(rename = "protocol", skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The point that the others are compared with, one of [`Plan::points`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Point>,
    /// Which runs of the reference enter ratios; present where the plan has a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paired_with: Option<PairedWith>,
    /// How often a run with a fault is tried again in the same sweep.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Plan {
    /// Every run that is certain before anything is measured, in the order of execution: randomised
    /// complete blocks, each block shuffled by ChaCha8 seeded with the plan's seed and the block's
    /// number.
    pub fn runs(&self) -> Vec<Run> {
        self.runs_with(None)
    }

    /// Every run with what the first stage decided; those of [`Plan::runs`] are among them.
    pub fn runs_with(&self, decision: Option<&Decision>) -> Vec<Run> {
        let mut runs = Vec::new();
        for block in 0..self.blocks {
            self.add_block(&mut runs, block, &self.points);
        }
        for block in self.blocks..decision.map_or(0, Decision::blocks) {
            let still_needed: Vec<Point> = self
                .points
                .iter()
                .filter(|point| decision.is_some_and(|decision| decision.runs_in(point, block)))
                .cloned()
                .collect();
            self.add_block(&mut runs, block, &still_needed);
        }
        self.add_confirmations(&mut runs);
        runs
    }

    /// The runs by whose scatter the number of blocks is decided; all of them where it is fixed.
    pub fn first_stage(&self) -> Vec<Run> {
        let mut runs = self.runs();
        runs.retain(|run| run.role != Role::Confirmation);
        runs
    }

    /// What the tier demands; absent for a plan without one.
    pub fn rules(&self) -> Option<TierRules> {
        self.tier.map(Tier::rules)
    }

    /// SHA-256 of the plan's canonical text: its JSON after validation, so that comments, the order
    /// of keys and defaults that are spelled out do not change it.
    pub fn sha256(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan is plain data");
        hex(&Sha256::digest(&text))
    }

    fn add_block(&self, runs: &mut Vec<Run>, block: u32, points: &[Point]) {
        for (role, point) in block::compose(points, self.reference.as_ref(), self.seed, block) {
            self.add(runs, block, role, point);
        }
    }

    /// The long runs of a headline plan: one block of their own, after every other.
    fn add_confirmations(&self, runs: &mut Vec<Run>) {
        let rules = self.rules();
        let window_s = rules.and_then(|rules| rules.confirmation_window_s);
        let last = rules.and_then(|rules| rules.second_stage);
        let (Some(_), Some(SecondStage { most_blocks, .. })) = (window_s, last) else {
            return;
        };
        for (_, point) in block::compose(&self.points, None, self.seed, most_blocks) {
            self.add(runs, most_blocks, Role::Confirmation, point);
        }
    }

    fn add(&self, runs: &mut Vec<Run>, block: u32, role: Role, point: Point) {
        let engine = self.engine_of(&point).clone();
        let order = u32::try_from(runs.len()).expect("a sweep has fewer than 2^32 runs");
        runs.push(Run::new(self, block, order, role, point, engine));
    }

    /// What the tier asks of the session of each run.
    pub(crate) fn run_rules(&self) -> Option<RunRules> {
        let tier = self.tier?;
        let cap_s = tier.rules().pre_soak_cap_s;
        let pre_soak = cap_s
            .zip(self.reference.clone())
            .map(|(cap_s, point)| PreSoak {
                cap_s,
                engine: self.engine_of(&point).clone(),
                input_seed: Run::input_seed_of(self, &point),
                point,
            });
        Some(RunRules { tier, pre_soak })
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
mod protocol_tests;
#[cfg(test)]
mod tests;
