//! How far a sweep is, as far as its folder tells.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::plan::{Decision, Plan};
use model::run::{Run, RunId};

use super::two_stage::read_decision;
use crate::store::{StoreError, failed_attempts, path_in};

/// How far a sweep is.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Every run that is known so far, in the order of execution.
    pub runs: Vec<Run>,
    /// Those that are sealed.
    pub sealed: BTreeSet<RunId>,
    /// Traces of attempts that failed.
    pub failed: Vec<PathBuf>,
    /// What the first stage decided; absent before it is over, and where there is no second one.
    pub decision: Option<Decision>,
}

impl Outlook {
    /// Of the sweep in a folder, which need not exist yet. Nothing is opened for writing.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn of(plan: &Plan, root: &Path) -> Result<Self, StoreError> {
        let decision = read_decision(plan, root)?;
        let runs = plan.runs_with(decision.as_ref());
        let sealed = runs
            .iter()
            .map(|run| run.id.clone())
            .filter(|id| path_in(root, id).exists())
            .collect();
        Ok(Self {
            runs,
            sealed,
            failed: failed_attempts(root)?,
            decision,
        })
    }

    /// The runs that are not sealed.
    pub fn left(&self) -> impl Iterator<Item = &Run> {
        self.runs
            .iter()
            .filter(|run| !self.sealed.contains(&run.id))
    }

    /// Failed attempts of runs that are not sealed, by the name of the file: `RUNID-1.parquet`.
    pub fn quarantined(&self) -> impl Iterator<Item = (&Run, usize)> {
        self.left().filter_map(|run| {
            let of_run = |file: &&PathBuf| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.strip_prefix(run.id.as_str())
                    .is_some_and(|rest| rest.starts_with('-'))
            };
            let attempts = self.failed.iter().filter(of_run).count();
            (attempts > 0).then_some((run, attempts))
        })
    }
}
