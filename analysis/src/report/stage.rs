//! From result files to the report.

use std::path::{Path, PathBuf};

use super::page::{Drawing, Report, document};
use super::sheet;
use crate::Error;
use crate::emulated;
use crate::figure::FigureEntry;
use crate::stage::{
    Layout, read_claims, read_estimates, read_exclusions, read_sensors, read_summary, read_targets,
};
use crate::table::{energy_table, exclusions_table, sensor_table, targets_table};
use crate::write::write_atomically;

/// Writes `out/report.html` from the results in `out` and the contact sheets in `sheets`. `raw` are
/// links to folders of raw traces, relative to `out`, with forward slashes.
///
/// # Errors
/// [`Error::Io`] where a result is missing, [`Error::Content`] where one cannot be understood. The
/// report is not touched then.
pub fn stage(out: &Path, raw: &[&str], sheets: &Path) -> Result<PathBuf, Error> {
    let report = Report {
        claims: read_claims(out)?,
        sweeps: read_summary(out)?.sweeps,
        energy: energy_table(&read_estimates(out)?),
        targets: targets_table(&read_targets(out)?),
        exclusions: exclusions_table(&read_exclusions(&Layout::new(out).exclusions())?),
        sensors: sensor_table(&read_sensors(out)?),
        figures: drawings(out)?,
        sheets: sheet::read(sheets)?,
        emulated: emulated::read_tables(out)?,
        raw: raw.iter().map(|href| (*href).to_owned()).collect(),
    };
    let path = out.join("report.html");
    write_atomically(&path, document(&report).as_bytes())?;
    Ok(path)
}

fn drawings(out: &Path) -> Result<Vec<Drawing>, Error> {
    let figures = out.join("figures");
    let index = figures.join("index.json");
    let entries: Vec<FigureEntry> =
        serde_json::from_slice(&fs_err::read(&index)?).map_err(|error| {
            Error::content(
                &index,
                format!("{error}; write it anew with `joulebench figures`"),
            )
        })?;
    let drawing = |entry: FigureEntry| {
        let path = figures.join(&entry.slug).with_extension("svg");
        let svg = fs_err::read_to_string(&path)?;
        if !svg.starts_with("<svg ") {
            return Err(Error::content(
                path,
                "is not a drawing of joulebench; write it anew with `joulebench figures`",
            ));
        }
        Ok(Drawing { entry, svg })
    };
    entries.into_iter().map(drawing).collect()
}
