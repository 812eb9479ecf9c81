//! `claims.toml`: sentences and their tests, fixed before the data.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use model::point::Point;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::emulated::curve::Objective;
use crate::emulated::tool::LOADS;
use crate::estimate::Metric;

/// The whole of `claims.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimFile {
    /// The claims in the order of the paper.
    #[serde(rename = "claim")]
    pub claims: Vec<Claim>,
}

/// A sentence with a test.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Short name, for example `C1`.
    pub id: String,
    /// What is claimed, as the paper prints it.
    pub sentence: String,
    /// How far the claim reaches.
    pub level: Level,
    /// What it needs to be tested anew.
    pub needs: String,
    /// Where the paper makes it.
    pub place: String,
    /// The value that the paper was written with, once there is one.
    pub paper: Option<PaperValue>,
    /// The test, with its tolerance.
    pub test: ClaimTest,
}

/// How far a claim reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The numbers themselves come out again from the same raw data.
    Exact,
    /// New measurements on the same kind of hardware agree within the tolerance.
    SameHardware,
    /// Only the direction carries over to other hardware.
    Direction,
}

/// The value that the paper was written with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperValue {
    /// The value.
    pub value: f64,
    /// How far a regenerated value may be from it, in percent of it.
    pub tolerance_pct: f64,
}

/// The test of a claim. With several points or keys, each of them must pass.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClaimTest {
    /// The ratio of a metric at two points, paired by block, is at least the bound.
    RatioAtLeast {
        /// Name of the sweep.
        sweep: String,
        /// What is compared.
        metric: Metric,
        /// Axis values that single out the point above the line.
        numerator: Point,
        /// Axis values that single out the point below the line.
        denominator: Point,
        /// The least ratio.
        bound: f64,
    },
    /// The ratio of a metric at two points, paired by block, lies between bounds.
    RatioWithin {
        /// Name of the sweep.
        sweep: String,
        /// What is compared.
        metric: Metric,
        /// Axis values that single out the point above the line.
        numerator: Point,
        /// Axis values that single out the point below the line.
        denominator: Point,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// A metric of the peer's by that of ours at every point of ours with these axis values, paired
    /// by block, is at least the bound.
    PeerRatioAtLeast {
        /// Name of the sweep.
        sweep: String,
        /// What is compared.
        metric: Metric,
        /// Axis values that the points share; empty means all points that have a peer.
        #[serde(default)]
        points: Point,
        /// The least ratio.
        bound: f64,
    },
    /// A metric lies between bounds at every point with these axis values.
    EstimateWithin {
        /// Name of the sweep.
        sweep: String,
        /// What is tested.
        metric: Metric,
        /// Axis values that the points share; empty means all points of the sweep.
        #[serde(default)]
        points: Point,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Numbers of `sensor.json` lie between bounds.
    SensorWithin {
        /// Keys of the numbers.
        keys: Vec<String>,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Numbers of `sensor.json` are further from zero than the bound, on either side.
    SensorBeyond {
        /// Keys of the numbers.
        keys: Vec<String>,
        /// Least distance from zero.
        bound: f64,
    },
    /// A metric at the best clock, by the same at the highest clock, lies between bounds.
    OptimumRatioWithin {
        /// Names of the emulated sweeps.
        sweeps: Vec<String>,
        /// Phase of the work.
        phase: String,
        /// What the best clock makes least.
        objective: Objective,
        /// What is compared.
        metric: OptimumMetric,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// The best clock of one phase by that of another is at least the bound, whichever of the
    /// clocks that cannot be told apart from the best are taken.
    OptimumClockAtLeast {
        /// Names of the emulated sweeps.
        sweeps: Vec<String>,
        /// What the best clock makes least.
        objective: Objective,
        /// The phase above the line.
        numerator: String,
        /// The phase below the line.
        denominator: String,
        /// The least ratio.
        bound: f64,
    },
    /// The energy counter of emulated sweeps against their truth lies between bounds.
    CounterTruthWithin {
        /// Names of the sweeps.
        sweeps: Vec<String>,
        /// What is tested.
        quantity: TruthQuantity,
        /// Lower bound, in percent.
        low: f64,
        /// Upper bound, in percent.
        high: f64,
    },
    /// The error of each of the emulator's residuals is at most `bound` times its tolerance.
    ResidualsWithin {
        /// Those that were fitted (`fit`), or those kept back (`holdout`).
        used_for: String,
        /// Largest share of the tolerance.
        bound: f64,
    },
    /// The error of every tool that reports an energy lies between bounds.
    ToolsWithin {
        /// The loads.
        loads: Vec<String>,
        /// Lower bound, in percent of the truth.
        low: f64,
        /// Upper bound, in percent of the truth.
        high: f64,
    },
    /// At least one tool is this far from the truth.
    WorstToolAtLeast {
        /// The loads.
        loads: Vec<String>,
        /// Least distance of the worst, in percent of the truth.
        bound: f64,
    },
}

/// What is compared between the best clock and the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimumMetric {
    /// Energy of one unit of output.
    Energy,
    /// Time of one unit of output.
    Time,
}

impl fmt::Display for OptimumMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Energy => "energy",
            Self::Time => "time",
        })
    }
}

