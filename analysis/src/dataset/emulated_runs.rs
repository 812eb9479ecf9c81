//! The table of emulated runs: the rows of the analysis, as in the runs table, and the phase.

use model::axis::{Axis, AxisValue};

use super::column::Filled;
use super::runs;
use crate::row::Row;

/// The table for these rows.
pub(super) fn columns(rows: &[&Row]) -> Vec<Filled> {
    let phases = rows
        .iter()
        .map(|row| row.point.get(Axis::Phase).and_then(AxisValue::as_text));
    let mut columns = runs::columns(rows);
    // Sweeps over the clock repeat one phase of the work; without it their curves cannot be told
    // apart. Measured sweeps have no such axis.
    columns.push(Filled::texts(Axis::Phase.name(), phases).about(Axis::Phase.description()));
    columns
}
