//! A run: one execution of a point in a fresh worker process, the unit of replication.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::plan::{DeviceKind, Plan, SessionSettings, Tier};
use crate::point::Point;

/// The content hash of a run: the same work gets the same id, so that a resumed sweep knows what
/// it already has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Sixteen hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run executes, and its place in the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Content hash of everything that decides what the run does.
    pub id: RunId,
    /// Name of the sweep.
    pub sweep: String,
    /// Block, from 0: every block holds each point once.
    pub block: u32,
    /// Place of the run in the whole sweep, from 0.
    pub order: u32,
    /// The axis values.
    pub point: Point,
    /// The command of the worker and whether it speaks the protocol.
    pub engine: Engine,
    /// Seed of the weights, the same for the whole sweep.
    pub weights_seed: u64,
    /// Seed of the inputs, the same for all runs of a point.
    pub input_seed: u64,
    /// Device and times of the session.
    pub session: SessionSettings,
    /// Why the run is taken. Only runs in the role [`Role::Point`] are pooled into estimates.
    #[serde(default, skip_serializing_if = "Role::is_point")]
    pub role: Role,
    /// What the tier of the plan asks of the session; absent for a plan without a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RunRules>,
    /// SHA-256 of the plan's canonical text, fixed before anything was measured; absent for a plan
    /// without a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<String>,
}

/// Why a run is taken.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To estimate its point: once in each block, at a random place.
    #[default]
    Point,
    /// To show drift: the reference point at a fixed place of the block.
    Sentinel(Place),
    /// To show that a long window gives the same: once for each point.
    Confirmation,
}

/// A fixed place in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before every other run.
    First,
    /// After half of the points.
    Middle,
    /// After every other run.
    Last,
}

impl Role {
    /// Whether the run is pooled into the estimates of its point.
    pub const fn is_point(&self) -> bool {
        matches!(self, Self::Point)
    }

    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Sentinel(Place::First) => "sentinel_first",
            Self::Sentinel(Place::Middle) => "sentinel_middle",
            Self::Sentinel(Place::Last) => "sentinel_last",
            Self::Confirmation => "confirmation",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the tier of a plan asks of the session of a run, beyond its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRules {
    /// The tier. A session under any tier judges clock, heat and readings of its window; where the
    /// tier says so it looks for a steady state and prolongs its window once.
    pub tier: Tier,
    /// The reference workload that brings the device to its temperature first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_soak: Option<PreSoak>,
}

/// The workload of a pre-soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreSoak {
    /// Longest time, in seconds.
    pub cap_s: f64,
    /// The reference point.
    pub point: Point,
    /// Its engine.
    pub engine: Engine,
    /// Seed of its inputs.
    pub input_seed: u64,
}

/// A program that does the work of a point.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Program and arguments. `joulebench-worker` means the one beside the harness.
    pub command: Vec<String>,
    /// Whether it prints marks. A command that prints none is measured as one window.
    #[serde(default)]
    pub protocol: Protocol,
}

/// How the harness and an engine talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// JSON lines as in `docs/worker-protocol.md`.
    #[default]
    Marks,
    /// None: from the start of the process to its end is one window.
    None,
}

/// What the id is made of. The place in the order is not part of it: it does not change the work.
#[derive(Serialize)]
struct Identity<'a> {
    sweep: &'a str,
    block: u32,
    point: &'a Point,
    engine: &'a Engine,
    weights_seed: u64,
    input_seed: u64,
    device: DeviceKind,
    session: &'a SessionSettings,
    #[serde(skip_serializing_if = "Role::is_point")]
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<&'a RunRules>,
}

impl Run {
    /// The run of a point in a block of a plan.
    pub(crate) fn new(
        plan: &Plan,
        block: u32,
        order: u32,
        role: Role,
        point: Point,
        engine: Engine,
    ) -> Self {
        let input_seed = Self::input_seed_of(plan, &point);
        let mut session = plan.session.clone();
        let long_window_s = plan.rules().and_then(|rules| rules.confirmation_window_s);
        if let (Role::Confirmation, Some(window_s)) = (role, long_window_s) {
            session.window_s = session.window_s.max(window_s);
        }
        let rules = plan.run_rules();
        let identity = Identity {
            sweep: &plan.name,
            block,
            point: &point,
            engine: &engine,
            weights_seed: plan.seed,
            input_seed,
            device: plan.session.device,
            session: &session,
            role,
            rules: rules.as_ref(),
        };
        let digest = hash(&identity);
        Self {
            id: RunId(hex(&digest[..8])),
            sweep: plan.name.clone(),
            block,
            order,
            point,
            engine,
            weights_seed: plan.seed,
            input_seed,
            session,
            role,
            plan_sha256: rules.is_some().then(|| plan.sha256()),
            rules,
        }
    }

    /// Seed of the inputs of every run of a point.
    pub(crate) fn input_seed_of(plan: &Plan, point: &Point) -> u64 {
        first_u64(&hash(&(plan.seed, "input", point)))
    }

    /// The run that warms the device up for this one: the reference workload, in the same session
    /// times. It is measured by nobody, so it keeps the id of the run that it belongs to.
    pub fn soaking(&self) -> Option<Self> {
        let soak = self.rules.as_ref()?.pre_soak.as_ref()?;
        Some(Self {
            point: soak.point.clone(),
            engine: soak.engine.clone(),
            input_seed: soak.input_seed,
            ..self.clone()
        })
    }
}

/// SHA-256 of the JSON form; struct fields and point axes have a fixed order.
fn hash<T: Serialize>(value: &T) -> [u8; 32] {
    let json = serde_json::to_vec(value).expect("run identities are plain data");
    Sha256::digest(&json).into()
}

fn first_u64(digest: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // 53 bits, so that the seed survives JSON readers that hold numbers as f64.
    u64::from_le_bytes(first) >> 11
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}
