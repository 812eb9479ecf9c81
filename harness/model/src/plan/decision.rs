//! The one look of a two-stage plan: how many blocks each point needs, by the scatter of the first
//! stage. It is a file of the store, so that a sweep that goes on has the same runs.

use serde::{Deserialize, Serialize};

use super::{PairedWith, Plan, Tier};
use crate::point::Point;

/// Version of the decision's file. Changelog: 1 = first.
pub const DECISION_SCHEMA: u32 = 1;

/// Name of the decision's file beside the traces.
pub const DECISION_FILE: &str = "stage-two.json";

/// How many blocks each point needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// [`DECISION_SCHEMA`] of the writer.
    pub schema: u32,
    /// Name of the sweep.
    pub sweep: String,
    /// [`Plan::sha256`] of the plan that was decided for.
    pub plan_sha256: String,
    /// Tier of the plan.
    pub tier: Tier,
    /// Blocks of the first stage, by which it was decided.
    pub first_blocks: u32,
    /// Most blocks that may be decided for.
    pub most_blocks: u32,
    /// Half-width of the interval of the log-ratio that is aimed at.
    pub half_width: f64,
    /// Largest chance of a wrong interval.
    pub alpha: f64,
    /// The point that the others are compared with.
    pub reference: Point,
    /// Which of its runs.
    pub paired_with: PairedWith,
    /// Every other point, sorted.
    pub points: Vec<PointDecision>,
}

/// How many blocks one point needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointDecision {
    /// The point.
    pub point: Point,
    /// Blocks of the first stage with an energy of the point and of the reference.
    pub pairs: u32,
    /// Standard deviation of ln(E of the point / E of the reference) over those blocks.
    pub sd_log_ratio: Option<f64>,
    /// Blocks that the rule asks for, before the cap.
    pub blocks_needed: Option<u64>,
    /// Blocks that the point is run in.
    pub blocks: u32,
    /// Half-width of the interval of the log-ratio with that many blocks.
    pub half_width: Option<f64>,
    /// Whether the half-width that is aimed at is reached.
    pub precision: Precision,
    /// Why the scatter is unknown, where it is.
    pub reason: Option<String>,
}

/// Whether a point gets the precision that its tier aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// It does.
    Met,
    /// The cap on blocks comes first; the width that is reached stands beside.
    NotMet,
    /// The scatter could not be computed; the reason stands beside.
    Unknown,
}

impl Decision {
    /// Whether this decision was made for exactly this plan.
    pub fn is_for(&self, plan: &Plan) -> bool {
        self.schema == DECISION_SCHEMA
            && self.sweep == plan.name
            && self.plan_sha256 == plan.sha256()
    }

    /// Blocks of the sweep with this decision: the most that any point needs.
    pub fn blocks(&self) -> u32 {
        let most = self.points.iter().map(|decided| decided.blocks).max();
        most.unwrap_or(0).max(self.first_blocks)
    }

    /// Whether a point is run in a block; the reference is wherever anybody is.
    pub(super) fn runs_in(&self, point: &Point, block: u32) -> bool {
        if *point == self.reference {
            return block < self.blocks();
        }
        self.points
            .iter()
            .any(|decided| decided.point == *point && block < decided.blocks)
    }
}
