//! What is known of the emulator beside its curves, as claims need it: the counters against the
//! truth, the residuals of the calibration, the readings of tools.

use std::path::Path;

use super::residual::Residual;
use super::stage::{COUNTERS, READINGS, RESIDUALS, read_curves, read_json};
use super::tool::ToolReading;
use super::truth::CounterTruth;
use crate::Error;

/// What was derived of the emulator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmulatedEvidence {
    /// The energy counter of each emulated sweep.
    pub counters: Vec<CounterTruth>,
    /// Numbers of silicon beside the emulator's.
    pub residuals: Vec<Residual>,
    /// What tools reported; empty without a recording.
    pub tool_readings: Vec<ToolReading>,
}

/// Reads the evidence; nothing where no emulated sweep was derived.
///
/// # Errors
/// [`Error::Content`] where a file of [`super::stage()`] is none.
pub fn read_evidence(out: &Path) -> Result<Option<EmulatedEvidence>, Error> {
    if read_curves(out)?.is_none() {
        return Ok(None);
    }
    let folder = out.join("emulated");
    Ok(Some(EmulatedEvidence {
        counters: read_json(&folder.join(COUNTERS))?,
        residuals: read_json(&folder.join(RESIDUALS))?,
        tool_readings: read_json(&folder.join(READINGS))?,
    }))
}
