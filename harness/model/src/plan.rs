//! A sweep plan: axes, engines, session times, blocks and seed; and the runs that follow from it.
//!
//! [`PlanSource`] is what stands in a TOML file; [`PlanSource::validate`] turns it into a [`Plan`],
//! which is known to be runnable; [`Plan::runs`] is a pure function of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::axis::{Axis, AxisValue, Domain};
use crate::point::Point;
use crate::run::{Engine, Protocol, Run};

/// The engine that runs where a plan has no `engine` axis.
pub const DEFAULT_ENGINE: &str = "candle";

/// The program name that stands for the project's own worker.
pub const OWN_WORKER: &str = "joulebench-worker";

/// A sweep as it is written in TOML.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSource {
    /// Short name: lower-case letters, digits and hyphens; names the folder of the traces.
    pub name: String,
    /// One sentence for people.
    pub title: String,
    /// Seed of the order of runs, the weights and the inputs.
    pub seed: u64,
    /// How often each point is run.
    pub blocks: u32,
    /// Device and times.
    pub session: SessionSettings,
    /// Programs that can do the work, by name.
    #[serde(default)]
    pub engines: BTreeMap<String, Engine>,
    /// The values of each axis; the sweep is their cross product.
    pub axes: BTreeMap<String, Vec<AxisValue>>,
    /// Combinations that are left out: a point with all values of an entry is not run.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, AxisValue>>,
}

/// The device and the times of each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Which kind of device is measured.
    pub device: DeviceKind,
    /// Which of them, from 0.
    #[serde(default)]
    pub device_index: u32,
    /// Time between two samples.
    pub sample_period_ms: u32,
    /// Idle baseline before the worker starts, in seconds.
    pub idle_s: f64,
    /// How long the worker warms up before the window, in seconds.
    pub warmup_s: f64,
    /// Shortest window, in seconds; it ends with the iteration that passes this time.
    pub window_s: f64,
    /// Pause after the worker ended, before the second idle baseline, in seconds.
    pub cooldown_s: f64,
    /// Longest silence of the worker before it counts as hung, in seconds.
    pub timeout_s: f64,
}

/// The kinds of device that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// An NVIDIA GPU through `libnvidia-ml.so.1`.
    Nvml,
    /// This machine's processor, with RAPL energy where it can be read.
    Cpu,
    /// The emulated GPU in virtual time.
    Emulated,
}

impl DeviceKind {
    /// Every kind, in the order of help texts.
    pub const ALL: [Self; 3] = [Self::Nvml, Self::Cpu, Self::Emulated];

    /// The word in plans and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvml => "nvml",
            Self::Cpu => "cpu",
            Self::Emulated => "emulated",
        }
    }

    /// Whether settings of such a device can be changed by this version of the harness.
    pub const fn can_be_controlled(self) -> bool {
        matches!(self, Self::Emulated)
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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

impl PlanSource {
    /// Checks every value and expands the cross product.
    ///
    /// # Errors
    /// The first value that cannot be accepted, with its key and what was expected.
    pub fn validate(self) -> Result<Plan, PlanError> {
        check_name(&self.name)?;
        if self.blocks == 0 || self.blocks > 10_000 {
            return Err(PlanError::new("blocks", self.blocks, "a whole number from 1 to 10000"));
        }
        if self.seed >= 1 << 53 {
            return Err(PlanError::new("seed", self.seed, "a whole number below 2^53"));
        }
        self.session.validate()?;
        let engines = self.checked_engines()?;
        let axes = self.checked_axes(&engines)?;
        let excludes = self.checked_excludes(&axes)?;
        let points = expand(&axes, &excludes);
        if points.is_empty() {
            return Err(PlanError::new(
                "exclude",
                format!("{} entries", excludes.len()),
                "at least one point to be left over",
            ));
        }
        Ok(Plan {
            name: self.name,
            title: self.title,
            seed: self.seed,
            blocks: self.blocks,
            session: self.session,
            engines,
            points,
        })
    }

    fn checked_engines(&self) -> Result<BTreeMap<String, Engine>, PlanError> {
        let mut engines = self.engines.clone();
        for (name, engine) in &engines {
            if engine.command.first().is_none_or(String::is_empty) {
                return Err(PlanError::new(
                    format!("engines.{name}.command"),
                    "[]",
                    "a program and its arguments",
                ));
            }
        }
        if engines.is_empty() {
            engines.insert(
                DEFAULT_ENGINE.to_owned(),
                Engine {
                    command: vec![OWN_WORKER.to_owned()],
                    protocol: Protocol::Marks,
                },
            );
        }
        Ok(engines)
    }

    fn checked_axes(
        &self,
        engines: &BTreeMap<String, Engine>,
    ) -> Result<BTreeMap<Axis, Vec<AxisValue>>, PlanError> {
        let mut axes = BTreeMap::new();
        for (name, values) in &self.axes {
            let key = format!("axes.{name}");
            let axis = parse_axis(&key, name)?;
            if values.is_empty() {
                return Err(PlanError::new(key, "[]", axis.domain().to_string()));
            }
            let mut seen = BTreeSet::new();
            for value in values {
                check_value(&key, axis, value, engines)?;
                if !seen.insert(value) {
                    return Err(PlanError::new(key, value, "each value once"));
                }
            }
            if axis.needs_control() && !self.session.device.can_be_controlled() {
                return Err(PlanError::new(
                    key,
                    format!("{} values", values.len()),
                    format!(
                        "no such axis on device '{}': this version changes settings of the emulated device only",
                        self.session.device
                    ),
                ));
            }
            axes.insert(axis, values.clone());
        }
        if axes.is_empty() {
            return Err(PlanError::new("axes", "{}", "at least one axis"));
        }
        if !axes.contains_key(&Axis::Engine) {
            let mut names = engines.keys();
            let (Some(name), None) = (names.next(), names.next()) else {
                return Err(PlanError::new(
                    "axes.engine",
                    "absent",
                    "the engines to compare, since [engines] names several",
                ));
            };
            axes.insert(Axis::Engine, vec![AxisValue::Text(name.clone())]);
        }
        Ok(axes)
    }

    fn checked_excludes(
        &self,
        axes: &BTreeMap<Axis, Vec<AxisValue>>,
    ) -> Result<Vec<Point>, PlanError> {
        self.exclude
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                entry
                    .iter()
                    .map(|(name, value)| {
                        let key = format!("exclude[{index}].{name}");
                        let axis = parse_axis(&key, name)?;
                        let values = axes.get(&axis).ok_or_else(|| {
                            PlanError::new(&key, value, "an axis that stands in [axes]")
                        })?;
                        if !values.contains(value) {
                            return Err(PlanError::new(
                                key,
                                value,
                                format!("one of the values of axes.{name}: {}", list(values)),
                            ));
                        }
                        Ok((axis, value.clone()))
                    })
                    .collect()
            })
            .collect()
    }
}

