//! `joulebench status`

use harness::plan_file;
use harness::sweep::Outlook;
use model::plan::{Decision, PointDecision, Precision};
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
    /// Runs that are not sealed and have failed attempts.
    quarantined: Vec<Quarantined>,
    /// What the first stage decided, in plans with two stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    second_stage: Option<Decision>,
    /// Whether every point reaches the precision of its tier; unknown before the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision_met: Option<bool>,
}

/// A run whose attempts all failed.
#[derive(Serialize)]
struct Quarantined {
    run: String,
    attempts: usize,
}

pub(crate) fn run(arguments: &StatusArguments) -> anyhow::Result<Exit> {
    let plan = plan_file::read(&arguments.file)?;
    let outlook = Outlook::of(&plan, &arguments.store.join(&plan.name))?;
    let precision_met = outlook.decision.as_ref().map(|decision| {
        let mut points = decision.points.iter();
        points.all(|point| point.precision == Precision::Met)
    });
    let line = |run: &model::run::Run| {
        let role = if run.role.is_point() {
            String::new()
        } else {
            format!(" {}", run.role)
        };
        format!("{} block {}{role} {}", run.id, run.block, run.point)
    };
    let quarantined = outlook.quarantined().map(|(run, attempts)| Quarantined {
        run: line(run),
        attempts,
    });
    let status = Status {
        sweep: plan.name.clone(),
        runs: outlook.runs.len(),
        sealed: outlook.sealed.len(),
        failed_attempts: outlook.failed.len(),
        left: outlook.left().map(line).collect(),
        quarantined: quarantined.collect(),
        second_stage: outlook.decision.clone(),
        precision_met,
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print(&status);
    }
    let is_decided = plan
        .rules()
        .is_none_or(|rules| rules.second_stage.is_none())
        || status.second_stage.is_some();
    Ok(if status.left.is_empty() && is_decided {
        Exit::Success
    } else {
        Exit::MoreToDo
    })
}

fn print(status: &Status) {
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
    for quarantined in &status.quarantined {
        say!(
            "  in quarantine after {} attempts: {}",
            quarantined.attempts,
            quarantined.run
        );
    }
    if let Some(decision) = &status.second_stage {
        say!(
            "second stage, decided after {} blocks for ±{} %:",
            decision.first_blocks,
            decision.half_width * 100.0
        );
        for point in &decision.points {
            say!("  {}", decided(decision, point));
        }
    }
}

/// What was decided for a point, in one line.
fn decided(decision: &Decision, point: &PointDecision) -> String {
    let percent = |share: Option<f64>| share.map_or(f64::NAN, |share| share * 100.0);
    let words = match (point.precision, point.blocks_needed) {
        (Precision::Met, _) => format!("±{:.2} %", percent(point.half_width)),
        (Precision::NotMet, needed) => format!(
            "±{:.2} %: precision not met, {} blocks are needed and {} the most",
            percent(point.half_width),
            needed.unwrap_or_default(),
            decision.most_blocks
        ),
        (Precision::Unknown, _) => format!(
            "precision unknown: {}",
            point.reason.as_deref().unwrap_or("no reason given")
        ),
    };
    match point.sd_log_ratio {
        Some(sd) => format!(
            "{} blocks, scatter {:.2} %, {words}: {}",
            point.blocks,
            sd * 100.0,
            point.point
        ),
        None => format!("{} blocks, {words}: {}", point.blocks, point.point),
    }
}
