//! From traces of emulated sweeps, residuals and readings of tools to `out/emulated`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::curve::{Curve, Objective, curve, measured};
use super::numbers::numbers;
use super::optimum::{Optimum, optimum};
use super::residual::Residual;
use super::rows::{self, KnownRow};
use super::table::{optima_table, residuals_table, tools_table};
use super::tool::{self, ToolReading};
use super::truth::truth_of;
use crate::Error;
use crate::row::{Row, rows_to_csv};
use crate::table::Table;
use crate::write::{write_atomically, write_json};

/// Where the inputs lie.
#[derive(Clone, Debug)]
pub struct EmulatedInputs {
    /// Folders of the emulated sweeps.
    pub sweeps: Vec<PathBuf>,
    /// `residuals.json` of the calibration.
    pub residuals: PathBuf,
    /// Folder of the recording of tools; it may be absent.
    pub tool_readings: PathBuf,
}

/// Curves and optima: `out/emulated/dvfs.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// One for each board and phase.
    pub curves: Vec<Curve>,
    /// One for each board, phase and objective.
    pub optima: Vec<Optimum>,
}

/// What the inputs hold.
#[derive(Clone, Debug, Default)]
pub struct EmulatedRecords {
    known: Vec<KnownRow>,
    /// Residuals of the calibration.
    pub residuals: Vec<Residual>,
    /// What tools reported.
    pub readings: Vec<ToolReading>,
}

impl EmulatedRecords {
    /// The rows of the sweeps, in the order of sweeps and runs.
    pub fn rows(&self) -> Vec<Row> {
        self.known.iter().map(|known| known.row.clone()).collect()
    }

    /// Runs with a fault, which enter nothing.
    pub fn faulty(&self) -> usize {
        let rows = self.known.iter().map(|known| &known.row);
        rows.filter(|row| !row.is_faultless()).count()
    }
}

/// Reads every input.
///
/// # Errors
/// Those of the traces and files that are read.
pub fn read(inputs: &EmulatedInputs) -> Result<EmulatedRecords, Error> {
    Ok(EmulatedRecords {
        known: rows::read(&inputs.sweeps)?,
        residuals: read_json(&inputs.residuals)?,
        readings: tool::read(&inputs.tool_readings)?,
    })
}

/// Writes `emulated/rows.csv`, `emulated/dvfs.json`, `emulated/numbers.json` and the tables.
///
/// # Errors
/// Those of [`read`], before anything is written, and of writing.
pub fn stage(inputs: &EmulatedInputs, out: &Path) -> Result<EmulatedRecords, Error> {
    let records = read(inputs)?;
    let EmulatedRecords {
        known,
        residuals,
        readings,
    } = &records;
    let measured = measured(known.iter().map(|known| &known.row));
    let mut curves = Curves {
        curves: Vec::new(),
        optima: Vec::new(),
    };
    for (key, runs) in &measured {
        let Some(found) = curve(key, runs) else {
            continue;
        };
        let optima = Objective::ALL
            .into_iter()
            .filter_map(|objective| optimum(key, &found, runs, objective));
        curves.optima.extend(optima);
        curves.curves.push(found);
    }
    let folder = out.join("emulated");
    write_atomically(
        &folder.join("rows.csv"),
        rows_to_csv(&records.rows()).as_bytes(),
    )?;
    write_json(&curves_path(out), &curves)?;
    let numbers = numbers(known, &curves.optima, residuals, readings);
    write_json(&folder.join("numbers.json"), &numbers)?;
    write_json(&folder.join(RESIDUALS), residuals)?;
    write_json(&folder.join(READINGS), readings)?;
    write_json(&folder.join(COUNTERS), &truth_of(known))?;
    let tables = [
        optima_table(&curves.optima),
        residuals_table(residuals),
        tools_table(readings),
    ];
    for table in tables {
        let path = |ending: &str| folder.join(format!("tables/{}.{ending}", table.name));
        write_atomically(&path("csv"), table.to_csv().as_bytes())?;
        write_atomically(&path("typ"), table.to_typst().as_bytes())?;
    }
    Ok(records)
}

/// Residuals and readings as they entered the results.
pub(super) const RESIDUALS: &str = "residuals.json";
pub(super) const READINGS: &str = "tool-readings.json";
/// The energy counters against the truth.
pub(super) const COUNTERS: &str = "counters.json";

/// The tables with their captions; none where nothing was emulated.
///
/// # Errors
/// [`Error::Content`] where a file of [`stage`] is none.
pub fn read_tables(out: &Path) -> Result<Vec<(&'static str, Table)>, Error> {
    let Some(curves) = read_curves(out)? else {
        return Ok(Vec::new());
    };
    let folder = out.join("emulated");
    let residuals: Vec<Residual> = read_json(&folder.join(RESIDUALS))?;
    let readings: Vec<ToolReading> = read_json(&folder.join(READINGS))?;
    Ok(vec![
        (
            "The clock at which each objective is least",
            optima_table(&curves.optima),
        ),
        (
            "What common tools report on a known load",
            tools_table(&readings),
        ),
        (
            "How far the emulated boards are from silicon",
            residuals_table(&residuals),
        ),
    ])
}

fn curves_path(out: &Path) -> PathBuf {
    out.join("emulated/dvfs.json")
}

/// Reads `dvfs.json`; nothing where no emulated sweep was derived.
///
/// # Errors
/// [`Error::Content`] where the file is none.
pub fn read_curves(out: &Path) -> Result<Option<Curves>, Error> {
    let path = curves_path(out);
    if !path.exists() {
        return Ok(None);
    }
    read_json(&path).map(Some)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| Error::content(path, error))
}