/// What is tested of a counter whose truth is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruthQuantity {
    /// Largest distance of a run's energy from the truth.
    ErrorMax,
    /// Largest distance of a run's energy from the line of one gain and one offset.
    ResidualMax,
}

impl fmt::Display for TruthQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ErrorMax => "largest error of the counter",
            Self::ResidualMax => "largest distance of the counter from one gain and one offset",
        })
    }
}

impl ClaimFile {
    /// Reads and checks a claims file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Content`] naming the line or the claim, and what was expected.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs_err::read_to_string(path)?;
        Self::parse(&text).map_err(|problem| Error::content(path, problem))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.claims.is_empty() {
            return Err("no [[claim]] in it; add one".to_owned());
        }
        let mut ids = BTreeSet::new();
        for claim in &file.claims {
            claim.check()?;
            if !ids.insert(&claim.id) {
                return Err(format!("id = {}: expected each id once", claim.id));
            }
        }
        Ok(file)
    }
}

impl Claim {
    fn check(&self) -> Result<(), String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(allowed) {
            return Err(format!(
                "id = {:?}: expected letters, digits and hyphens",
                self.id
            ));
        }
        let wrong = |what: &str| Err(format!("claim {}: {what}", self.id));
        if self.sentence.trim().is_empty() {
            return wrong("sentence is empty, expected what is claimed");
        }
        if let Some(paper) = self.paper
            && !(paper.value.is_finite()
                && paper.tolerance_pct.is_finite()
                && paper.tolerance_pct >= 0.0)
        {
            return wrong("paper: expected a finite value and a tolerance_pct of 0 or more");
        }
        match &self.test {
            ClaimTest::RatioAtLeast { bound, .. }
            | ClaimTest::PeerRatioAtLeast { bound, .. }
            | ClaimTest::OptimumClockAtLeast { bound, .. }
            | ClaimTest::ResidualsWithin { bound, .. }
            | ClaimTest::WorstToolAtLeast { bound, .. }
                if !(bound.is_finite() && *bound > 0.0) =>
            {
                wrong(&format!("bound = {bound}: expected a number above 0"))
            }
            ClaimTest::SensorBeyond { bound, .. } if !(bound.is_finite() && *bound >= 0.0) => {
                wrong(&format!("bound = {bound}: expected a number of 0 or more"))
            }
            ClaimTest::EstimateWithin { low, high, .. }
            | ClaimTest::RatioWithin { low, high, .. }
            | ClaimTest::SensorWithin { low, high, .. }
            | ClaimTest::OptimumRatioWithin { low, high, .. }
            | ClaimTest::CounterTruthWithin { low, high, .. }
            | ClaimTest::ToolsWithin { low, high, .. }
                if !(low.is_finite() && high.is_finite() && low < high) =>
            {
                wrong(&format!(
                    "low = {low}, high = {high}: expected low below high"
                ))
            }
            ClaimTest::SensorWithin { keys, .. } | ClaimTest::SensorBeyond { keys, .. }
                if keys.is_empty() =>
            {
                wrong("keys = []: expected at least one key of sensor.json")
            }
            ClaimTest::OptimumRatioWithin { sweeps, .. }
            | ClaimTest::OptimumClockAtLeast { sweeps, .. }
            | ClaimTest::CounterTruthWithin { sweeps, .. }
                if sweeps.is_empty() =>
            {
                wrong("sweeps = []: expected the name of at least one sweep")
            }
            ClaimTest::ToolsWithin { loads, .. } | ClaimTest::WorstToolAtLeast { loads, .. } => {
                match loads.iter().find(|load| !LOADS.contains(&load.as_str())) {
                    Some(load) => {
                        wrong(&format!("loads: {load}: expected of {}", LOADS.join(", ")))
                    }
                    None if loads.is_empty() => wrong("loads = []: expected at least one load"),
                    None => Ok(()),
                }
            }
            ClaimTest::ResidualsWithin { used_for, .. }
                if !["fit", "holdout"].contains(&used_for.as_str()) =>
            {
                wrong(&format!("used_for = {used_for}: expected fit or holdout"))
            }
            _ => Ok(()),
        }
    }
}
