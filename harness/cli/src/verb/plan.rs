//! `joulebench plan`

mod promise;
mod window;

use harness::control::Wish;
use harness::device::DEFAULT_BOARD;
use harness::plan_file;
use harness::worker::offer;
use metering::instrument::Basis;
use model::plan::{DeviceKind, Plan, SecondStage, TierRules};
use serde::Serialize;

use crate::args::PlanArguments;
use crate::exit::{Exit, refuse};
use crate::output::say;
use crate::verb::measure;

use promise::{Promise, TierPromise, promises};
use window::{InstrumentPromise, instrument};

/// What a plan amounts to.
#[derive(Serialize)]
struct Outline<'a> {
    plan: &'a Plan,
    runs: Vec<model::run::Run>,
    expected_s: f64,
    needs: Vec<String>,
    /// Engines of our own worker that could not be asked what they run, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_asked: Vec<String>,
    /// SHA-256 of the plan's canonical text.
    plan_sha256: String,
    /// What the plan's own tier demands.
    rules: Option<TierRules>,
    /// What each tier would cost and promise for these points.
    tiers: Vec<TierPromise>,
    /// How long a window the instrument needs, and how often the work of each point goes into it.
    instrument: InstrumentPromise<'a>,
}

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<Exit> {
    let plan = plan_file::read(&arguments.file)?;
    let not_asked = offer::check(&plan)?;
    let profile = arguments.profile.as_deref().map(measure::profile);
    let promised = instrument(
        &plan,
        profile.transpose()?.as_ref(),
        arguments.instrument_budget,
    );
    let instrument = match promised {
        Ok(instrument) => instrument,
        Err(error) => refuse!("--instrument-budget: {error}"),
    };
    let runs = plan.runs();
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    let expected_s = plan.session.planned_s() * runs.len() as f64;
    let outline = Outline {
        needs: needs(&plan),
        not_asked: not_asked.iter().map(ToString::to_string).collect(),
        plan_sha256: plan.sha256(),
        rules: plan.rules(),
        tiers: promises(&plan)?,
        instrument,
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

/// Seconds up to two minutes, minutes up to two hours, hours beyond.
fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7_200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
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
    let sentinels = plan
        .reference
        .as_ref()
        .map_or("", |_| " with 3 sentinels each");
    say!(
        "{} points × {} blocks{sentinels} = {} runs",
        plan.points.len(),
        plan.blocks,
        plan.first_stage().len()
    );
    if let Some(rules) = &outline.rules {
        print_rules(plan, rules);
    }
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
    for reason in &outline.not_asked {
        say!("not checked: what this worker can run is not known here: {reason}");
    }
    print_tiers(&outline.tiers);
    print_instrument(&outline.instrument);
    say!("order of the first block:");
    for run in outline.runs.iter().filter(|run| run.block == 0) {
        let role = if run.role.is_point() {
            String::new()
        } else {
            format!("  ({})", run.role.name().replace('_', " "))
        };
        say!("  {}  {}{role}", run.id, run.point);
    }
}

/// What the tier fixes before anything is measured.
fn print_rules(plan: &Plan, rules: &TierRules) {
    let tier = plan.tier.map_or("", model::plan::Tier::name);
    say!("protocol {tier}, fixed before any data:");
    say!("  plan hash         {}", plan.sha256());
    say!("  primary metric    energy for one unit of work, on the logarithmic scale");
    say!("  alpha             {}", rules.alpha);
    if let (Some(reference), Some(paired_with)) = (&plan.reference, plan.paired_with) {
        say!("  reference         {reference}");
        say!("  ratios by block   to its {} run", paired_with.name());
    }
    if let Some(SecondStage {
        half_width,
        most_blocks,
    }) = rules.second_stage
    {
        say!(
            "  blocks            {}, then as many as ±{} % of a ratio needs, at most {most_blocks}; one look",
            plan.blocks,
            half_width * 100.0
        );
    }
    if let Some(window_s) = rules.confirmation_window_s {
        say!("  confirmation      one run of {window_s} s for each point");
    }
    if let Some(cap_s) = rules.pre_soak_cap_s {
        say!(
            "  pre-soak          the reference, until the temperature stands still, at most {cap_s} s"
        );
    }
    say!("  excluded          runs with a recorded fault, and no others; outliers stay");
    say!(
        "  tried again       {} times, at the end of the block",
        plan.retries
    );
}

fn print_tiers(tiers: &[TierPromise]) {
    say!("what each tier costs and promises for these points (95 % interval of a ratio):");
    say!("  tier       scatter of runs   blocks    runs   at least   half-width");
    for tier in tiers {
        for promise in &tier.scatter {
            say!("{}", promise_line(tier, promise));
        }
    }
}

fn print_instrument(promise: &InstrumentPromise<'_>) {
    let percent = |share: f64| format!("±{:.2} %", share * 100.0);
    let basis = match promise.basis {
        Some(Basis::Profile) => ", by the profile",
        Some(Basis::Class) => ", by the class of the board",
        None => ", by the refreshes of the processor's counter",
    };
    say!("what the instrument adds to one run (95 %, without its scale{basis}):");
    say!(
        "  windows of {} s leave {}; {} takes {:.2} s",
        promise.window_s,
        percent(promise.half_width),
        percent(promise.target),
        promise.needed_window_s
    );
    if promise.needed_window_s > promise.window_s {
        say!(
            "  window_s is too short for that: set it to {:.1} or more",
            (promise.needed_window_s * 10.0).ceil() / 10.0
        );
    }
    if promise.has_single_runs {
        say!("  a command without marks is run once in a window: it must last that long itself");
    }
    if promise
        .points
        .iter()
        .all(|point| point.most_repetitions.is_none())
    {
        say!("points:");
    } else {
        say!(
            "points, and how often at most their work is repeated in {:.2} s (at the floor of an H200):",
            promise.needed_window_s
        );
    }
    for line in point_lines(promise) {
        say!("  {line}");
    }
}

/// The points, with their repetitions where these are known.
fn point_lines(promise: &InstrumentPromise<'_>) -> Vec<String> {
    let counts: Vec<String> = promise
        .points
        .iter()
        .map(|point| {
            point
                .most_repetitions
                .map(|count| format!("{count} × "))
                .unwrap_or_default()
        })
        .collect();
    let width = counts.iter().map(|text| text.chars().count()).max();
    let width = width.unwrap_or(0);
    promise
        .points
        .iter()
        .zip(counts)
        .map(|(point, count)| format!("{count:>width$}{}", point.point))
        .collect()
}

fn promise_line(tier: &TierPromise, promise: &Promise) -> String {
    let not_met = match promise.chance_not_met {
        Some(chance) if chance >= 0.005 => {
            format!(", precision not met in {:.0} % of sweeps", chance * 100.0)
        }
        _ => String::new(),
    };
    format!(
        "  {:<10} {:>13} %  {:>7.1} {:>7.0} {:>10}   ±{:.2} %{not_met}",
        tier.tier.name(),
        promise.cv_pct,
        promise.blocks,
        promise.runs,
        duration(promise.at_least_s),
        promise.half_width_pct
    )
}
