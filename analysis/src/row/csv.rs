//! Rows as CSV text.

use super::{Cell, ROW_COLUMNS, Row};

/// All rows as CSV, one line each after the header; absent values are empty, floats are the
/// shortest text that reads back to the same bits.
pub fn rows_to_csv(rows: &[Row]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let header: Vec<&str> = ROW_COLUMNS.iter().map(|column| column.name).collect();
    writer
        .write_record(&header)
        .expect("writing to memory cannot fail");
    for row in rows {
        let cells: Vec<String> = ROW_COLUMNS
            .iter()
            .map(|column| cell_text(&(column.cell)(row)))
            .collect();
        writer
            .write_record(&cells)
            .expect("writing to memory cannot fail");
    }
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("cells are UTF-8")
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Text(value) => value.clone().unwrap_or_default(),
        Cell::Integer(value) => value.map(|value| value.to_string()).unwrap_or_default(),
        Cell::Float(value) => value.map(|value| value.to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use model::run::{Place, Role};

    use super::*;
    use crate::synthetic;

    /// A sentinel is no replicate of its point: whoever reads the file can leave it out.
    #[test]
    fn every_line_says_why_its_run_was_taken() {
        let of = |role| Row {
            role,
            ..synthetic::row()
        };
        let rows = [
            of(Role::Point),
            of(Role::Sentinel(Place::Middle)),
            of(Role::Confirmation),
        ];
        let text = rows_to_csv(&rows);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let place = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name == "role");
        let place = place.expect("a column 'role'");
        let roles: Vec<String> = reader
            .records()
            .map(|record| record.unwrap()[place].to_owned())
            .collect();
        assert_eq!(roles, ["point", "sentinel_middle", "confirmation"]);
    }
}
