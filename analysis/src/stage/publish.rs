//! Estimates to verdicts, tables and numbers.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::exclusion::read_exclusions;
use super::layout::Layout;
use super::summary::AnalyzeSummary;
use crate::Error;
use crate::claim::{ClaimFile, Claims, Findings, judge};
use crate::emulated::{read_curves, read_evidence};
use crate::estimate::{ESTIMATES_SCHEMA, Estimates};
use crate::imported::SensorReport;
use crate::number::{Numbers, numbers_of};
use crate::table::{
    SweepTableEntry, Table, claims_table, energy_table, exclusions_table, sensor_table,
    sweep_tables, targets_table, timing_table,
};
use crate::target::{self, TargetFile, Targets};
use crate::write::{write_atomically, write_json};

/// Tests the claims of a file against the estimates and the emulated results, where there are any,
/// and writes `claims.json`.
///
/// # Errors
/// Those of the claims file and of the files of [`super::analyze`].
pub fn claims(claims_toml: &Path, out: &Path) -> Result<Claims, Error> {
    let file = ClaimFile::read(claims_toml)?;
    let (curves, evidence) = (read_curves(out)?, read_evidence(out)?);
    let findings = Findings {
        estimates: &read_estimates(out)?,
        sensors: &read_sensors(out)?,
        curves: curves.as_ref(),
        emulated: evidence.as_ref(),
    };
    let claims = judge(&file, &findings);
    write_json(&Layout::new(out).claims(), &claims)?;
    Ok(claims)
}

/// Holds the targets of a file against the estimates and writes `targets.json`.
///
/// # Errors
/// Those of the file of targets and of the files of [`super::analyze`].
pub fn targets(targets_toml: &Path, out: &Path) -> Result<Targets, Error> {
    let file = TargetFile::read(targets_toml)?;
    let targets = target::judge(&file, &read_estimates(out)?);
    write_json(&Layout::new(out).targets(), &targets)?;
    Ok(targets)
}

/// Writes every table as CSV and as Typst source.
///
/// # Errors
/// Those of the files of [`super::analyze`], [`claims`] and [`targets`].
pub fn tables(out: &Path) -> Result<Vec<Table>, Error> {
    let layout = Layout::new(out);
    let sensors = read_sensors(out)?;
    let estimates = read_estimates(out)?;
    let (entries, of_sweeps): (Vec<SweepTableEntry>, Vec<Table>) = sweep_tables(&estimates)
        .into_iter()
        .map(|found| (found.entry, found.table))
        .unzip();
    let mut tables = vec![
        energy_table(&estimates),
        exclusions_table(&read_exclusions(&layout.exclusions())?),
        sensor_table(&sensors),
        timing_table(&sensors),
        claims_table(&read_claims(out)?),
        targets_table(&read_targets(out)?),
    ];
    tables.extend(of_sweeps);
    write_json(&layout.sweep_tables(), &entries)?;
    for table in &tables {
        write_atomically(&layout.table(&table.name, "csv"), table.to_csv().as_bytes())?;
        write_atomically(
            &layout.table(&table.name, "typ"),
            table.to_typst().as_bytes(),
        )?;
    }
    Ok(tables)
}

/// Writes `numbers.json`: all that the paper may print.
///
/// # Errors
/// Those of the files of [`super::analyze`], [`claims`] and [`targets`].
pub fn numbers(out: &Path) -> Result<Numbers, Error> {
    let numbers = numbers_of(
        &read_summary(out)?,
        &read_estimates(out)?,
        &read_sensors(out)?,
        &read_claims(out)?,
        &read_targets(out)?,
    );
    write_json(&Layout::new(out).numbers(), &numbers)?;
    Ok(numbers)
}

/// Reads `estimates.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and place.
pub fn read_estimates(out: &Path) -> Result<Estimates, Error> {
    let path = Layout::new(out).estimates();
    let estimates: Estimates = read_json(&path)?;
    if estimates.schema != ESTIMATES_SCHEMA {
        return Err(Error::content(
            path,
            format!(
                "schema = {}: expected {ESTIMATES_SCHEMA}; run the analysis again",
                estimates.schema
            ),
        ));
    }
    Ok(estimates)
}

/// Reads `sensor.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and place.
pub fn read_sensors(out: &Path) -> Result<SensorReport, Error> {
    read_json(&Layout::new(out).sensors())
}

/// Reads `claims.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and place.
pub fn read_claims(out: &Path) -> Result<Claims, Error> {
    read_json(&Layout::new(out).claims())
}

/// Reads `targets.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and place.
pub fn read_targets(out: &Path) -> Result<Targets, Error> {
    read_json(&Layout::new(out).targets())
}

/// Reads `summary.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and place.
pub fn read_summary(out: &Path) -> Result<AnalyzeSummary, Error> {
    read_json(&Layout::new(out).summary())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Error::content(path, format!("{error}; run the stage before again")))
}
