//! `joulebench reproduce`

use std::time::Instant;

use analysis::claim::Claims;
use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use model::units::Seconds;

use crate::args::ReproduceArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;
use crate::progress;
use crate::reproduction::live::{self, Snapshot};
use crate::reproduction::manifest::Manifest;
use crate::reproduction::memory::{Memory, digest_of_inputs};
use crate::verdicts;

/// Steps of a derivation, for the progress bar.
const STEPS: u64 = 13;

pub(crate) fn run(arguments: &ReproduceArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let derivation = Derivation::new(Layout::new(&places.root), &places.out, &[])?;
    derivation.verify_inputs()?;
    let inputs = digest_of_inputs(&derivation)?;
    if !arguments.from_scratch
        && !arguments.accept
        && let Some(memory) = Memory::load(&places.out)
        && memory.holds(&inputs, &places.out)
        && (memory.live.is_some() || arguments.no_live)
    {
        return report_unchanged(&derivation, &memory);
    }
    announce(arguments);
    let (claims, took) = derive(&derivation, arguments.from_scratch)?;
    let found = Manifest::of(&places.out)?;
    if arguments.accept {
        return accept(&derivation, &found);
    }
    let same = compare(&derivation, &found)?;
    say!("\n{}", verdicts::table(&claims, Some(took)).trim_end());
    let live = if arguments.no_live {
        None
    } else {
        Some(check_live(&derivation)?)
    };
    print_places(&derivation);
    if !same || !verdicts::hold(&claims) {
        return Ok(Exit::Failure);
    }
    Memory {
        inputs,
        outputs: found.to_text(),
        live,
    }
    .save(&places.out)?;
    say!("reproduced: {} outputs, every one as expected", found.len());
    Ok(Exit::Success)
}

fn announce(arguments: &ReproduceArguments) {
    let live = if arguments.no_live {
        ""
    } else {
        ", then a live check of half a minute"
    };
    say!("deriving everything from the raw traces: half a minute on two cores{live}");
}

/// Everything from the raw traces, in the order of the flow, each step with its time; the verdicts,
/// and how long it took to get to them.
fn derive(derivation: &Derivation, from_scratch: bool) -> anyhow::Result<(Claims, Seconds)> {
    let bar = progress::steps(STEPS);
    let mut times = Vec::new();
    step(&bar, &mut times, "checksums of the raw traces", || {
        derivation.verify_inputs()
    })?;
    step(
        &bar,
        &mut times,
        "calibration of the emulated boards",
        || derivation.calibrate(),
    )?;
    step(&bar, &mut times, "sweeps on emulated boards", || {
        derivation.emulate()
    })?;
    step(
        &bar,
        &mut times,
        "emulated traces to curves and optima",
        || derivation.emulated_results(),
    )?;
    step(&bar, &mut times, "sensors of a calibrated board", || {
        derivation.sensors()
    })?;
    step(
        &bar,
        &mut times,
        "study of the statistics on simulated experiments",
        || derivation.study(from_scratch),
    )?;
    step(&bar, &mut times, "traces to rows and estimates", || {
        derivation.analyze()
    })?;
    step(&bar, &mut times, "quality of the trained models", || {
        derivation.quality()
    })?;
    let claims = step(&bar, &mut times, "verdicts, tables, numbers", || {
        derivation.claims()
    })?;
    let took = Seconds::new(times.iter().map(|(_, seconds)| seconds).sum());
    step(&bar, &mut times, "figures", || derivation.figures())?;
    let paper = step(&bar, &mut times, "paper", || derivation.paper())?;
    step(&bar, &mut times, "dataset", || {
        let summary = derivation.dataset()?;
        Ok(analysis::dataset::verify(&summary.path)?)
    })?;
    step(&bar, &mut times, "report", || derivation.report())?;
    bar.finish_and_clear();
    for warning in &paper.warnings {
        eprintln!("{warning}");
    }
    for (name, seconds) in times {
        say!("{seconds:6.1} s  {name}");
    }
    Ok((claims, took))
}

fn step<T>(
    bar: &ProgressBar,
    times: &mut Vec<(&'static str, f64)>,
    name: &'static str,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    bar.set_message(name);
    let start = Instant::now();
    let result = work()?;
    times.push((name, start.elapsed().as_secs_f64()));
    bar.inc(1);
    Ok(result)
}

fn compare(derivation: &Derivation, found: &Manifest) -> anyhow::Result<bool> {
    let file = derivation.layout.expected();
    let text = fs_err::read_to_string(&file)
        .with_context(|| "the authors' outputs are unknown; make them with --accept")?;
    let differences = found.differences(&Manifest::parse(&text));
    for difference in &differences {
        say!(
            "{} {}",
            derivation.out.join(&difference.file).display(),
            difference.problem
        );
    }
    Ok(differences.is_empty())
}

fn accept(derivation: &Derivation, found: &Manifest) -> anyhow::Result<Exit> {
    let file = derivation.layout.expected();
    analysis::write::write_atomically(&file, found.to_text().as_bytes())?;
    let live = live::check(&derivation.layout, &derivation.out.join("live"))?;
    analysis::write::write_json(&derivation.layout.live_snapshot(), &live.snapshot)?;
    say!(
        "{}: {} outputs are expected from now on",
        file.display(),
        found.len()
    );
    Ok(Exit::Success)
}

fn check_live(derivation: &Derivation) -> anyhow::Result<String> {
    say!("\nlive check on this machine's processor");
    let file = derivation.layout.live_snapshot();
    let expected: Snapshot = serde_json::from_str(&fs_err::read_to_string(&file)?)
        .with_context(|| format!("{}: expected output digests by point", file.display()))?;
    let live = live::check(&derivation.layout, &derivation.out.join("live"))?;
    let differences = live::differences(&live.snapshot, &expected);
    if !differences.is_empty() {
        bail!(
            "live check: the outputs of '{}' are not those in {}",
            differences.join("', '"),
            file.display()
        );
    }
    let summary = live.summary();
    say!("{summary}");
    Ok(summary)
}

fn report_unchanged(derivation: &Derivation, memory: &Memory) -> anyhow::Result<Exit> {
    let claims = analysis::stage::read_claims(&derivation.out)?;
    say!("nothing changed since the last reproduction; --from-scratch derives it again\n");
    say!("{}", verdicts::table(&claims, None).trim_end());
    if let Some(live) = &memory.live {
        say!("\nlive check (then): {live}");
    }
    print_places(derivation);
    Ok(Exit::Success)
}

fn print_places(derivation: &Derivation) {
    say!();
    for name in [
        "paper.pdf",
        "report.html",
        "figures",
        "tables",
        "dataset",
        "claims.json",
    ] {
        say!("  {}", derivation.out.join(name).display());
    }
}
