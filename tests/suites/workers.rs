//! Workers that do what the protocol says, and those that do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tests::plan::CpuPlan;
use tests::program::{Outcome, built, joulebench};
use tests::tree;

/// A plan in a folder of its own, with its store.
struct Sweep {
    folder: TempDir,
    plan: PathBuf,
}

impl Sweep {
    fn of(plan: &CpuPlan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan.write(folder.path());
        Self { folder, plan }
    }

    /// One run of the fake worker.
    fn of_manner(manner: &str) -> Self {
        Self::of(&fake(manner))
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("quick")
    }

    fn run(&self) -> Outcome {
        let words = ["run".as_ref(), self.plan.as_os_str(), "--store".as_ref()];
        Outcome::of(joulebench(words).arg(self.folder.path()))
    }

    fn status(&self) -> Value {
        let words = [
            "status".as_ref(),
            self.plan.as_os_str(),
            "--json".as_ref(),
            "--store".as_ref(),
        ];
        let said = Outcome::of(joulebench(words).arg(self.folder.path()));
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// What `joulebench analyze` writes about the sweep, by name of the file.
    fn analyze(&self, file: &str) -> Vec<BTreeMap<String, String>> {
        let out = self.folder.path().join("out");
        let mut analyze = joulebench(["analyze", "--out"]);
        Outcome::of(analyze.arg(&out).arg(self.store())).expect_code(0);
        let mut reader = csv::Reader::from_path(out.join(file)).unwrap();
        reader.deserialize().map(Result::unwrap).collect()
    }

    /// Asserts that the run is kept as a failed attempt with this fault, and said to have failed.
    fn assert_fault(&self, code: &str, detail: &str) {
        let said = self.run().expect_code(5);
        assert!(
            said.stdout.contains("1 of 1 runs failed"),
            "{}",
            said.stdout
        );
        assert!(
            tree::traces(&self.store()).is_empty(),
            "a run with a fault was sealed"
        );
        let status = self.status();
        assert_eq!(status["failed_attempts"], 1);
        assert_eq!(status["sealed"], 0);
        let exclusions = self.analyze("exclusions.csv");
        let attempt = exclusions
            .iter()
            .find(|exclusion| exclusion["file"].starts_with("failed/"))
            .unwrap_or_else(|| panic!("no failed attempt is listed: {exclusions:?}"));
        assert_eq!(attempt["fault"], code, "{attempt:?}");
        assert!(
            attempt["detail"].contains(detail),
            "expected '{detail}': {attempt:?}"
        );
    }
}

fn fake(manner: &str) -> CpuPlan {
    CpuPlan::new([built("fake-worker").to_str().unwrap(), manner])
}

/// For workers that say nothing: a wait that a test can afford.
fn impatient(manner: &str) -> Sweep {
    Sweep::of(&CpuPlan {
        timeout_s: 0.5,
        ..fake(manner)
    })
}

#[test]
fn an_honest_worker_is_measured() {
    let sweep = Sweep::of_manner("honest");
    sweep.run().expect_code(0);
    let rows = sweep.analyze("rows.csv");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row["provenance"].as_str(), row["unit"].as_str()),
        ("measured", "token")
    );
    assert_eq!(row["faults"], "");
    let iterations: u64 = row["iterations"].parse().unwrap();
    let work: u64 = row["work"].parse().unwrap();
    assert!(iterations > 1);
    assert_eq!(work, iterations * tests::plan::DECODE_TOKENS);
    let window_s: f64 = row["window_s"].parse().unwrap();
    assert!((0.1..5.0).contains(&window_s), "{window_s}");
}

#[test]
fn a_crash_is_kept_with_the_last_words_of_the_worker() {
    Sweep::of_manner("crashes").assert_fault("worker_crashed", "out of memory, as it were");
}

#[test]
fn a_worker_that_leaves_early_has_crashed() {
    Sweep::of_manner("leaves").assert_fault("worker_crashed", "exit status: 0");
}

#[test]
fn a_worker_that_never_speaks_runs_out_of_time() {
    impatient("mute").assert_fault("worker_timeout", "0.5 s");
}

#[test]
fn a_worker_that_hangs_runs_out_of_time() {
    impatient("hangs").assert_fault("worker_timeout", "0.5 s");
}

#[test]
fn a_worker_that_does_not_stop_runs_out_of_time() {
    impatient("deaf").assert_fault("worker_timeout", "stop");
}

#[test]
fn a_worker_that_stays_after_done_runs_out_of_time() {
    Sweep::of_manner("lingers").assert_fault("worker_timeout", "20 s");
}

#[test]
fn a_line_that_is_no_mark_is_garbage() {
    Sweep::of_manner("babbles").assert_fault("worker_garbage", "loading the model, please wait");
}

#[test]
fn a_mark_out_of_order_is_garbage() {
    Sweep::of_manner("disordered").assert_fault("worker_garbage", "'end' cannot come");
}

#[test]
fn a_stamp_that_goes_backwards_is_garbage() {
    Sweep::of_manner("backwards").assert_fault("worker_garbage", "CLOCK_MONOTONIC");
}

