use model::plan::DeviceKind;
use model::trace::Stage;
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

/// A command that fails until it was tried so often.
fn fails_at_first(folder: &TempDir, failures: u32) -> String {
    let count = folder.path().join("count");
    let script = format!(
        "n=$(cat {count} 2>/dev/null || echo 0); echo $((n + 1)) > {count}; test $n -ge {failures}",
        count = count.display()
    );
    format!(
        "[engines.some]\ncommand = [\"/bin/sh\", \"-c\", \'\'\'{script}\'\'\']\nprotocol = \"none\""
    )
}

fn patient_plan(folder: &TempDir, failures: u32, retries: u32) -> Plan {
    let engine = fails_at_first(folder, failures);
    let mut plan = plan(&plan_text("cpu", "batch = [1]", &engine));
    plan.session.idle_s = 0.0;
    plan.blocks = 1;
    plan.retries = retries;
    plan
}

#[test]
fn a_run_with_a_fault_is_kept_and_tried_again_as_often_as_the_plan_says() {
    let scratch = folder();
    let store = folder();
    let (end, diary) = sweep(&patient_plan(&scratch, 2, 2), &store, None);
    assert_eq!(end.expect("the third attempt is good"), SweepEnd::Complete);
    assert_eq!(diary.ended, [1, 1, 0]);
    assert_eq!(failed_attempts(store.path()).expect("readable").len(), 2);

    let (scratch, store) = (folder(), folder());
    let plan = patient_plan(&scratch, 3, 2);
    let (end, _) = sweep(&plan, &store, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Failures { failed: 1 });
    let outlook = Outlook::of(&plan, store.path()).expect("readable");
    let quarantined: Vec<usize> = outlook
        .quarantined()
        .map(|(_, attempts)| attempts)
        .collect();
    assert_eq!(quarantined, [3]);
    // The same command tries again.
    let (end, _) = sweep(&plan, &store, None);
    assert_eq!(end.expect("the fourth attempt is good"), SweepEnd::Complete);
    let outlook = Outlook::of(&plan, store.path()).expect("readable");
    assert_eq!(
        (outlook.quarantined().count(), outlook.failed.len()),
        (0, 3)
    );
}

#[test]
fn many_attempts_at_one_run_are_no_failures_in_a_row() {
    let (scratch, store) = (folder(), folder());
    let (end, diary) = sweep(&patient_plan(&scratch, 100, 9), &store, None);
    assert_eq!(end.expect("no trouble"), SweepEnd::Failures { failed: 1 });
    assert_eq!(diary.ended, [1; 10]);
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
