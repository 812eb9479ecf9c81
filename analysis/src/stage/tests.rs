use std::path::{Path, PathBuf};

use model::plan::PlanSource;
use model::reason::RunFault;
use model::run::Run;
use model::trace::Fault;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::claim::Verdict;
use crate::estimate::Metric;
use crate::synthetic::{self, Load};

const PLAN: &str = r#"
name = "synthetic"
title = "Two engines, two batch sizes"
seed = 7
blocks = 4

[session]
device = "emulated"
sample_period_ms = 10
idle_s = 2.0
warmup_s = 1.0
window_s = 2.0
cooldown_s = 1.0
timeout_s = 60.0

[engines.candle]
command = ["joulebench-worker"]

[engines.pytorch]
command = ["python3", "peer.py"]

[axes]
engine = ["candle", "pytorch"]
model = ["llama-7b"]
precision = ["bf16"]
batch = [1, 8]
prompt_tokens = [512]
decode_tokens = [128]
"#;

const CLAIMS: &str = r#"
[[claim]]
id = "A"
sentence = "Batch 8 costs at most half."
level = "exact"
needs = "nothing"
place = "here"
test = { kind = "ratio_at_least", sweep = "synthetic", metric = "energy_per_unit", numerator = { engine = "candle", batch = 1 }, denominator = { engine = "candle", batch = 8 }, bound = 2.0 }

[[claim]]
id = "B"
sentence = "PyTorch costs less."
level = "direction"
needs = "nothing"
place = "here"
test = { kind = "ratio_at_least", sweep = "synthetic", metric = "energy_per_unit", numerator = { engine = "candle", batch = 1 }, denominator = { engine = "pytorch", batch = 1 }, bound = 1.0 }

[[claim]]
id = "C"
sentence = "The counter ticks every 100 ms."
level = "same_hardware"
needs = "the square wave"
place = "here"
test = { kind = "sensor_within", keys = ["counter_period"], low = 99.0, high = 101.0 }
"#;

const TARGETS: &str = r#"
seen_source = "elsewhere."

[[target]]
id = "step"
workload = "LLaMA-7B decode step, batch 1"
sweep = "synthetic"
device = "NVIDIA H200"
point = { batch = 1 }
metric = "decode_step_time"
gauge = "value"
at_most = 0.001
seen = { stock = "10 ms" }

[[target]]
id = "later"
workload = "BERT-large pass"
sweep = "another"
device = "NVIDIA H200"
point = { model = "bert-large", precision = "bf16", batch = 32, prompt_tokens = 384 }
metric = "infer_time"
gauge = "value"
at_most = 0.015
seen = {}
"#;

fn runs() -> Vec<Run> {
    let source: PlanSource = toml::from_str(PLAN).expect("a plan");
    source.validate().expect("a valid plan").runs()
}

/// PyTorch draws a quarter more; blocks differ a little, as days do.
fn load_of(run: &Run) -> Load {
    let peer = run.point.to_string().contains("pytorch");
    Load {
        busy_mw: if peer { 125_000 } else { 100_000 } + u64::from(run.block) * 1_000,
        ..Load::PLAIN
    }
}

fn trace_of(run: &Run) -> model::trace::Trace {
    let mut trace = synthetic::trace(run.point.clone(), run.block, load_of(run));
    trace.header.run = run.clone();
    trace
}

/// A campaign of which the last run is missing, one run is faulty and one attempt failed.
fn campaign(folder: &Path) -> PathBuf {
    let path = folder.join("raw/synthetic");
    fs_err::create_dir_all(path.join("failed")).expect("a fresh folder");
    fs_err::write(path.join("plan.toml"), PLAN).expect("a fresh folder");
    let runs = runs();
    for run in &runs[..runs.len() - 1] {
        let mut trace = trace_of(run);
        if run.order == 4 {
            trace.header.faults.push(Fault {
                fault: RunFault::ForeignProcess,
                detail: "process 7 used the device".into(),
            });
        }
        synthetic::write_trace(&path.join(format!("{}.parquet", run.id)), &trace);
    }
    let mut crashed = trace_of(&runs[1]);
    crashed.header.faults.push(Fault {
        fault: RunFault::WorkerCrashed,
        detail: "exit code 1".into(),
    });
    synthetic::write_trace(
        &path.join(format!("failed/{}-1.parquet", runs[1].id)),
        &crashed,
    );
    path
}

fn imported() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/imported")
}

