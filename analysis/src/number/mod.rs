//! The numbers that a text may print: rounded once, here, and looked up by key.
//!
//! Keys are dotted:
//! - `SWEEP.POINT.METRIC.PART`, for example `h200-llama-7b.candle.b1.p512.energy_per_unit.value`.
//!   A point is its engine, `b` batch and `p` prompt length; other axes follow, with their prefix,
//!   where the sweep varies them.
//! - `SWEEP.POINT.over.POINT.METRIC.PART`: the ratio of two points.
//! - `SWEEP.all.METRIC.min` and `.max`: the extremes over the points.
//! - `SWEEP.runs`, `.faultless_runs`, `.points`, `.blocks`, `.boards`, `.device`, …: the campaign.
//! - `sensor.KEY.PART`, for example `sensor.pulses_30ms.instant_vs_counter.value`.
//! - `claim.ID.verdict`, `.criterion`, `.value`, …, and `claims.total`, `claims.supported`, ….
//! - `target.ID.outcome`, `.measured`, `.floor_share`, `.speed_to_peer`, and `targets.total`,
//!   `targets.met`, ….
//!
//! Parts of an estimate: `value`, `low`, `high`, `interval` (`[low, high]`), `n`; for ratios also
//! `percent`, `percent_low`, `percent_high`, `percent_interval`. All parts of one estimate are
//! rounded to the same decimals, which its interval decides.

mod collect;
mod key;
mod print;

use std::collections::BTreeMap;

use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

pub use collect::numbers_of;
pub use print::{Printed, print_estimate};

/// Version of `numbers.json`. Changelog: 1 = first.
pub const NUMBERS_SCHEMA: u32 = 1;

/// The whole of `numbers.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// [`NUMBERS_SCHEMA`] of the writer.
    pub schema: u32,
    /// By key.
    pub numbers: BTreeMap<String, Number>,
}

/// A number, or a word, that a text may print.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// What to print, without the unit.
    pub text: String,
    /// The number before rounding; absent for words and intervals.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Measured, emulated or imported; absent for counts of claims.
    pub provenance: Option<Provenance>,
    /// The file and record that it comes from.
    pub source: String,
}
