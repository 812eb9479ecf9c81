//! `joulebench status`

use harness::plan_file;
use harness::store::{failed_attempts, sealed_runs};
use serde::Serialize;

use crate::args::StatusArguments;
use crate::exit::Exit;
use crate::output::say;

/// How far a sweep is.
#[derive(Serialize)]
struct Status {
    sweep: String,
    runs: usize,
    sealed: usize,
    failed_attempts: usize,
    left: Vec<String>,
}

pub(crate) fn run(arguments: &StatusArguments) -> anyhow::Result<Exit> {
    let plan = plan_file::read(&arguments.file)?;
    let root = arguments.store.join(&plan.name);
    let sealed = sealed_runs(&root, &plan)?;
    let runs = plan.runs();
    let status = Status {
        sweep: plan.name.clone(),
        runs: runs.len(),
        sealed: sealed.len(),
        failed_attempts: failed_attempts(&root)?.len(),
        left: runs
            .iter()
            .filter(|run| !sealed.contains(&run.id))
            .map(|run| format!("{} block {} {}", run.id, run.block, run.point))
            .collect(),
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        say!(
            "{}: {} of {} runs are sealed, {} failed attempts",
            status.sweep,
            status.sealed,
            status.runs,
            status.failed_attempts
        );
        for run in &status.left {
            say!("  left: {run}");
        }
    }
    Ok(if status.left.is_empty() {
        Exit::Success
    } else {
        Exit::MoreToDo
    })
}
