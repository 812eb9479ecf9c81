//! `joulebench measure`

mod export;
mod progress;
pub(crate) mod quantity;
mod summary;
mod table;
mod target;
mod words;

use harness::measure::energy::NoEnergy;
use harness::measure::measurement::{self, RunCount};
use harness::measure::process::OutputTo;
use harness::measure::size::Precision;
use harness::measure::warning::warnings;
use harness::measure::{
    Bench, Measurement, ProcessExecutor, Settings, Summary, UserCommand, Warning,
};
use model::machine::Machine;
use model::provenance::Provenance;
use serde::Serialize;

use crate::args::measure::{BenchArguments, MeasureArguments};
use crate::exit::{Exit, refuse};
use crate::output::say;

pub(crate) use export::{CSV_HEADER, Places};
pub(crate) use progress::MeasureBar;
pub(crate) use summary::machine_line;
pub(crate) use table::{MARKDOWN_HEADER, csv_lines, row_of};
pub(crate) use target::{Target, bench, profile};
pub(crate) use words::warning_lines;

/// Runs where neither -n nor --precision says otherwise.
const DEFAULT_RUNS: u32 = 10;
/// Shortest window of a run where energy can be read: ten ticks of a counter of 100 ms.
const SHORTEST_WINDOW_S: f64 = 1.0;

/// Everything that is known of one command.
#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    provenance: Provenance,
    name: &'a str,
    command: String,
    machine: &'a Machine,
    settings: Settings,
    summary: Summary,
    warnings: Vec<Warning>,
    measurement: Measurement,
}

/// Version of the JSON of `measure` and `compare`. 1: first.
pub(crate) const REPORT_FORMAT: u32 = 1;

pub(crate) fn run(arguments: &MeasureArguments) -> anyhow::Result<Exit> {
    let command = UserCommand::from_words(&arguments.command)?;
    let places = Places::of(&arguments.export)?;
    let mut target = Target::find(arguments.bench.device)?;
    let mut instrument = target.open_alone(arguments.bench.device_index)?;
    let mut bench = bench(instrument.as_mut(), &arguments.bench)?;
    let settings = settings(arguments, &bench)?;
    let shown = command.to_string();
    let name = arguments.name.as_deref().unwrap_or(&shown);
    let mut executor = executor(command, &arguments.bench);
    let mut bar = MeasureBar::new(&settings);
    let measured = measurement::measure(&mut bench, &mut executor, &settings, &mut bar);
    bar.finish();
    let measurement = measured?;
    let summary = Summary::of(&measurement);
    let report = Report {
        format: REPORT_FORMAT,
        provenance: bench.provenance(),
        name,
        command: shown.clone(),
        machine: bench.machine(),
        warnings: warnings(&measurement, &summary, &settings),
        settings,
        summary,
        measurement,
    };
    if !places.takes_standard_output() {
        say!("{}", report.text().trim_end());
    }
    places.write(&report, &report.csv(), &report.markdown())?;
    Ok(exit_of(&report.warnings))
}

/// What a script has to know.
pub(crate) fn exit_of(warnings: &[Warning]) -> Exit {
    let has = |is: fn(&Warning) -> bool| warnings.iter().any(is);
    if has(|warning| matches!(warning, Warning::NoEnergy { .. })) {
        Exit::WithoutEnergy
    } else {
        Exit::Success
    }
}

pub(crate) fn executor(command: UserCommand, bench: &BenchArguments) -> ProcessExecutor {
    let output = if bench.show_output {
        OutputTo::Terminal
    } else {
        OutputTo::Nowhere
    };
    ProcessExecutor::new(command, output, bench.ignore_failure)
}

/// A command is repeated for the sake of its energy only.
pub(crate) fn shortest_window_s(bench: &BenchArguments, absence: Option<NoEnergy>) -> f64 {
    bench.min_window.unwrap_or(match absence {
        None if bench.instrument_budget.is_none() => SHORTEST_WINDOW_S,
        _ => 0.0,
    })
}

/// What the instrument may be wrong by in one run, where that was asked for and can be met.
pub(crate) fn instrument_budget(
    bench: &Bench<'_>,
    arguments: &BenchArguments,
) -> anyhow::Result<Option<f64>> {
    let Some(asked) = arguments.instrument_budget else {
        return Ok(None);
    };
    if let Some(absence) = bench.energy_absence() {
        refuse!(
            "--instrument-budget {}%: no energy can be read here ({}: {}), so there is no budget to meet",
            asked * 100.0,
            absence.code(),
            absence.description()
        );
    }
    if let Err(error) = bench.check_budget(asked) {
        refuse!("--instrument-budget {}%: {error}", asked * 100.0);
    }
    Ok(Some(asked))
}

fn settings(arguments: &MeasureArguments, bench: &Bench<'_>) -> anyhow::Result<Settings> {
    let absence = bench.energy_absence();
    let runs = match arguments.precision {
        Some(relative) => RunCount::Precision(Precision {
            relative,
            pilot: arguments.pilot,
            cap: arguments.max_runs,
        }),
        None => RunCount::Fixed(arguments.runs.unwrap_or(DEFAULT_RUNS)),
    };
    Ok(Settings {
        runs,
        warmup_runs: arguments.warmup,
        // Idle power is known by its energy only.
        idle_s: if absence.is_some() {
            0.0
        } else {
            arguments.bench.idle
        },
        shortest_window_s: shortest_window_s(&arguments.bench, absence),
        instrument_budget: instrument_budget(bench, &arguments.bench)?,
        ignore_failure: arguments.bench.ignore_failure,
    })
}

#[cfg(test)]
pub(crate) mod tests;
