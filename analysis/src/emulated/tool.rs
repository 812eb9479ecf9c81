//! What common tools report on a known load, as the recording of the client tests has it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Name of the recording in its folder.
pub const READINGS_FILE: &str = "tool-readings.csv";

/// One reading of one tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolReading {
    /// Name of the tool.
    pub client: String,
    /// Its version.
    pub version: String,
    /// Board that was emulated.
    pub board: String,
    /// Load that ran.
    pub load: String,
    /// How the tool comes to its number.
    pub method: String,
    /// Length of the window in seconds.
    pub window_s: f64,
    /// Energy that the tool reports, in joules; absent where it reports none.
    pub reported_j: Option<f64>,
    /// Energy that was true, in joules.
    pub true_j: f64,
    /// Relative error of the report in percent.
    pub error_pct: Option<f64>,
    /// Why there is no report; empty where there is one.
    pub reason: String,
    /// Always `emulated`.
    pub provenance: String,
}

/// Reads a recording; nothing where the folder is absent.
///
/// # Errors
/// [`Error::Content`] naming the file where a line is no reading, or one is not marked emulated.
pub fn read(folder: &Path) -> Result<Vec<ToolReading>, Error> {
    let path = folder.join(READINGS_FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs_err::read_to_string(&path)?;
    let readings = csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<Vec<ToolReading>, _>>()
        .map_err(|error| Error::content(&path, error))?;
    match readings
        .iter()
        .find(|reading| reading.provenance != "emulated")
    {
        Some(reading) => Err(Error::content(
            &path,
            format!("provenance = '{}': expected 'emulated'", reading.provenance),
        )),
        None => Ok(readings),
    }
}
