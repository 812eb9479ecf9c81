use model::plan::DeviceKind;
use tempfile::TempDir;

use super::*;
use crate::fixture::{emulated_plan, plan, plan_text, record};
use crate::store::{Durability, failed_attempts, read_trace, sealed_runs};

/// Writes down what it hears.
#[derive(Default)]
struct Diary {
    begun: Vec<(String, usize)>,
    ended: Vec<usize>,
    stages: usize,
}

impl SessionObserver for Diary {
    fn stage(&mut self, _stage: Stage) {
        self.stages += 1;
    }
}

impl SweepObserver for Diary {
    fn run_begins(&mut self, run: &Run, position: usize) {
        self.begun.push((run.id.to_string(), position));
    }

    fn run_ended(&mut self, _run: &Run, faults: &[Fault]) {
        self.ended.push(faults.len());
    }
}

fn sweep(
    plan: &Plan,
    folder: &TempDir,
    limit: Option<Seconds>,
) -> (Result<SweepEnd, SweepError>, Diary) {
    let store = Store::open(folder.path(), "a plan", Durability::Kill).expect("a store");
    let backend = Backend::load(&plan.session).expect("needs no hardware");
    let mut diary = Diary::default();
    let end = run(
        plan,
        &backend,
        &store,
        Budget::starting_now(limit),
        || None,
        &mut diary,
    );
    (end, diary)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_sweep_takes_every_run_in_order_and_ends_with_checksums() {
    let (folder, plan) = (folder(), emulated_plan());
    let (end, diary) = sweep(&plan, &folder, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Complete);
    let expected: Vec<(String, usize)> = plan
        .runs()
        .iter()
        .map(|run| (run.id.to_string(), run.order as usize + 1))
        .collect();
    assert_eq!(diary.begun, expected);
    assert_eq!(diary.ended, [0; 4]);
    assert_eq!(
        diary.stages, 0,
        "runs in virtual time are over before anybody could look"
    );
    assert_eq!(
        sealed_runs(folder.path(), &plan).expect("readable").len(),
        4
    );
    assert!(folder.path().join("SHA256SUMS").exists());
}

#[test]
fn a_sweep_that_goes_on_repeats_nothing() {
    let (folder, plan) = (folder(), emulated_plan());
    let runs = plan.runs();
    let sealed = {
        let store = Store::open(folder.path(), "a plan", Durability::Kill).expect("a store");
        store.seal(&record(&runs[2])).expect("sealed")
    };
    let before = fs_err::metadata(&sealed)
        .and_then(|data| data.modified())
        .expect("there");
    let (end, diary) = sweep(&plan, &folder, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Complete);
    let positions: Vec<usize> = diary.begun.iter().map(|(_, position)| *position).collect();
    assert_eq!(positions, [1, 2, 4]);
    assert_eq!(
        fs_err::metadata(&sealed)
            .and_then(|data| data.modified())
            .expect("there"),
        before
    );

    let (end, diary) = sweep(&plan, &folder, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Complete);
    assert_eq!(diary.begun, []);
}

#[test]
fn two_sweeps_of_one_plan_give_the_same_bytes() {
    let (one, two, plan) = (folder(), folder(), emulated_plan());
    sweep(&plan, &one, None).0.expect("no trouble");
    sweep(&plan, &two, None).0.expect("no trouble");
    let list =
        |folder: &TempDir| fs_err::read_to_string(folder.path().join("SHA256SUMS")).expect("there");
    assert_eq!(list(&one), list(&two));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_and_the_same_report() {
    let plan = emulated_plan();
    let runs = plan.runs();
    let left: Vec<Left<'_>> = runs.iter().enumerate().collect();
    let backend = Backend::load(&plan.session).expect("needs no hardware");
    let taken = |threads: usize| {
        let folder = folder();
        let store = Store::open(folder.path(), "a plan", Durability::Kill).expect("a store");
        let mut diary = Diary::default();
        let budget = Budget::starting_now(None);
        side_by_side::take(&left, &backend, &store, budget, threads, &mut diary)
            .expect("no trouble");
        store.write_checksums().expect("writable");
        let list = fs_err::read_to_string(folder.path().join("SHA256SUMS")).expect("there");
        (list, diary.begun)
    };
    let one = taken(1);
    assert_eq!(
        one.0.lines().count(),
        runs.len() + 1,
        "the runs and the plan"
    );
    assert_eq!(one, taken(2));
    assert_eq!(one, taken(7));
}

#[test]
fn a_budget_that_fits_no_run_starts_none() {
    let (folder, plan) = (folder(), emulated_plan());
    let (end, diary) = sweep(&plan, &folder, Some(Seconds::new(1e-9)));
    assert_eq!(end.expect("no trouble"), SweepEnd::BudgetSpent { left: 4 });
    assert_eq!(diary.begun, []);
    assert!(!folder.path().join("SHA256SUMS").exists());
    // The budget counts real time: in virtual time a run takes milliseconds of it.
    let (end, _) = sweep(&plan, &folder, Some(Seconds::new(60.0)));
    assert_eq!(end.expect("no trouble"), SweepEnd::Complete);
}

#[test]
fn three_failures_in_a_row_end_the_sweep_and_are_kept() {
    let folder = folder();
    let engine =
        "[engines.broken]\ncommand = [\"/bin/sh\", \"-c\", \"echo no weights >&2; exit 3\"]";
    let mut plan = plan(&plan_text("cpu", "batch = [1, 2, 4]", engine));
    plan.session.idle_s = 0.0;
    let (end, diary) = sweep(&plan, &folder, None);
    let error = end.expect_err("nothing works").to_string();
    assert_eq!(
        error,
        "3 runs failed in a row, the last with worker_crashed: exit status: 3; stderr: no weights; \
         mend the set-up and run the same command again"
    );
    assert_eq!(diary.begun.len(), 3);
    let attempts = failed_attempts(folder.path()).expect("readable");
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(read_trace(&attempt).expect("whole").header.faults.len(), 1);
    }
    assert!(!folder.path().join("SHA256SUMS").exists());
}

#[test]
fn single_failures_are_counted_and_the_others_are_sealed() {
    let folder = folder();
    // Fails at batch 2 only.
    let script = "case $JOULEBENCH_RUN in *'\"batch\":2'*) exit 1;; esac";
    let engine = format!(
        "[engines.some]\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']\nprotocol = \"none\""
    );
    let mut plan = plan(&plan_text("cpu", "batch = [1, 2, 4]", &engine));
    plan.session.idle_s = 0.0;
    let (end, _) = sweep(&plan, &folder, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Failures { failed: 2 });
    assert_eq!(
        sealed_runs(folder.path(), &plan).expect("readable").len(),
        4
    );
    let (end, diary) = sweep(&plan, &folder, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Failures { failed: 2 });
    assert_eq!(diary.begun.len(), 2, "only the failed ones are tried again");
}

#[test]
fn a_setting_that_the_device_refuses_ends_the_sweep_with_the_range() {
    let axes = format!("{}\nsm_clock_mhz = [5000]", crate::fixture::EMULATED_AXES);
    let plan = plan(&plan_text("emulated", &axes, ""));
    assert_eq!(plan.session.device, DeviceKind::Emulated);
    let (end, _) = sweep(&plan, &folder(), None);
    let error = end.expect_err("out of range");
    assert!(
        matches!(error, SweepError::Device(DeviceError::OutOfRange { .. })),
        "{error}"
    );
}
