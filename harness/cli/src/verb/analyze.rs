//! `joulebench analyze`

use analysis::stage::SweepSummary;

use crate::args::AnalyzeArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;

pub(crate) fn run(arguments: &AnalyzeArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let derivation = Derivation::new(Layout::new(&places.root), &places.out, &arguments.raw)?;
    let summary = derivation.analyze()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        summary.sweeps.iter().for_each(print);
        println!("rows, exclusions and estimates are in {}", places.out.display());
    }
    Ok(Exit::Success)
}

fn print(sweep: &SweepSummary) {
    let provenance = sweep.provenance.map_or("no runs", |provenance| provenance.name());
    println!(
        "{} ({provenance}): {} of {} runs, {} without fault, {} failed attempts",
        sweep.sweep, sweep.runs, sweep.planned_runs, sweep.faultless_runs, sweep.failed_attempts
    );
}
