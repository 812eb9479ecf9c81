//! The work of a point: phases with their counts, for every model of the vocabulary.

use super::architecture::architecture;
use super::ask::{Ask, word};
use super::error::CostError;
use super::phase::Phase;
use crate::axis::{Axis, AxisValue};
use crate::point::Point;
use crate::workload::MODELS;

/// Phases of one iteration of a point, in the order in which they run. The last is the output
/// phase: its units are what the work is counted in. Where the point has the axis
/// [`Axis::Phase`], an iteration is that phase alone.
///
/// # Errors
/// The model is unknown, an axis is missing, or one has a value that the model cannot run at.
pub fn phases(point: &Point) -> Result<Vec<Phase>, CostError> {
    chosen(point, iteration(point)?)
}

/// Name and unit of the output phase of a point.
///
/// # Errors
/// As [`phases`].
pub fn output(point: &Point) -> Result<(&'static str, &'static str), CostError> {
    let phases = phases(point)?;
    let last = phases.last().expect("every architecture has a phase");
    Ok((last.name, last.unit))
}

/// Phases of the whole iteration, whatever the axis [`Axis::Phase`] says.
///
/// # Errors
/// As [`phases`].
pub fn iteration(point: &Point) -> Result<Vec<Phase>, CostError> {
    let model = word(point, Axis::Model, "a point")?;
    let architecture = architecture(model).ok_or_else(|| CostError::Value {
        axis: Axis::Model,
        value: model.to_owned(),
        expected: format!("one of {}", MODELS.join(", ")),
    })?;
    let ask = Ask::read(point, model, architecture.axes())?;
    architecture.phases(&ask)
}

/// The phases that the axis [`Axis::Phase`] leaves: the one that it names, or all.
fn chosen(point: &Point, phases: Vec<Phase>) -> Result<Vec<Phase>, CostError> {
    let Some(wanted) = point.get(Axis::Phase).and_then(AxisValue::as_text) else {
        return Ok(phases);
    };
    let one: Vec<Phase> = phases
        .iter()
        .filter(|phase| phase.name == wanted)
        .copied()
        .collect();
    if one.is_empty() {
        let names: Vec<&str> = phases.iter().map(|phase| phase.name).collect();
        return Err(CostError::Value {
            axis: Axis::Phase,
            value: wanted.to_owned(),
            expected: format!("a phase of the model: one of {}", names.join(", ")),
        });
    }
    Ok(one)
}
