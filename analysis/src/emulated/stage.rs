//! From traces of emulated sweeps, residuals and readings of tools to `out/emulated`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::curve::{Curve, Objective, curve, measured};
use super::numbers::numbers;
use super::optimum::{Optimum, optimum};
use super::residual::Residual;
use super::rows;
use super::table::{optima_table, residuals_table, tools_table};
use super::tool;
use crate::Error;
use crate::row::{Row, rows_to_csv};
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

/// What was derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmulatedSummary {
    /// Runs read.
    pub runs: usize,
    /// Runs with a fault, which enter nothing.
    pub faulty: usize,
}

/// Writes `emulated/rows.csv`, `emulated/dvfs.json`, `emulated/numbers.json` and the tables.
///
/// # Errors
/// Those of the traces and files that are read; nothing is written then.
pub fn stage(inputs: &EmulatedInputs, out: &Path) -> Result<EmulatedSummary, Error> {
    let known = rows::read(&inputs.sweeps)?;
    let residuals = read_residuals(&inputs.residuals)?;
    let readings = tool::read(&inputs.tool_readings)?;
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
    let rows: Vec<Row> = known.iter().map(|known| known.row.clone()).collect();
    write_atomically(&folder.join("rows.csv"), rows_to_csv(&rows).as_bytes())?;
    write_json(&curves_path(out), &curves)?;
    let numbers = numbers(&known, &curves.optima, &residuals, &readings);
    write_json(&folder.join("numbers.json"), &numbers)?;
    let tables = [
        optima_table(&curves.optima),
        residuals_table(&residuals),
        tools_table(&readings),
    ];
    for table in tables {
        let path = |ending: &str| folder.join(format!("tables/{}.{ending}", table.name));
        write_atomically(&path("csv"), table.to_csv().as_bytes())?;
        write_atomically(&path("typ"), table.to_typst().as_bytes())?;
    }
    Ok(EmulatedSummary {
        runs: rows.len(),
        faulty: rows.iter().filter(|row| !row.is_faultless()).count(),
    })
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
    let text = fs_err::read_to_string(&path)?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::content(&path, error))
}

fn read_residuals(path: &Path) -> Result<Vec<Residual>, Error> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| Error::content(path, error))
}
