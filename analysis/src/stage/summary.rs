//! How much was analysed, as it lies in `summary.json`.

use std::collections::BTreeSet;

use model::plan::Plan;
use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::row::Row;

/// What [`super::analyze`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeSummary {
    /// One for each campaign folder, by name of the sweep.
    pub sweeps: Vec<SweepSummary>,
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSummary {
    /// Name of the sweep.
    pub sweep: String,
    /// The plan's sentence.
    pub title: String,
    /// Measured, emulated or imported; absent where nothing was run.
    pub provenance: Option<Provenance>,
    /// Product names of the devices.
    pub devices: Vec<String>,
    /// Driver versions.
    pub drivers: Vec<String>,
    /// Engines with their versions, as the workers said.
    pub engines: Vec<String>,
    /// Boards, told apart by the hash of their identity.
    pub boards: usize,
    /// Points of the plan.
    pub points: usize,
    /// Blocks of the plan.
    pub blocks: u32,
    /// Runs of the plan.
    pub planned_runs: usize,
    /// Sealed runs.
    pub runs: usize,
    /// Sealed runs without a fault.
    pub faultless_runs: usize,
    /// Attempts that failed and were kept.
    pub failed_attempts: usize,
    /// Planned runs without a sealed trace.
    pub not_run: usize,
}

impl SweepSummary {
    pub(super) fn of(
        plan: &Plan,
        planned_runs: usize,
        rows: &[Row],
        failed_attempts: usize,
        not_run: usize,
    ) -> Self {
        let words = |get: fn(&Row) -> Option<&String>| -> Vec<String> {
            let words: BTreeSet<&String> = rows.iter().filter_map(get).collect();
            words.into_iter().cloned().collect()
        };
        Self {
            sweep: plan.name.clone(),
            title: plan.title.clone(),
            provenance: rows.first().map(|row| row.provenance),
            devices: words(|row| Some(&row.device)),
            drivers: words(|row| row.driver.as_ref()),
            engines: words(|row| row.engine_name.as_ref()),
            boards: words(|row| row.board_id.as_ref()).len(),
            points: plan.points.len(),
            blocks: plan.blocks,
            planned_runs,
            runs: rows.len(),
            faultless_runs: rows.iter().filter(|row| row.is_faultless()).count(),
            failed_attempts,
            not_run,
        }
    }
}
