//! The runs table: the rows of the analysis.

use crate::row::{Cell, CellKind, ROW_COLUMNS, Row, RowColumn};

use super::column::Filled;

/// Columns that every row has; what else a row lacks depends on its device and its faults.
const REQUIRED: [&str; 10] = [
    "sweep",
    "run_id",
    "block",
    "order",
    "role",
    "provenance",
    "device",
    "samples",
    "late_samples",
    "faults",
];

/// The table for these rows.
pub(super) fn columns(rows: &[&Row]) -> Vec<Filled> {
    ROW_COLUMNS
        .iter()
        .map(|column| filled(column, rows))
        .collect()
}

fn filled(column: &RowColumn, rows: &[&Row]) -> Filled {
    let cells = rows.iter().map(|row| (column.cell)(row));
    let filled = match column.kind {
        CellKind::Text => {
            let texts = cells.map(|cell| match cell {
                Cell::Text(value) => value,
                Cell::Integer(_) | Cell::Float(_) => None,
            });
            Filled::texts(column.name, texts)
        }
        CellKind::Integer => {
            let integers = cells.map(|cell| match cell {
                Cell::Integer(value) => value,
                Cell::Text(_) | Cell::Float(_) => None,
            });
            Filled::integers(column.name, column.unit, integers)
        }
        CellKind::Float => {
            let floats = cells.map(|cell| match cell {
                Cell::Float(value) => value,
                Cell::Text(_) | Cell::Integer(_) => None,
            });
            Filled::floats(column.name, column.unit, floats)
        }
    }
    .about(column.description);
    if REQUIRED.contains(&column.name) {
        filled.required()
    } else {
        filled
    }
}
