//! What the sensors of the calibrated boards are like: `out/calibration`, from their recordings.

use std::path::Path;

use analysis::write::{write_atomically, write_json};

use crate::args::calibrate::DEFAULT_EDGE_MS;
use crate::layout::{Layout, subfolders};
use crate::verb::calibrate::profile_from;

/// Identifies the sensors of every recording below `artifacts/calibration`.
pub(crate) fn identify(layout: &Layout, out: &Path) -> anyhow::Result<()> {
    for folder in subfolders(&layout.calibrations())? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let profile = profile_from(&folder.join("trace.parquet"), DEFAULT_EDGE_MS)?;
        let file = |ending: &str| out.join(format!("calibration/{name}.{ending}"));
        write_json(&file("json"), &profile)?;
        write_atomically(&file("txt"), profile.to_string().as_bytes())?;
    }
    Ok(())
}
