//! Work by name: a kernel of the emulator, a phase of a model, or counts.

use gpu_sim::kernels;
use model::axis::AxisValue;
use model::cost::{PhaseCost, workload};
use model::point::Point;
use serde::Deserialize;

/// No work at all.
pub(crate) const IDLE: &str = "idle";

/// Where the counts of some work come from.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkSource {
    /// A kernel of the emulator, or `idle`.
    Named(String),
    /// A phase of a model, as a point of a sweep.
    Model(Point),
    /// The counts themselves.
    Cost(PhaseCost),
}

/// What is wrong with a description of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadWork {
    pub(crate) key: &'static str,
    pub(crate) value: String,
    pub(crate) expected: String,
}

impl WorkSource {
    /// What it needs of a GPU once; none is idleness.
    pub(crate) fn cost(&self) -> Result<Option<PhaseCost>, BadWork> {
        match self {
            Self::Named(name) if name == IDLE => Ok(None),
            Self::Named(name) => kernels::named(name).map(Some).ok_or_else(|| BadWork {
                key: "work",
                value: format!("'{name}'"),
                expected: format!("'{IDLE}' or one of {}", kernels::NAMES.join(", ")),
            }),
            Self::Model(point) => cost_of_model(point).map(Some),
            Self::Cost(cost) => checked(cost).map(Some),
        }
    }
}

/// The work that a text names: `idle`, a kernel, or JSON: a point of a sweep such as
/// `{"model": "llama-7b", "precision": "bf16", …, "phase": "decode"}`, or `{"cost": {…}}` with the
/// fields of [`PhaseCost`].
pub fn parse_work(text: &str) -> Result<WorkSource, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Counts {
        cost: PhaseCost,
    }
    let text = text.trim();
    let source = if text.starts_with('{') {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("work {text}: {error}"))?;
        let parsed = if value.get("cost").is_some() {
            serde_json::from_value(value).map(|counts: Counts| WorkSource::Cost(counts.cost))
        } else {
            serde_json::from_value(value).map(WorkSource::Model)
        };
        parsed.map_err(|error| format!("work {text}: {error}"))?
    } else {
        WorkSource::Named(text.to_owned())
    };
    match source.cost() {
        Ok(_) => Ok(source),
        Err(bad) => Err(format!(
            "{} = {}: expected {}",
            bad.key, bad.value, bad.expected
        )),
    }
}

fn cost_of_model(point: &Point) -> Result<PhaseCost, BadWork> {
    let bad = |expected: String| BadWork {
        key: "model",
        value: format!("'{point}'"),
        expected,
    };
    let phases = workload::phases(point)
        .map_err(|error| bad(format!("a point whose work can be counted; {error}")))?;
    match phases.as_slice() {
        [one] => Ok(one.cost),
        several => {
            let names: Vec<&str> = several.iter().map(|phase| phase.name).collect();
            Err(bad(format!(
                "one phase: add phase = one of {}",
                names.join(", ")
            )))
        }
    }
}

fn checked(cost: &PhaseCost) -> Result<PhaseCost, BadWork> {
    let operations = cost
        .operations
        .iter()
        .map(|(pipe, count)| (pipe.name(), count));
    let counts = operations.chain([
        ("dram_bytes", cost.dram_bytes),
        ("cache_bytes", cost.cache_bytes),
        ("kernels", cost.kernels),
        ("host", cost.host.get()),
    ]);
    let shares = [("toggle", cost.toggle), ("serial_share", cost.serial_share)];
    let refuse = |name: &str, value: f64, expected: &str| BadWork {
        key: "cost",
        value: format!("{{ {name} = {value} }}"),
        expected: expected.to_owned(),
    };
    for (name, count) in counts {
        if !count.is_finite() || count < 0.0 {
            return Err(refuse(name, count, "a number, finite and not negative"));
        }
    }
    for (name, share) in shares {
        if !(0.0..=1.0).contains(&share) {
            return Err(refuse(name, share, "a share from 0 to 1"));
        }
    }
    Ok(*cost)
}

/// Whether an index or `"all"` was meant.
pub(super) fn gpus_meant(gpu: Option<&AxisValue>, count: u32) -> Result<Vec<u32>, BadWork> {
    let bad = |value: String| BadWork {
        key: "gpu",
        value,
        expected: format!("\"all\" or an index from 0 to {}", i64::from(count) - 1),
    };
    match gpu {
        None => Ok((0..count).collect()),
        Some(AxisValue::Text(word)) if word == "all" => Ok((0..count).collect()),
        Some(AxisValue::Text(word)) => Err(bad(format!("'{word}'"))),
        Some(AxisValue::Integer(index)) => match u32::try_from(*index) {
            Ok(index) if index < count => Ok(vec![index]),
            _ => Err(bad(index.to_string())),
        },
        Some(AxisValue::Decimal(number)) => Err(bad(number.to_string())),
    }
}
