//! The table of emulated runs: the rows of the analysis, as in the runs table.

use super::column::Filled;
use super::runs;
use crate::row::Row;

/// The table for these rows.
pub(super) fn columns(rows: &[&Row]) -> Vec<Filled> {
    runs::columns(rows)
}