impl SessionSettings {
    fn validate(&self) -> Result<(), PlanError> {
        if !(1..=1_000).contains(&self.sample_period_ms) {
            return Err(PlanError::new(
                "session.sample_period_ms",
                self.sample_period_ms,
                "a whole number from 1 to 1000",
            ));
        }
        let times = [
            ("session.idle_s", self.idle_s, 0.0, 3_600.0),
            ("session.warmup_s", self.warmup_s, 0.0, 3_600.0),
            ("session.window_s", self.window_s, 0.1, 36_000.0),
            ("session.cooldown_s", self.cooldown_s, 0.0, 3_600.0),
            ("session.timeout_s", self.timeout_s, 0.1, 36_000.0),
        ];
        for (key, seconds, low, high) in times {
            if !(low..=high).contains(&seconds) {
                return Err(PlanError::new(key, seconds, format!("seconds from {low} to {high}")));
            }
        }
        Ok(())
    }

    /// How long one run takes beyond the loading of the model, in seconds: the sum of its stages.
    pub fn planned_s(&self) -> f64 {
        2.0 * self.idle_s + self.warmup_s + self.window_s + self.cooldown_s
    }
}

impl Plan {
    /// Every run in the order of execution: randomised complete blocks, each block shuffled by
    /// ChaCha8 seeded with the plan's seed and the block's number.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::with_capacity(self.points.len() * self.blocks as usize);
        for block in 0..self.blocks {
            let mut points = self.points.clone();
            shuffle(&mut points, self.seed, block);
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

/// Fisher–Yates with an unbiased draw for each place.
fn shuffle(points: &mut [Point], seed: u64, block: u32) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from(block));
    for last in (1..points.len()).rev() {
        points.swap(last, draw_below(&mut random, last + 1));
    }
}

/// A uniform index below `bound`, by rejection so that no index is favoured.
fn draw_below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("a slice index fits u64");
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = random.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).expect("smaller than a slice length");
        }
    }
}

fn expand(axes: &BTreeMap<Axis, Vec<AxisValue>>, excludes: &[Point]) -> Vec<Point> {
    let mut points = vec![Point::default()];
    for (axis, values) in axes {
        points = points
            .iter()
            .flat_map(|point| values.iter().map(|value| point.clone().with(*axis, value.clone())))
            .collect();
    }
    points.retain(|point| !excludes.iter().any(|exclude| point.contains(exclude)));
    points.sort();
    points
}

fn parse_axis(key: &str, name: &str) -> Result<Axis, PlanError> {
    Axis::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Axis::ALL.iter().map(|axis| axis.name()).collect();
        PlanError::new(key, name, format!("an axis: one of {}", names.join(", ")))
    })
}

fn check_value(
    key: &str,
    axis: Axis,
    value: &AxisValue,
    engines: &BTreeMap<String, Engine>,
) -> Result<(), PlanError> {
    let accepted = match (axis.domain(), value) {
        (Domain::Words(words), AxisValue::Text(word)) => words.contains(&word.as_str()),
        (Domain::Integers(low, high), AxisValue::Integer(number)) => {
            (low..=high).contains(number)
        }
        (Domain::Engines, AxisValue::Text(name)) => engines.contains_key(name),
        _ => false,
    };
    if accepted {
        return Ok(());
    }
    let expected = match axis.domain() {
        Domain::Engines => {
            let names: Vec<&str> = engines.keys().map(String::as_str).collect();
            format!("a key of [engines]: one of {}", names.join(", "))
        }
        domain => domain.to_string(),
    };
    Err(PlanError::new(key, value, expected))
}

fn check_name(name: &str) -> Result<(), PlanError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(PlanError::new(
            "name",
            format!("{name:?}"),
            "1 to 64 lower-case letters, digits and hyphens",
        ));
    }
    Ok(())
}

fn list(values: &[AxisValue]) -> String {
    let words: Vec<String> = values.iter().map(AxisValue::to_string).collect();
    words.join(", ")
}
