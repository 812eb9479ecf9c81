//! `joulebench analyze`

use analysis::estimate::{EstimateRecord, Estimates, Metric};
use analysis::stage::{self, AnalyzeSummary, SweepSummary};
use serde::Serialize;

use crate::args::AnalyzeArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;
use crate::verdicts::interval;

/// What people want to see at once; the rest is in `estimates.json`.
const SHOWN: [Metric; 4] = [
    Metric::EnergyPerUnit,
    Metric::MeanPower,
    Metric::Throughput,
    Metric::IterationTime,
];

/// What `--json` prints.
#[derive(Serialize)]
struct Analysis {
    summary: AnalyzeSummary,
    estimates: Estimates,
}

pub(crate) fn run(arguments: &AnalyzeArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let derivation = Derivation::new(Layout::new(&places.root), &places.out, &arguments.raw)?;
    if arguments.raw.is_empty() {
        derivation.ensure_emulated()?;
        derivation.emulated_results()?;
    }
    let summary = derivation.analyze()?;
    let estimates = stage::read_estimates(&places.out)?;
    if arguments.json {
        say!(
            "{}",
            serde_json::to_string_pretty(&Analysis { summary, estimates })?
        );
        return Ok(Exit::Success);
    }
    for sweep in &summary.sweeps {
        print_sweep(sweep);
        print_estimates(sweep, &estimates);
    }
    say!(
        "rows, exclusions and estimates are in {}",
        places.out.display()
    );
    Ok(Exit::Success)
}

fn print_sweep(sweep: &SweepSummary) {
    let provenance = sweep
        .provenance
        .map_or("no runs", |provenance| provenance.name());
    say!(
        "{} ({provenance}): {} of {} runs, {} without fault, {} failed attempts",
        sweep.sweep,
        sweep.runs,
        sweep.planned_runs,
        sweep.faultless_runs,
        sweep.failed_attempts
    );
}

/// Value, 95 % interval and n of each shown metric, point by point; and what is missing, with why.
fn print_estimates(sweep: &SweepSummary, estimates: &Estimates) {
    let mut point = None;
    let of_sweep = estimates
        .estimates
        .iter()
        .filter(|record| record.sweep == sweep.sweep);
    for record in of_sweep.filter(|record| SHOWN.contains(&record.metric)) {
        if point != Some(&record.point) {
            say!("  {}", record.point);
            point = Some(&record.point);
        }
        say!("    {}", line(record));
    }
    let missing = estimates
        .missing
        .iter()
        .filter(|record| record.sweep == sweep.sweep);
    for record in missing.filter(|record| record.metric == Metric::EnergyPerUnit) {
        say!("  {}: energy absent: {}", record.point, record.reason);
    }
}

fn line(record: &EstimateRecord) -> String {
    let metric = record.metric.to_string().replace('_', " ");
    let value = interval(record.value, record.low.zip(record.high), &record.unit);
    let beside = record.bootstrap_t.as_ref().and_then(|beside| {
        let bounds = beside.low.zip(beside.high)?;
        Some(interval(record.value, Some(bounds), &record.unit))
    });
    let beside = beside.map_or_else(String::new, |beside| format!("; by bootstrap-t {beside}"));
    match &record.reason {
        Some(reason) => format!("{metric} {value}, n = {}{beside}: {reason}", record.n),
        None => format!("{metric} {value}, n = {}{beside}", record.n),
    }
}
