//! What common tools report on a known load, as the recording of the client tests has it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The loads of the recording, in the order of tables.
pub const LOADS: [&str; 4] = ["steady", "burst", "pulses", "prefill-decode"];

/// How far a stated error may be from the one that the energies give, in percentage points: both are
/// rounded in the recording.
const ROUNDING_PCT: f64 = 0.05;

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

impl ToolReading {
    /// What names a reading.
    pub fn key(&self) -> (&str, &str, &str, &str) {
        (&self.board, &self.client, &self.method, &self.load)
    }

    /// What is wrong with a reading, in one sentence.
    fn problem(&self) -> Option<String> {
        let (board, client, _, load) = self.key();
        let of = format!("{client} on {board}, {load}");
        if !LOADS.contains(&load) {
            return Some(format!("{of}: expected a load of {}", LOADS.join(", ")));
        }
        if self.provenance != "emulated" {
            return Some(format!(
                "{of}: provenance = '{}': expected 'emulated'",
                self.provenance
            ));
        }
        if !(self.true_j.is_finite() && self.true_j > 0.0) {
            return Some(format!(
                "{of}: true_j = {}: expected more than 0",
                self.true_j
            ));
        }
        match (self.reported_j, self.error_pct) {
            (Some(reported_j), Some(error_pct)) => {
                let expected = (reported_j / self.true_j - 1.0) * 100.0;
                ((expected - error_pct).abs() > ROUNDING_PCT).then(|| {
                    format!("{of}: error_pct = {error_pct}: the energies give {expected:.2}")
                })
            }
            (None, None) => self
                .reason
                .is_empty()
                .then(|| format!("{of}: no reported_j and no reason")),
            _ => Some(format!(
                "{of}: expected reported_j and error_pct, or neither"
            )),
        }
    }
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
    match readings.iter().find_map(ToolReading::problem) {
        Some(problem) => Err(Error::content(
            &path,
            format!("{problem}; record it anew with tests/clients/run.sh"),
        )),
        None => Ok(readings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "client,version,board,load,method,window_s,reported_j,true_j,error_pct,reason,provenance\n\
                         zeus,1,a100-80,steady,counter,10.0,1020.0,1000.0,2.00,,emulated\n\
                         perun,1,a100-80,burst,power,0.5,,150.0,,fewer than two readings,emulated\n";

    fn read_with(from: &str, to: &str) -> Result<Vec<ToolReading>, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = LINES.replacen(from, to, 1);
        fs_err::write(folder.path().join(READINGS_FILE), text).expect("a fresh folder");
        read(folder.path())
    }

    #[test]
    fn a_recording_is_read_and_none_is_no_error() {
        assert_eq!(read_with("", "").expect("a good recording").len(), 2);
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(read(folder.path()).expect("no recording"), []);
    }

    #[test]
    fn a_reading_that_contradicts_itself_is_named() {
        for (from, to, expected) in [
            ("2.00", "3.00", "zeus on a100-80, steady: error_pct = 3"),
            ("fewer than two readings", "", "no reported_j and no reason"),
            (",steady,", ",stead,", "expected a load of steady"),
            ("emulated", "measured", "expected 'emulated'"),
            ("1020.0", "", "or neither"),
            ("1000.0", "0.0", "expected more than 0"),
        ] {
            let error = read_with(from, to)
                .expect_err("a bad recording")
                .to_string();
            assert!(
                error.contains(expected) && error.contains(READINGS_FILE),
                "{error}"
            );
        }
    }
}
