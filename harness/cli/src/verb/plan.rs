//! `joulebench plan`

use harness::control::Wish;
use harness::device::DEFAULT_BOARD;
use harness::plan_file;
use model::plan::{DeviceKind, Plan};
use serde::Serialize;

use crate::args::PlanArguments;
use crate::exit::Exit;
use crate::output::say;

/// What a plan amounts to.
#[derive(Serialize)]
struct Outline<'a> {
    plan: &'a Plan,
    runs: Vec<model::run::Run>,
    expected_s: f64,
    needs: Vec<String>,
}

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<Exit> {
    let plan = plan_file::read(&arguments.file)?;
    let runs = plan.runs();
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    let expected_s = plan.session.planned_s() * runs.len() as f64;
    let outline = Outline {
        needs: needs(&plan),
        runs,
        expected_s,
        plan: &plan,
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&outline)?);
    } else {
        print(&outline);
    }
    Ok(Exit::Success)
}

/// Seconds up to two minutes, minutes beyond.
fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}

fn needs(plan: &Plan) -> Vec<String> {
    let device = match plan.session.device {
        DeviceKind::Nvml => format!("NVIDIA GPU {} and its driver", plan.session.device_index),
        DeviceKind::Cpu => {
            "this machine's processor; energy only where RAPL can be read".to_owned()
        }
        DeviceKind::Emulated => format!(
            "nothing: board {} is emulated in virtual time",
            plan.session.board.as_deref().unwrap_or(DEFAULT_BOARD)
        ),
    };
    // The emulated GPU brings its own worker; no command is started.
    let starts_commands = plan.session.device != DeviceKind::Emulated;
    let engines = plan
        .engines
        .iter()
        .filter(|_| starts_commands)
        .map(|(name, engine)| format!("engine {name}: {}", engine.command.join(" ")));
    let control = Wish::of(plan)
        .filter(|_| plan.session.device == DeviceKind::Nvml)
        .map(|wish| {
            format!(
                "--allow-control and the right to set {}: docs/control.md",
                wish.in_words()
            )
        });
    std::iter::once(device)
        .chain(control)
        .chain(engines)
        .collect()
}

fn print(outline: &Outline<'_>) {
    let plan = outline.plan;
    say!("{}: {}", plan.name, plan.title);
    say!(
        "{} points × {} blocks = {} runs",
        plan.points.len(),
        plan.blocks,
        outline.runs.len()
    );
    match plan.session.device {
        DeviceKind::Emulated => say!("virtual time: seconds in all"),
        _ => say!(
            "at least {} ({} a run, and the time that each worker needs to start)",
            duration(outline.expected_s),
            duration(plan.session.planned_s())
        ),
    }
    say!("needs:");
    for need in &outline.needs {
        say!("  {need}");
    }
    say!("points:");
    for point in &plan.points {
        say!("  {point}");
    }
    say!("order of the first block:");
    for run in outline.runs.iter().filter(|run| run.block == 0) {
        say!("  {}  {}", run.id, run.point);
    }
}
