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