#[test]
fn a_failure_is_kept_in_the_words_of_the_worker() {
    Sweep::of_manner("fails").assert_fault("worker_failed", "the moon is full");
}

#[test]
fn a_sum_that_is_not_the_sum_is_a_mismatch() {
    Sweep::of_manner("overstates").assert_fault("work_mismatch", "done says");
}

#[test]
fn work_that_was_not_asked_for_is_a_mismatch() {
    Sweep::of_manner("skips-prompt").assert_fault("work_mismatch", "prefill phase did 3 units");
}

#[test]
fn a_worker_that_does_nothing_did_no_work() {
    Sweep::of_manner("idles").assert_fault("no_work", "without having ended a phase");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let sweep = Sweep::of(&CpuPlan::new(["./no-such-worker"]));
    sweep.assert_fault("worker_not_started", "./no-such-worker");
}

#[test]
fn a_command_that_fails_has_crashed() {
    let sweep = Sweep::of(&CpuPlan {
        protocol: "none",
        ..CpuPlan::new(["sh", "-c", "echo no such model >&2; exit 7"])
    });
    sweep.assert_fault("worker_crashed", "no such model");
}

#[test]
fn three_failures_in_a_row_end_the_sweep() {
    let sweep = Sweep::of(&CpuPlan {
        blocks: 9,
        ..fake("fails")
    });
    sweep.run().expect_code(1).expect_error(&[
        "3 runs failed in a row",
        "worker_failed",
        "the moon is full",
        "run the same command again",
    ]);
    assert_eq!(sweep.status()["failed_attempts"], 3);
}

/// The worker is good for the one point and bad for the other, until it is mended.
#[test]
fn sealed_runs_stay_beside_failures_and_a_mended_worker_completes() {
    let scripts = tempfile::tempdir().unwrap();
    let script = scripts.path().join("worker.sh");
    let mend = |manner: &str| {
        let worker = built("fake-worker");
        let text = format!(
            "case \"$JOULEBENCH_RUN\" in *'\"batch\":2'*) exec '{0}' {manner};; *) exec '{0}' honest;; esac\n",
            worker.display()
        );
        fs::write(&script, text).unwrap();
    };
    let sweep = Sweep::of(&CpuPlan {
        points: 2,
        blocks: 2,
        ..CpuPlan::new(["sh", script.to_str().unwrap()])
    });
    mend("crashes");
    sweep.run().expect_code(5);
    let sealed = parquets(&sweep.store());
    assert_eq!(
        sealed
            .keys()
            .filter(|name| !name.starts_with("failed"))
            .count(),
        2
    );
    assert_eq!(
        sealed
            .keys()
            .filter(|name| name.starts_with("failed"))
            .count(),
        2
    );

    mend("honest");
    sweep.run().expect_code(0);
    tree::assert_kept(&sealed, &sweep.store());
    assert_eq!(tree::traces(&sweep.store()).len(), 4);
    let exclusions = sweep.analyze("exclusions.csv");
    assert_eq!(
        exclusions.len(),
        2,
        "failed attempts stay listed: {exclusions:?}"
    );
    assert!(
        sweep
            .analyze("rows.csv")
            .iter()
            .any(|row| row["faults"].is_empty())
    );
}

fn parquets(store: &Path) -> tree::Tree {
    let mut tree = tree::read(store);
    tree.retain(|name, _| name.extension().is_some_and(|end| end == "parquet"));
    tree
}

#[test]
fn the_example_in_python_is_a_worker() {
    let sweep = Sweep::of(&CpuPlan::new([
        "python3",
        "workloads/examples/minimal_worker.py",
    ]));
    sweep.run().expect_code(0);
    let rows = sweep.analyze("rows.csv");
    assert_eq!(
        (rows[0]["unit"].as_str(), rows[0]["faults"].as_str()),
        ("request", "")
    );
    assert_eq!(rows[0]["work"], rows[0]["iterations"]);
    assert_eq!(rows[0]["digest"].len(), 64);
}

#[test]
fn the_example_in_the_documentation_is_the_one_that_runs() {
    let root = tests::repository::root();
    let page = fs::read_to_string(root.join("docs/worker-protocol.md")).unwrap();
    let example = fs::read_to_string(root.join("workloads/examples/minimal_worker.py")).unwrap();
    assert!(
        page.contains(&example),
        "docs/worker-protocol.md shows another program than the example"
    );
    assert_eq!(example.lines().count(), 20);
}

#[test]
fn a_command_without_marks_is_one_window() {
    let sweep = Sweep::of(&CpuPlan {
        protocol: "none",
        ..CpuPlan::new(["sleep", "0.3"])
    });
    sweep.run().expect_code(0);
    let rows = sweep.analyze("rows.csv");
    let row = &rows[0];
    assert_eq!((row["work"].as_str(), row["unit"].as_str()), ("1", "run"));
    let window_s: f64 = row["window_s"].parse().unwrap();
    assert!(
        (0.3..3.0).contains(&window_s),
        "the command takes 0.3 s, the window has {window_s} s"
    );
}
