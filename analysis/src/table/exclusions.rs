//! What entered no estimate.

use model::provenance::Provenance;

use super::{Cell, Column, Table};
use crate::stage::Exclusion;

/// One row for each reason of each excluded run or attempt.
pub fn exclusions_table(exclusions: &[Exclusion]) -> Table {
    let notes = if exclusions.is_empty() {
        vec!["Nothing was excluded.".to_owned()]
    } else {
        Vec::new()
    };
    Table {
        name: "exclusions".into(),
        columns: vec![
            Column::data("sweep"),
            Column::words("run_id", "Run"),
            Column::number("block", "Block"),
            Column::words("point", "Point"),
            Column::data("file"),
            Column::words("fault", "Fault"),
            Column::words("detail", "Detail"),
            Column::words("provenance", "Provenance"),
        ],
        rows: exclusions.iter().map(row).collect(),
        notes,
    }
}

fn row(exclusion: &Exclusion) -> Vec<Cell> {
    vec![
        Cell::same(&exclusion.sweep),
        Cell::same(&exclusion.run_id),
        Cell::same(exclusion.block.to_string()),
        Cell::same(&exclusion.point),
        Cell::word(exclusion.file.as_deref()),
        Cell::same(&exclusion.fault),
        Cell::same(&exclusion.detail),
        Cell::word(exclusion.provenance.map(Provenance::name)),
    ]
}
