//! Tables: the same rows as CSV for machines and as Typst source for the paper.

use std::borrow::Cow;

mod claims;
mod energy;
mod exclusions;
mod quality;
mod quantities;
mod sensor;
mod targets;
mod typst;
mod windows;

pub use claims::claims_table;
pub use energy::{SweepTable, SweepTableEntry, energy_table, sweep_tables};
pub use exclusions::exclusions_table;
pub use quality::quality_table;
pub use sensor::{sensor_table, timing_table};
pub use targets::targets_table;
pub use windows::windows_table;

/// A table. The CSV has every column with full numbers, the print those with a title, rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the files.
    pub name: Cow<'static, str>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each has a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What a reader of the print must know.
    pub notes: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in the CSV, with its unit.
    pub key: &'static str,
    /// Heading in print; without one the column stays in the CSV.
    pub title: Option<&'static str>,
    /// Where the print sets the cells.
    pub align: Align,
}

/// Side on which a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A cell: for machines and for readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Text in the CSV; empty where absent.
    pub data: String,
    /// Text in print.
    pub print: String,
}

/// What stands in print for a value that is not there.
pub(crate) const ABSENT: &str = "\u{2013}";

/// A number and its bounds, as far as they are there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounded {
    pub(crate) value: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

impl Column {
    pub(crate) const fn words(key: &'static str, title: &'static str) -> Self {
        Self {
            key,
            title: Some(title),
            align: Align::Left,
        }
    }

    pub(crate) const fn number(key: &'static str, title: &'static str) -> Self {
        Self {
            key,
            title: Some(title),
            align: Align::Right,
        }
    }

    pub(crate) const fn data(key: &'static str) -> Self {
        Self {
            key,
            title: None,
            align: Align::Left,
        }
    }
}

impl Cell {
    /// The same text for both.
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let data = text.into();
        Self {
            print: data.clone(),
            data,
        }
    }

    /// Text in print for a number in full.
    pub(crate) fn number(value: Option<f64>, print: impl Into<String>) -> Self {
        Self {
            data: value.map(|value| value.to_string()).unwrap_or_default(),
            print: if value.is_some() {
                print.into()
            } else {
                ABSENT.to_owned()
            },
        }
    }

    /// A number in full with its print, and its bounds for machines.
    pub(crate) fn estimate(value: Bounded, printed: impl Into<String>) -> [Self; 3] {
        [
            Self::number(value.value, printed),
            Self::number(value.low, ""),
            Self::number(value.high, ""),
        ]
    }

    /// An optional word.
    pub(crate) fn word(text: Option<&str>) -> Self {
        Self {
            data: text.unwrap_or_default().to_owned(),
            print: text.unwrap_or(ABSENT).to_owned(),
        }
    }
}

impl Table {
    /// The table as CSV, every column.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = self.columns.iter().map(|column| column.key);
        writer
            .write_record(header)
            .expect("writing to memory cannot fail");
        for row in &self.rows {
            let cells = row.iter().map(|cell| cell.data.as_str());
            writer
                .write_record(cells)
                .expect("a row has a cell for each column");
        }
        let bytes = writer.into_inner().expect("flushing to memory cannot fail");
        String::from_utf8(bytes).expect("cells are UTF-8")
    }

    /// The table as Typst source: content to `#include`, without a caption.
    pub fn to_typst(&self) -> String {
        typst::source(self)
    }
}

#[cfg(test)]
mod tests;