/// Every stage, in a folder of its own.
fn reproduced() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = campaign(folder.path());
    let claims_toml = folder.path().join("claims.toml");
    fs_err::write(&claims_toml, CLAIMS).expect("a fresh folder");
    let out = folder.path().join("out");
    analyze(&[raw], &imported(), &out).expect("a whole campaign");
    claims(&claims_toml, &out).expect("valid claims");
    let targets_toml = folder.path().join("targets.toml");
    fs_err::write(&targets_toml, TARGETS).expect("a fresh folder");
    targets(&targets_toml, &out).expect("valid targets");
    tables(&out).expect("results");
    numbers(&out).expect("results");
    (folder, out)
}

fn files(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in [out.to_owned(), out.join("tables")] {
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(out).expect("below").display().to_string();
                files.push((name, fs_err::read(&path).expect("a file")));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn raw_traces_become_estimates_verdicts_tables_and_numbers() {
    let (_folder, out) = reproduced();
    let summary = read_summary(&out).expect("a summary");
    let sweep = &summary.sweeps[0];
    assert_eq!(
        (sweep.planned_runs, sweep.runs, sweep.faultless_runs),
        (16, 15, 14)
    );
    assert_eq!(
        (sweep.failed_attempts, sweep.not_run, sweep.boards),
        (1, 1, 1)
    );

    let estimates = read_estimates(&out).expect("estimates");
    let point = synthetic::llama_point("candle", 1, 512);
    let energy = estimates
        .get("synthetic", &point, Metric::EnergyPerUnit)
        .expect("an estimate for every point");
    assert_eq!(energy.unit, "J/token");
    assert!((1.5..1.7).contains(&energy.value), "{}", energy.value);
    assert!(energy.low < Some(energy.value) && Some(energy.value) < energy.high);

    let claims = read_claims(&out).expect("claims");
    let verdicts: Vec<Verdict> = claims.claims.iter().map(|claim| claim.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Supported, Verdict::Refuted, Verdict::Supported]
    );

    let numbers = fs_err::read_to_string(Layout::new(&out).numbers()).expect("numbers");
    for key in [
        "synthetic.candle.b1.p512.energy_per_unit.interval",
        "synthetic.candle.b1.p512.over.candle.b8.p512.energy_per_unit.value",
        "synthetic.all.average_to_counter.min_percent",
        "synthetic.faultless_runs",
        "sensor.counter_period.value",
        "claim.B.verdict",
        "claims.refuted",
        "target.step.measured.interval",
        "target.later.outcome",
        "targets.missed",
    ] {
        assert!(numbers.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn whatever_entered_no_estimate_is_listed() {
    let (_folder, out) = reproduced();
    let exclusions = read_exclusions(&Layout::new(&out).exclusions()).expect("exclusions");
    let codes: Vec<&str> = exclusions.iter().map(|e| e.fault.as_str()).collect();
    assert_eq!(codes, ["foreign_process", "worker_crashed", "not_run"]);
    assert!(
        exclusions[1]
            .file
            .as_ref()
            .is_some_and(|file| file.starts_with("failed/"))
    );
}

#[test]
fn the_same_traces_give_the_same_bytes_in_any_folder_and_order() {
    let (_first, one) = reproduced();
    let (_second, two) = reproduced();
    let (one, two) = (files(&one), files(&two));
    assert_eq!(one.len(), 23);
    for (a, b) in one.iter().zip(&two) {
        assert_eq!(a.0, b.0);
        assert!(a.1 == b.1, "{} differs", a.0);
        assert!(!a.0.contains(".tmp"));
    }
}

#[test]
fn a_damaged_trace_stops_the_analysis_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = campaign(folder.path());
    let victim = raw.join(format!("{}.parquet", runs()[2].id));
    let bytes = fs_err::read(&victim).expect("a trace");
    fs_err::write(&victim, &bytes[..bytes.len() - 9]).expect("a trace");
    let out = folder.path().join("out");
    let error = analyze(&[raw], &imported(), &out).expect_err("a truncated trace");
    assert!(
        matches!(&error, Error::Trace { path, .. } if *path == victim),
        "{error}"
    );
    assert!(!out.exists());
}

#[test]
fn origins_and_sweeps_are_never_mixed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = campaign(folder.path());
    let out = folder.path().join("out");
    let runs = runs();
    let run = runs.last().expect("a plan has runs");
    let path = raw.join(format!("{}.parquet", run.id));
    let error_with = |change: fn(&mut model::trace::Trace)| {
        let mut trace = trace_of(run);
        change(&mut trace);
        synthetic::write_trace(&path, &trace);
        analyze(std::slice::from_ref(&raw), &imported(), &out)
            .expect_err("a foreign trace")
            .to_string()
    };
    let origin =
        error_with(|trace| trace.header.provenance = model::provenance::Provenance::Measured);
    assert!(origin.contains("never mixed"), "{origin}");
    let sweep = error_with(|trace| trace.header.run.sweep = "other".into());
    assert!(sweep.contains("belongs to the sweep 'other'"), "{sweep}");
    fs_err::remove_file(&path).expect("the foreign trace");
    let twice = analyze(&[raw.clone(), raw], &imported(), &out)
        .expect_err("twice")
        .to_string();
    assert!(twice.contains("give each sweep once"), "{twice}");
}

#[test]
fn progress_counts_every_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = campaign(folder.path());
    let mut seen = Vec::new();
    analyze_with(&[raw], &imported(), &folder.path().join("out"), &mut |p| {
        seen.push(p);
    })
    .expect("a whole campaign");
    assert_eq!(seen.len(), 16);
    assert_eq!(
        seen.last(),
        Some(&Progress {
            done: 16,
            total: 16
        })
    );
}

#[test]
fn a_stage_without_its_input_names_the_missing_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = numbers(folder.path())
        .expect_err("nothing was analysed")
        .to_string();
    assert!(error.contains("summary.json"), "{error}");
    fs_err::write(Layout::new(folder.path()).summary(), "{}").expect("a file");
    let error = numbers(folder.path()).expect_err("no summary").to_string();
    assert!(
        error.contains("summary.json") && error.contains("sweeps"),
        "{error}"
    );
}

