//! A trace: everything that was recorded of one run. Written once, never changed.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::mark::Mark;
use crate::provenance::Provenance;
use crate::reason::{RunFault, RunFlag};
use crate::run::Run;
use crate::sample::Sample;
use crate::units::Nanos;

/// The record of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Everything but the samples.
    pub header: TraceHeader,
    /// The readings in the order in which they were taken.
    pub samples: Vec<Sample>,
}

/// Everything of a trace but its samples; stored as JSON in the metadata of the trace's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceHeader {
    /// [`crate::format::FORMAT_VERSION`] of the writer.
    pub format: u32,
    /// What was run.
    pub run: Run,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// On what it was run.
    pub machine: Machine,
    /// The stages of the session, in order.
    pub spans: Vec<Span>,
    /// What the worker said, in order.
    pub marks: Vec<ReceivedMark>,
    /// What went wrong; empty for a good run.
    pub faults: Vec<Fault>,
    /// What a reader must know of a good run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// How the device was brought to its temperature; absent where no pre-soak was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_soak: Option<PreSoakRecord>,
    /// UTC second at which the run began, for people; no result depends on it.
    pub started_unix_s: Option<u64>,
}

/// How a pre-soak ended. Its readings are the samples of [`Stage::PreSoak`], one a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreSoakRecord {
    /// Temperature of the block that was aimed at, in degrees Celsius; absent for the first run of a
    /// block, which sets it, and where runs share no device.
    pub target_c: Option<i64>,
    /// Last temperature, in degrees Celsius.
    pub reached_c: Option<i64>,
    /// Slope of the temperature over the last two minutes, in degrees Celsius a minute.
    pub slope_c_per_min: Option<f64>,
    /// How long the reference worked, in seconds.
    pub worked_s: f64,
    /// Whether the temperature stood still before the cap.
    pub is_settled: bool,
}

/// A mark and when the harness had it in hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedMark {
    /// When the line arrived, on the monotonic clock.
    pub received_ns: Nanos,
    /// The line.
    pub mark: Mark,
}

/// A stage of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The device before the worker exists.
    IdleBefore,
    /// From the start of the reference workload that warms the device up to its end; in plans with a
    /// tier and a reference.
    PreSoak,
    /// From the start of the worker to its `ready`: loading and warm-up.
    WarmUp,
    /// From the tick of the energy counter at which the worker was told to go, to the first tick
    /// after its last iteration. Without a counter: from `go` to the last `end`.
    Window,
    /// From the worker's end to the second baseline.
    CoolDown,
    /// The device after the worker is gone.
    IdleAfter,
}

impl Stage {
    /// The word in data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdleBefore => "idle_before",
            Self::PreSoak => "pre_soak",
            Self::WarmUp => "warm_up",
            Self::Window => "window",
            Self::CoolDown => "cool_down",
            Self::IdleAfter => "idle_after",
        }
    }
}

/// A stage and its bounds on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Which stage.
    pub stage: Stage,
    /// First moment.
    pub begin_ns: Nanos,
    /// Last moment.
    pub end_ns: Nanos,
}

/// A fault of the run and its circumstances in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What kind.
    pub fault: RunFault,
    /// What exactly was seen.
    pub detail: String,
}

/// A flag of the run and its circumstances in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// What kind.
    pub flag: RunFlag,
    /// What exactly was seen, with its numbers.
    pub detail: String,
}

impl TraceHeader {
    /// The bounds of a stage, where the run came that far.
    pub fn span(&self, stage: Stage) -> Option<Span> {
        self.spans.iter().copied().find(|span| span.stage == stage)
    }
}
