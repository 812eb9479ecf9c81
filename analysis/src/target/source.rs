//! `targets.toml`: what was to be reached, and what was known before.

use std::collections::BTreeSet;
use std::path::Path;

use model::point::Point;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::claim::Criterion;
use crate::estimate::Metric;

/// The whole of `targets.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Where the numbers of [`Seen`] come from, in words.
    pub seen_source: String,
    /// The targets in the order of the table.
    #[serde(rename = "target")]
    pub targets: Vec<Target>,
}

/// One bound on the work of one point.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Short name, for keys of numbers.
    pub id: String,
    /// The work, as the table prints it.
    pub workload: String,
    /// The one sweep that decides.
    pub sweep: String,
    /// Product name of the board that the bound is about.
    pub device: String,
    /// Axis values of the point. Those of peers and stock modules are never taken, unless they are
    /// named; the floor is that of these values where nothing was measured.
    pub point: Point,
    /// What is printed, in its unit.
    pub metric: Metric,
    /// What is held against the bound.
    pub gauge: Gauge,
    /// The least that is allowed; this or [`Target::at_most`].
    pub at_least: Option<f64>,
    /// The most that is allowed.
    pub at_most: Option<f64>,
    /// What was known before.
    pub seen: Seen,
}

/// What is held against a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gauge {
    /// The metric itself, in its unit.
    Value,
    /// How many times as fast as the peer in the same blocks.
    SpeedToPeer,
    /// The share of the floor of that phase, or of the whole iteration.
    FloorShare,
}

/// One end of what is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// Numbers of other programs that were seen before; text, since they have no interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// With the stock modules of candle-transformers.
    pub stock: Option<String>,
    /// With PyTorch.
    pub pytorch: Option<String>,
}

impl Bound {
    /// The number.
    pub const fn number(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    /// The same as a criterion of a claim.
    pub const fn criterion(self) -> Criterion {
        match self {
            Self::AtLeast(bound) => Criterion::AtLeast(bound),
            Self::AtMost(bound) => Criterion::AtMost(bound),
        }
    }
}

impl TargetFile {
    /// Reads and checks a file of targets.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Content`] naming the line or the target, and what was expected.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs_err::read_to_string(path)?;
        Self::parse(&text).map_err(|problem| Error::content(path, problem))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut ids = BTreeSet::new();
        for target in &file.targets {
            target.check()?;
            if !ids.insert(&target.id) {
                return Err(format!("id = {}: expected each id once", target.id));
            }
        }
        Ok(file)
    }
}

/// Metrics that targets may be about: rates, and times of a phase that has a floor.
const METRICS: [Metric; 6] = [
    Metric::Throughput,
    Metric::IterationTime,
    Metric::InferTime,
    Metric::EncodeTime,
    Metric::PrefillTime,
    Metric::DecodeStepTime,
];

impl Target {
    /// The bound, one end of two.
    ///
    /// # Errors
    /// Both ends are there, or none.
    pub fn bound(&self) -> Result<Bound, String> {
        match (self.at_least, self.at_most) {
            (Some(bound), None) => Ok(Bound::AtLeast(bound)),
            (None, Some(bound)) => Ok(Bound::AtMost(bound)),
            _ => Err(format!(
                "target {}: expected either at_least or at_most",
                self.id
            )),
        }
    }

    fn check(&self) -> Result<(), String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(allowed) {
            return Err(format!(
                "id = {:?}: expected lower-case letters, digits and hyphens",
                self.id
            ));
        }
        let bound = self.bound()?.number();
        if !(bound.is_finite() && bound > 0.0) {
            return Err(format!(
                "target {}: bound {bound}: expected a number above 0",
                self.id
            ));
        }
        if !METRICS.contains(&self.metric) {
            let names = METRICS.map(Metric::name);
            return Err(format!(
                "target {}: metric = {}: expected one of {}",
                self.id,
                self.metric,
                names.join(", ")
            ));
        }
        Ok(())
    }
}