#[test]
fn the_tables_are_fit_for_readers() {
    let (_folder, out) = reproduced();
    let read = |name: &str, ending: &str| {
        fs_err::read_to_string(Layout::new(&out).table(name, ending)).expect("a table")
    };
    insta::assert_snapshot!("energy_typ", read("energy-per-token", "typ"));
    insta::assert_snapshot!("energy_csv", read("energy-per-token", "csv"));
    insta::assert_snapshot!("sweep_typ", read("sweep-synthetic", "typ"));
    insta::assert_snapshot!("targets_typ", read("targets", "typ"));
    insta::assert_snapshot!("exclusions_typ", read("exclusions", "typ"));
    insta::assert_snapshot!("claims_typ", read("claims", "typ"));
    insta::assert_snapshot!("sensor_typ", read("sensor", "typ"));
    insta::assert_snapshot!("sensor_timing_typ", read("sensor-timing", "typ"));
}

#[test]
fn the_committed_claims_stand_or_fall_with_their_data() {
    use Verdict::{Inconclusive, Refuted, Supported, Unavailable};

    let (_folder, out) = reproduced();
    let committed = imported().join("../claims.toml");
    let claims = claims(&committed, &out).expect("the committed claims");
    let verdicts: Vec<(&str, Verdict)> = claims
        .claims
        .iter()
        .map(|claim| (claim.id.as_str(), claim.verdict))
        .collect();
    // The synthetic campaign is not the one that these claims are about.
    let is_planned = |claim: &&crate::claim::ClaimResult| claim.paper.is_none();
    let planned = claims.claims.iter().filter(is_planned).count();
    let (verdicts, later) = verdicts.split_at(verdicts.len() - planned);
    assert_eq!(
        verdicts,
        [
            ("C1", Unavailable),
            ("C2", Refuted),
            ("C3", Supported),
            ("C4", Supported),
            ("C5", Unavailable),
            ("C6", Unavailable),
            ("C7", Unavailable),
            ("C8", Unavailable),
            ("C9", Supported),
            ("C10", Unavailable),
            ("C11", Unavailable),
            ("C12", Unavailable),
            ("C13", Unavailable),
            ("C14", Unavailable),
            ("C15", Unavailable),
            ("C16", Unavailable),
            ("C17", Unavailable),
        ]
    );
    // Nothing was promised for these yet.
    assert!(later.iter().all(|(_, verdict)| *verdict == Inconclusive));
    let reason = claims.claims[17].reason.as_deref().expect("a reason");
    assert!(
        reason.starts_with("no data: no faultless run at"),
        "{reason}"
    );
    let reason = claims.claims[0].reason.as_deref().expect("a reason");
    assert!(reason.contains("no faultless run at"), "{reason}");
}
