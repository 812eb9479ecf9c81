//! Sweeps with two stages, on an emulated board that scatters more than real ones.

use std::path::{Path, PathBuf};

use model::plan::{Plan, Precision};
use tempfile::TempDir;

use super::*;
use crate::fixture::plan;
use crate::store::Durability;

/// The most scatter that a profile may have.
const NOISY: f64 = 0.2;

/// Where noisy profiles lie, below the folder of builds. The path of a board is part of a plan and so
/// of the luck of its runs: it has to be the same in every run of these tests.
const PROFILES: &str = "../target/tmp/noisy-boards";

/// The H200 of the project with this scatter of the time of each piece of work.
fn board(time_sd: f64) -> PathBuf {
    let profile =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu-sim/profiles/h200-sxm-141gb.toml");
    let text = fs_err::read_to_string(profile).expect("a profile of the project");
    let quiet = "time_sd = { value = 0.002";
    assert!(
        text.contains(quiet),
        "the profile says its scatter otherwise"
    );
    let text = text.replace(quiet, &format!("time_sd = {{ value = {time_sd}"));
    let file = Path::new(PROFILES).join(format!("time-sd-{time_sd}.toml"));
    fs_err::create_dir_all(PROFILES).expect("a folder of builds");
    // Tests run side by side and write the same; a rename is never half done.
    let fresh = tempfile::NamedTempFile::new_in(PROFILES).expect("a folder of builds");
    fs_err::write(fresh.path(), text).expect("a folder of builds");
    fresh.persist(&file).expect("a folder of builds");
    file
}

fn noisy_plan(time_sd: f64) -> Plan {
    plan(&format!(
        r#"
name = "noisy"
title = "Two stages"
seed = 7
protocol = "confirm"
reference = {{ batch = 8 }}

[session]
device = "emulated"
board = "{}"
sample_period_ms = 500
timeout_s = 60.0

[axes]
model = ["llama-7b"]
precision = ["bf16"]
batch = [8, 32]
prompt_tokens = [512]
decode_tokens = [512]
"#,
        board(time_sd).display()
    ))
}

/// Takes a sweep; the observer may end it early by its budget.
fn sweep(plan: &Plan, root: &Path, observer: &mut dyn SweepObserver) -> SweepEnd {
    let store = Store::open(root, "a plan", Durability::Kill).expect("a store");
    let backend = Backend::load(&plan.session).expect("a good profile");
    run(
        plan,
        &backend,
        &store,
        Budget::starting_now(None),
        || None,
        observer,
    )
    .expect("no trouble")
}

struct Silence;

impl SessionObserver for Silence {
    fn stage(&mut self, _stage: model::trace::Stage) {}
}

impl SweepObserver for Silence {
    fn run_begins(&mut self, _run: &Run, _position: usize) {}
    fn run_ended(&mut self, _run: &Run, _faults: &[Fault]) {}
}

fn checksums(root: &Path) -> String {
    fs_err::read_to_string(root.join("SHA256SUMS")).expect("a complete sweep")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_point_that_scatters_gets_more_blocks_and_a_quiet_one_none() {
    let store = folder();
    let plan = noisy_plan(NOISY);
    assert_eq!(sweep(&plan, store.path(), &mut Silence), SweepEnd::Complete);
    let outlook = Outlook::of(&plan, store.path()).expect("readable");
    let decision = outlook.decision.as_ref().expect("the first stage is over");
    let point = &decision.points[0];
    assert!(point.blocks > 10, "{point:?}");
    assert_eq!(
        point.precision == Precision::NotMet,
        point.blocks_needed > Some(50)
    );
    let blocks: BTreeSet<u32> = outlook.runs.iter().map(|run| run.block).collect();
    assert_eq!(blocks.len(), point.blocks as usize);
    assert_eq!(outlook.left().count(), 0);
    assert!(checksums(store.path()).contains("stage-two.json"));

    let store = folder();
    let quiet = noisy_plan(0.002);
    assert_eq!(
        sweep(&quiet, store.path(), &mut Silence),
        SweepEnd::Complete
    );
    let outlook = Outlook::of(&quiet, store.path()).expect("readable");
    assert_eq!(outlook.decision.expect("decided").points[0].blocks, 10);
}

#[test]
fn a_sweep_that_is_ended_anywhere_ends_with_the_same_bytes() {
    let whole = folder();
    let plan = noisy_plan(NOISY);
    sweep(&plan, whole.path(), &mut Silence);
    let runs = Outlook::of(&plan, whole.path()).expect("readable").runs;
    let first = plan.first_stage().len();
    assert!(runs.len() > first, "{} runs", runs.len());
    // Ended in the first stage; after its last run, before the decision; in the second stage.
    for (kept, is_decided) in [(17, false), (first, false), (first + 3, true)] {
        let part = folder();
        for run in &runs[..kept] {
            let name = format!("{}.parquet", run.id);
            fs_err::copy(whole.path().join(&name), part.path().join(&name)).expect("copied");
        }
        if is_decided {
            let name = model::plan::DECISION_FILE;
            fs_err::copy(whole.path().join(name), part.path().join(name)).expect("copied");
        }
        assert_eq!(sweep(&plan, part.path(), &mut Silence), SweepEnd::Complete);
        assert_eq!(
            checksums(part.path()),
            checksums(whole.path()),
            "{kept} runs were kept"
        );
    }
}

#[test]
fn a_decision_for_another_plan_is_refused() {
    let store = folder();
    let plan = noisy_plan(0.002);
    sweep(&plan, store.path(), &mut Silence);
    let other = Plan {
        title: "Another".to_owned(),
        ..plan
    };
    let error = Outlook::of(&other, store.path())
        .expect_err("not its own")
        .to_string();
    assert!(
        error.contains("stage-two.json: was decided for another plan"),
        "{error}"
    );
}
