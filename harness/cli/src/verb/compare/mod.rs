//! `joulebench compare`

mod render;

use harness::measure::compare::{self, CompareObserver, CompareStep, Comparison};
use harness::measure::warning::warnings;
use harness::measure::{
    Executor, Measurement, RunCount, RunResult, Settings, Summary, UserCommand, Warning,
};
use model::machine::Machine;
use model::provenance::Provenance;
use model::sample::Sample;
use model::units::Watts;
use serde::Serialize;

use crate::args::compare::CompareArguments;
use crate::exit::{Exit, refuse};
use crate::output::say;
use crate::verb::measure::{
    MeasureBar, Places, REPORT_FORMAT, Target, bench, executor, exit_of, instrument_budget,
    shortest_window_s,
};

/// Everything that is known of the commands.
#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    provenance: Provenance,
    machine: &'a Machine,
    settings: Settings,
    seed: u64,
    commands: Vec<CommandReport>,
}

/// One command; the first is the reference and has no comparison.
#[derive(Serialize)]
struct CommandReport {
    name: String,
    command: String,
    to_reference: Option<Comparison>,
    summary: Summary,
    warnings: Vec<Warning>,
    measurement: Measurement,
}

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<Exit> {
    let names = names(arguments)?;
    let places = Places::of(&arguments.export)?;
    let mut executors: Vec<Box<dyn Executor>> = Vec::new();
    for line in &arguments.commands {
        let command = UserCommand::from_line(line)?;
        executors.push(Box::new(executor(command, &arguments.bench)));
    }
    let mut target = Target::find(arguments.bench.device)?;
    let mut instrument = target.open_alone(arguments.bench.device_index)?;
    let mut bench = bench(instrument.as_mut(), &arguments.bench)?;
    let absence = bench.energy_absence();
    let settings = Settings {
        runs: RunCount::Fixed(arguments.runs),
        warmup_runs: arguments.warmup,
        idle_s: if absence.is_some() {
            0.0
        } else {
            arguments.bench.idle
        },
        shortest_window_s: shortest_window_s(&arguments.bench, absence),
        instrument_budget: instrument_budget(&bench, &arguments.bench)?,
        ignore_failure: arguments.bench.ignore_failure,
    };
    let seed = arguments.seed.unwrap_or_else(drawn_seed);
    let mut observer = Observer::new(&names, arguments.runs);
    let measured =
        compare::measure_blocks(&mut bench, &mut executors, &settings, seed, &mut observer);
    observer.bar.finish();
    let measurements = measured?;
    let comparisons = compare::compare(&measurements);
    let report = Report {
        format: REPORT_FORMAT,
        provenance: bench.provenance(),
        machine: bench.machine(),
        settings,
        seed,
        commands: command_reports(
            names,
            &arguments.commands,
            comparisons,
            measurements,
            &settings,
        ),
    };
    if !places.takes_standard_output() {
        say!("{}", report.text().trim_end());
    }
    places.write(&report, &report.csv(), &report.markdown())?;
    Ok(report
        .commands
        .iter()
        .map(|command| exit_of(&command.warnings))
        .find(|exit| *exit != Exit::Success)
        .unwrap_or(Exit::Success))
}

fn command_reports(
    names: Vec<String>,
    lines: &[String],
    comparisons: Vec<Comparison>,
    measurements: Vec<Measurement>,
    settings: &Settings,
) -> Vec<CommandReport> {
    let comparisons = std::iter::once(None).chain(comparisons.into_iter().map(Some));
    names
        .into_iter()
        .zip(lines)
        .zip(comparisons)
        .zip(measurements)
        .map(|(((name, line), to_reference), measurement)| {
            let summary = Summary::of(&measurement);
            CommandReport {
                name,
                command: line.clone(),
                to_reference,
                warnings: warnings(&measurement, &summary, settings),
                summary,
                measurement,
            }
        })
        .collect()
}

/// Names that were given, else the lines themselves.
fn names(arguments: &CompareArguments) -> anyhow::Result<Vec<String>> {
    let (given, lines) = (&arguments.names, &arguments.commands);
    if given.is_empty() {
        return Ok(lines.clone());
    }
    if given.len() != lines.len() {
        refuse!(
            "{} names for {} commands: give --name once for each, or not at all",
            given.len(),
            lines.len()
        );
    }
    Ok(given.clone())
}

/// A seed that a person can type; it is printed, so the order can be had again.
fn drawn_seed() -> u64 {
    harness::clock::monotonic_now().get() % 1_000_000
}

struct Observer<'a> {
    bar: MeasureBar,
    names: &'a [String],
    blocks: u32,
}

impl<'a> Observer<'a> {
    fn new(names: &'a [String], blocks: u32) -> Self {
        let commands = u32::try_from(names.len()).unwrap_or(u32::MAX);
        Self {
            bar: MeasureBar::of_length(u64::from(blocks) * u64::from(commands)),
            names,
            blocks,
        }
    }
}

impl CompareObserver for Observer<'_> {
    fn begins(&mut self, step: CompareStep) {
        self.bar.step(match step {
            CompareStep::Idle => "idle baseline".to_owned(),
            CompareStep::WarmUp { command } => format!("warm-up of {}", self.names[command]),
            CompareStep::Sizing { command } => {
                format!("how often {} must be repeated", self.names[command])
            }
            CompareStep::Run { command, block } => {
                format!(
                    "block {}/{} · {}",
                    block + 1,
                    self.blocks,
                    self.names[command]
                )
            }
        });
    }

    fn sampled(&mut self, sample: &Sample) {
        self.bar
            .show(sample.power_instant_mw.or(sample.power_mw).map(Watts::from));
    }

    fn run_ended(&mut self, _command: usize, _run: &RunResult) {
        self.bar.advance();
    }
}

#[cfg(test)]
mod tests;
