//! Reading recorded tables: CSV, plain or compressed, with errors that name file and line.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::Error;

/// The rows of a CSV file with a header; names ending in `.gz` are decompressed.
pub(super) fn read_table<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let file = fs_err::File::open(path)?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let rows: Vec<T> = csv::Reader::from_reader(reader)
        .into_deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(|error| {
            Error::content(
                path,
                format!("{error}; restore the recording from its source"),
            )
        })?;
    if rows.is_empty() {
        return Err(Error::content(
            path,
            "has no rows; restore the recording from its source",
        ));
    }
    Ok(rows)
}
