//! A plan as it is written, and the check of every value in it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_ENGINE, DeviceKind, OWN_WORKER, PairedWith, Plan, PlanError, SessionSource, Tier,
};
use crate::axis::{Axis, AxisValue, Domain};
use crate::decimal::Decimal;
use crate::point::Point;
use crate::run::{Engine, Protocol};
use crate::workload::{MODELS, is_model_name};

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
    /// How carefully it measures. Sets `blocks` and the times of the session; a plan without a tier
    /// says them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Tier>,
    /// How often each point is run; with a tier, at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u32>,
    /// Values that one point has and no other: the one that the others are compared with. It also
    /// runs first, in the middle and last in each block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<BTreeMap<String, AxisValue>>,
    /// Which runs of the reference enter ratios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_with: Option<PairedWith>,
    /// How often a run with a fault is tried again in the same sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Device and times.
    pub session: SessionSource,
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
        let blocks = self.checked_blocks()?;
        let retries = self.checked_retries()?;
        if self.seed >= 1 << 53 {
            return Err(PlanError::new(
                "seed",
                self.seed,
                "a whole number below 2^53",
            ));
        }
        let session = self.session.clone().validate(self.protocol)?;
        let engines = self.checked_engines()?;
        let axes = self.checked_axes(&engines)?;
        self.check_size(&axes, blocks)?;
        let excludes = self.checked_excludes(&axes)?;
        let points = expand(&axes, &excludes);
        if points.is_empty() {
            return Err(PlanError::new(
                "exclude",
                format!("{} entries", excludes.len()),
                "at least one point to be left over",
            ));
        }
        let reference = self.checked_reference(&axes, &points)?;
        Ok(Plan {
            name: self.name,
            title: self.title,
            seed: self.seed,
            blocks,
            session,
            engines,
            points,
            tier: self.protocol,
            paired_with: reference
                .is_some()
                .then(|| self.paired_with.unwrap_or_default()),
            reference,
            retries,
        })
    }

    fn checked_blocks(&self) -> Result<u32, PlanError> {
        let Some(tier) = self.protocol else {
            return match self.blocks {
                Some(blocks @ 1..=10_000) => Ok(blocks),
                Some(blocks) => Err(PlanError::new(
                    "blocks",
                    blocks,
                    "a whole number from 1 to 10000",
                )),
                None => Err(PlanError::new(
                    "blocks",
                    "absent",
                    "a whole number from 1 to 10000; only a plan with 'protocol' may leave it out",
                )),
            };
        };
        let rules = tier.rules();
        let most = rules.second_stage.map_or(10_000, |stage| stage.most_blocks);
        match self.blocks {
            None => Ok(rules.blocks),
            Some(blocks) if (rules.blocks..=most).contains(&blocks) => Ok(blocks),
            Some(blocks) => Err(PlanError::new(
                "blocks",
                blocks,
                format!(
                    "{} to {most} blocks, which protocol '{tier}' demands, or the key to be left out",
                    rules.blocks
                ),
            )),
        }
    }

    fn checked_retries(&self) -> Result<u32, PlanError> {
        let default = self.protocol.map_or(0, |tier| tier.rules().retries);
        match self.retries {
            None => Ok(default),
            Some(retries @ 0..=20) => Ok(retries),
            Some(retries) => Err(PlanError::new(
                "retries",
                retries,
                "a whole number from 0 to 20",
            )),
        }
    }

    /// The one point that has every value of `reference`.
    fn checked_reference(
        &self,
        axes: &BTreeMap<Axis, Vec<AxisValue>>,
        points: &[Point],
    ) -> Result<Option<Point>, PlanError> {
        let Some(entry) = &self.reference else {
            if let Some(paired_with) = self.paired_with {
                return Err(PlanError::new(
                    "paired_with",
                    paired_with.name(),
                    "a plan with 'reference', or the key to be left out",
                ));
            }
            return match self.protocol.filter(|tier| tier.needs_reference()) {
                Some(tier) => Err(PlanError::new(
                    "reference",
                    "absent",
                    format!(
                        "the values of one point, for example reference = {{ batch = 1 }}; protocol '{tier}' compares every other point with it"
                    ),
                )),
                None => Ok(None),
            };
        };
        let values = checked_values("reference", entry, axes)?;
        let mut matching = points.iter().filter(|point| point.contains(&values));
        let (Some(reference), None) = (matching.next(), matching.next()) else {
            let count = points
                .iter()
                .filter(|point| point.contains(&values))
                .count();
            return Err(PlanError::new(
                "reference",
                values,
                format!("values that one point has and no other; {count} points have them"),
            ));
        };
        if points.len() == 1 {
            return Err(PlanError::new(
                "reference",
                values,
                "at least one more point, to be compared with it",
            ));
        }
        Ok(Some(reference.clone()))
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
                self.check_emulated(&key, axis, value)?;
                if !seen.insert(value) {
                    return Err(PlanError::new(key, value, "each value once"));
                }
            }
            if axis.needs_control() && !self.session.device.can_be_controlled() {
                return Err(PlanError::new(
                    key,
                    format!("{} values", values.len()),
                    format!(
                        "the axis to be left out: device '{}' takes no settings, only 'nvml' and 'emulated' do",
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

    /// An emulated board does work that is counted, and knows no implementations of it.
    fn check_emulated(&self, key: &str, axis: Axis, value: &AxisValue) -> Result<(), PlanError> {
        if self.session.device != DeviceKind::Emulated {
            return Ok(());
        }
        if axis.is_variant() {
            return Err(PlanError::new(
                key,
                value,
                "the axis to be left out: device 'emulated' does counted work, whatever computes it",
            ));
        }
        let is_counted = |name: &str| MODELS.contains(&name);
        if axis == Axis::Model && !value.as_text().is_some_and(is_counted) {
            return Err(PlanError::new(
                key,
                value,
                format!("one of {}", MODELS.join(", ")),
            ));
        }
        Ok(())
    }

    /// A plan of a few lines can name more points than any memory holds.
    fn check_size(
        &self,
        axes: &BTreeMap<Axis, Vec<AxisValue>>,
        blocks: u32,
    ) -> Result<(), PlanError> {
        // A second stage may come to more blocks than the first.
        let second_stage = self.protocol.and_then(|tier| tier.rules().second_stage);
        let blocks = second_stage.map_or(blocks, |stage| stage.most_blocks.max(blocks));
        let runs = axes
            .values()
            .map(|values| u64::try_from(values.len()).unwrap_or(u64::MAX))
            .fold(u64::from(blocks), u64::saturating_mul);
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
            .map(|(index, entry)| checked_values(&format!("exclude[{index}]"), entry, axes))
            .collect()
    }
}

/// Values of axes that stand in the plan.
fn checked_values(
    table: &str,
    entry: &BTreeMap<String, AxisValue>,
    axes: &BTreeMap<Axis, Vec<AxisValue>>,
) -> Result<Point, PlanError> {
    entry
        .iter()
        .map(|(name, value)| {
            let key = format!("{table}.{name}");
            let axis = parse_axis(&key, name)?;
            let values = axes
                .get(&axis)
                .ok_or_else(|| PlanError::new(&key, value, "an axis that stands in [axes]"))?;
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
        (Domain::Decimals(low, high), number) => number
            .as_decimal()
            .is_some_and(|number| (Decimal::whole(low)..=Decimal::whole(high)).contains(&number)),
        (Domain::Engines, AxisValue::Text(name)) => engines.contains_key(name),
        (Domain::Models, AxisValue::Text(name)) => is_model_name(name),
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
