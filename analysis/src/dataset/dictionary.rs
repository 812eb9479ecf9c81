//! The data dictionary: one line per column of every table.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::parquet_file::StoredSchema;
use super::{Error, Table};

/// Name of the file inside the dataset.
pub(super) const FILE: &str = "data_dictionary.csv";

/// One line of the dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Name of the table.
    pub(super) table: String,
    /// Name of the column.
    pub(super) column: String,
    /// `int64`, `float64`, `string` or `bool`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Unit.
    pub(super) unit: String,
    /// One sentence.
    pub(super) description: String,
}

/// The dictionary of this version of the program, in the order of tables and columns.
pub(super) fn entries() -> Vec<Entry> {
    let of_table = |table: Table| {
        StoredSchema::of(table)
            .columns
            .into_iter()
            .map(move |column| Entry {
                table: table.name().to_owned(),
                column: column.name,
                kind: column.kind,
                unit: column.unit,
                description: column.description,
            })
    };
    Table::ALL.into_iter().flat_map(of_table).collect()
}

/// The dictionary as CSV with a header line.
pub(super) fn to_csv() -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for entry in entries() {
        writer
            .serialize(entry)
            .expect("writing text to memory cannot fail");
    }
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("the dictionary is made of texts")
}

/// Reads the dictionary of a dataset.
pub(super) fn read(root: &Path) -> Result<Vec<Entry>, Error> {
    let path = root.join(FILE);
    let text = fs_err::read_to_string(&path)?;
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| {
            Error::invalid(
                &path,
                format!("{error}; expected the columns table, column, type, unit, description"),
            )
        })
}
