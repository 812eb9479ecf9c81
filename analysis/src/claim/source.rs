//! `claims.toml`: sentences and their tests, fixed before the data.

use std::collections::BTreeSet;
use std::path::Path;

use model::point::Point;
use serde::{Deserialize, Serialize};

use crate::Error;
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
            ClaimTest::RatioAtLeast { bound, .. } if !(bound.is_finite() && *bound > 0.0) => {
                wrong(&format!("bound = {bound}: expected a number above 0"))
            }
            ClaimTest::SensorBeyond { bound, .. } if !(bound.is_finite() && *bound >= 0.0) => {
                wrong(&format!("bound = {bound}: expected a number of 0 or more"))
            }
            ClaimTest::EstimateWithin { low, high, .. }
            | ClaimTest::SensorWithin { low, high, .. }
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
            _ => Ok(()),
        }
    }
}
