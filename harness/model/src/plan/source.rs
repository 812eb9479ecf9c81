//! A plan as it is written, and the check of every value in it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DEFAULT_ENGINE, OWN_WORKER, Plan, PlanError, SessionSettings};
use crate::axis::{Axis, AxisValue, Domain};
use crate::point::Point;
use crate::run::{Engine, Protocol};

/// Runs that a plan may have: weeks of measurements, and 100 MiB of their descriptions.
const MOST_RUNS: u64 = 100_000;

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

impl PlanSource {
    /// Checks every value and expands the cross product.
    ///
    /// # Errors
    /// The first value that cannot be accepted, with its key and what was expected.
    pub fn validate(self) -> Result<Plan, PlanError> {
        check_name(&self.name)?;
        if self.blocks == 0 || self.blocks > 10_000 {
            return Err(PlanError::new(
                "blocks",
                self.blocks,
                "a whole number from 1 to 10000",
            ));
        }
        if self.seed >= 1 << 53 {
            return Err(PlanError::new(
                "seed",
                self.seed,
                "a whole number below 2^53",
            ));
        }
        self.session.validate()?;
        let engines = self.checked_engines()?;
        let axes = self.checked_axes(&engines)?;
        self.check_size(&axes)?;
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
                    format!("{:?}", engine.command),
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
                        "the axis to be left out: device '{}' is read-only in this version, only 'emulated' takes settings",
                        self.session.device
                    ),
                ));
            }
            axes.insert(axis, values.clone());
        }
        if axes.is_empty() {
            return Err(PlanError::new("axes", "{}", "at least one axis"));
        }
        if let Entry::Vacant(engine_axis) = axes.entry(Axis::Engine) {
            let mut names = engines.keys();
            let (Some(name), None) = (names.next(), names.next()) else {
                return Err(PlanError::new(
                    "axes.engine",
                    "absent",
                    "the engines to compare, since [engines] names several",
                ));
            };
            engine_axis.insert(vec![AxisValue::Text(name.clone())]);
        }
        Ok(axes)
    }

    /// A plan of a few lines can name more points than any memory holds.
    fn check_size(&self, axes: &BTreeMap<Axis, Vec<AxisValue>>) -> Result<(), PlanError> {
        let runs = axes
            .values()
            .map(|values| u64::try_from(values.len()).unwrap_or(u64::MAX))
            .fold(u64::from(self.blocks), u64::saturating_mul);
        if runs > MOST_RUNS {
            return Err(PlanError::new(
                "axes",
                format!("{runs} runs"),
                format!(
                    "at most {MOST_RUNS} runs: the values of all axes, and the blocks, multiplied"
                ),
            ));
        }
        Ok(())
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

fn expand(axes: &BTreeMap<Axis, Vec<AxisValue>>, excludes: &[Point]) -> Vec<Point> {
    let mut points = vec![Point::default()];
    for (axis, values) in axes {
        points = points
            .iter()
            .flat_map(|point| {
                values
                    .iter()
                    .map(|value| point.clone().with(*axis, value.clone()))
            })
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
        (Domain::Integers(low, high), AxisValue::Integer(number)) => (low..=high).contains(number),
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
