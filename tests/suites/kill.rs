//! `kill -9` in the middle of a sweep loses no sealed run and repeats none.

mod dvfs;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tests::plan::CpuPlan;
use tests::program::{Outcome, built, joulebench};
use tests::tree;

const KILLS: usize = 6;
const POINTS: u32 = 2;
const BLOCKS: u32 = 6;

#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let starts = folder.join("starts");
    let worker = built("fake-worker");
    let script = format!(
        "echo $$ >> '{}'; exec '{}' honest",
        starts.display(),
        worker.display()
    );
    let plan = CpuPlan {
        points: POINTS,
        blocks: BLOCKS,
        ..CpuPlan::new(["sh", "-c", &script])
    }
    .write(folder);
    let store = folder.join("quick");
    let command = || {
        let words = [
            "run".as_ref(),
            plan.as_os_str(),
            "--store".as_ref(),
            folder.as_os_str(),
        ];
        joulebench(words)
    };
    let runs = (POINTS * BLOCKS) as usize;
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut interrupted = 0;
    for _ in 0..KILLS {
        let earlier = sealed(&store);
        let moment = Duration::from_millis(30 + random.next_u64() % 320);
        let mut harness = command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        pause(moment);
        let ended_by_itself = harness.try_wait().unwrap().is_some();
        // SIGKILL: nothing of the harness runs after it.
        harness.kill().unwrap();
        harness.wait().unwrap();
        interrupted += usize::from(!ended_by_itself);
        tree::assert_kept(&earlier, &store);
    }
    assert!(interrupted > 0, "no kill came in the middle of the sweep");
    let earlier = sealed(&store);
    assert!(
        earlier.len() < runs,
        "the sweep was over before the last kill"
    );
    Outcome::of(&mut command()).expect_code(0);

    tree::assert_kept(&earlier, &store);
    assert_eq!(tree::traces(&store).len(), runs);
    assert!(
        !store.join("failed").exists(),
        "a kill is no fault of a run"
    );
    let left: Vec<_> = tree::files(&store)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|end| end == "tmp"))
        .collect();
    assert!(left.is_empty(), "temporary files stayed: {left:?}");
    // One start for each run, and one more for each run that a kill cut off.
    let pids = fs::read_to_string(&starts).unwrap();
    let started = pids.lines().count();
    assert!(
        (runs..=runs + interrupted).contains(&started),
        "{started} starts, {runs} runs"
    );
    for pid in pids.lines() {
        assert_gone(pid, &worker);
    }
}

/// What a harness leaves in `failed/` when it is killed while it writes is swept as well.
#[test]
fn temporaries_of_a_killed_harness_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("emulated-demo");
    let left = [
        store.join("0000.parquet.tmp"),
        store.join("failed/0000-1.parquet.tmp"),
    ];
    for file in &left {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"half a trace").unwrap();
    }
    let words = ["run", "artifacts/plans/emulated-demo.toml", "--store"];
    Outcome::of(joulebench(words).arg(folder.path())).expect_code(0);
    for file in left {
        assert!(!file.exists(), "{} stayed", file.display());
    }
}

fn sealed(store: &Path) -> tree::Tree {
    let mut tree = tree::read(store);
    tree.retain(|name, _| name.extension().is_some_and(|end| end == "parquet"));
    tree
}

/// A worker whose harness was killed hears the end of its standard input and ends.
fn assert_gone(pid: &str, worker: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let program = Path::new("/proc").join(pid).join("exe");
    while fs::read_link(&program).is_ok_and(|found| found == worker) {
        assert!(
            Instant::now() < deadline,
            "worker {pid} outlived its harness by 10 s"
        );
        pause(Duration::from_millis(20));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the moment of a kill is in real time"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
