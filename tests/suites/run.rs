//! `joulebench run`: complete, repeatable, resumable, and careful with what is sealed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;
use tests::plan::CpuPlan;
use tests::program::{Outcome, built, joulebench};
use tests::tree;

const DEMO: &str = "artifacts/plans/emulated-demo.toml";
const DEMO_RUNS: usize = 12;

/// `joulebench run PLAN --store FOLDER`.
fn run(plan: impl AsRef<OsStr>, store: &Path) -> Outcome {
    Outcome::of(&mut joulebench([
        "run".as_ref(),
        plan.as_ref(),
        "--store".as_ref(),
        store.as_os_str(),
    ]))
}

/// A complete store of the demonstration below a folder.
fn demo(folder: &Path) -> PathBuf {
    run(DEMO, folder).expect_code(0);
    folder.join("emulated-demo")
}

fn first_trace(store: &Path) -> PathBuf {
    tree::traces(store).first().expect("a sealed run").clone()
}

#[test]
fn the_emulated_sweep_completes_and_is_the_same_bytes_in_any_folder() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = demo(one.path());
    let two_store = demo(two.path());
    assert_eq!(tree::traces(&one).len(), DEMO_RUNS);
    tree::assert_same_bytes(&one, &two_store);
}

#[test]
fn a_complete_sweep_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = demo(folder.path());
    let earlier: tree::Tree = tree::read(&store)
        .into_iter()
        .filter(|(name, _)| name.extension().is_some_and(|end| end == "parquet"))
        .collect();
    assert_eq!(earlier.len(), DEMO_RUNS);
    demo(folder.path());
    tree::assert_kept(&earlier, &store);
    for trace in tree::traces(&store) {
        assert!(
            fs::metadata(&trace).unwrap().permissions().readonly(),
            "{}",
            trace.display()
        );
    }
}

#[test]
fn a_budget_too_small_for_one_run_starts_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    Outcome::of(&mut joulebench([
        "run",
        DEMO,
        "--store",
        store,
        "--budget",
        "0.000001s",
    ]))
    .expect_code(4);
    assert!(tree::traces(&folder.path().join("emulated-demo")).is_empty());
    run(DEMO, folder.path()).expect_code(0);
}

#[test]
fn a_budget_stops_between_runs_and_the_same_command_completes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = CpuPlan {
        blocks: 7,
        ..CpuPlan::new([built("fake-worker").to_str().unwrap(), "slow"])
    }
    .write(folder.path());
    let store = folder.path().join("quick");
    let mut command = joulebench(["run".as_ref(), plan.as_os_str(), "--store".as_ref()]);
    // Before its first run a sweep reckons with 5 s of loading; then it knows that a run takes one.
    command.arg(folder.path()).args(["--budget", "5.3s"]);
    let said = Outcome::of(&mut command).expect_code(4);
    assert!(said.stdout.contains("runs are left"), "{}", said.stdout);
    let sealed = tree::traces(&store).len();
    assert!(
        (1..7).contains(&sealed),
        "{sealed} runs of about a second each in 5.3 s"
    );

    let status = [
        "status".as_ref(),
        plan.as_os_str(),
        "--json".as_ref(),
        "--store".as_ref(),
    ];
    let status = Outcome::of(joulebench(status).arg(folder.path())).expect_code(4);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["sealed"], sealed);
    assert_eq!(status["left"].as_array().unwrap().len(), 7 - sealed);

    let earlier = tree::read(&store);
    run(&plan, folder.path()).expect_code(0);
    assert_eq!(tree::traces(&store).len(), 7);
    let sealed: tree::Tree = earlier
        .into_iter()
        .filter(|(name, _)| name.extension().is_some_and(|end| end == "parquet"))
        .collect();
    tree::assert_kept(&sealed, &store);
}

#[test]
fn a_store_of_another_plan_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = demo(folder.path());
    let earlier = tree::read(&store);
    let text = fs::read_to_string(tests::repository::root().join(DEMO)).unwrap();
    let other = folder.path().join("other.toml");
    fs::write(&other, text.replace("seed = 7", "seed = 8")).unwrap();
    run(&other, folder.path())
        .expect_code(1)
        .expect_error(&["emulated-demo/plan.toml", "choose another --store"]);
    tree::assert_kept(&without_lock(earlier), &store);
}

/// The lock is opened anew by each harness; nothing stands in it.
fn without_lock(mut tree: tree::Tree) -> tree::Tree {
    tree.remove(Path::new(".lock"));
    tree
}

#[test]
fn a_store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plan = CpuPlan {
        blocks: 100,
        ..CpuPlan::new([built("fake-worker").to_str().unwrap(), "slow"])
    }
    .write(folder.path());
    let words = [
        "run".as_ref(),
        plan.as_os_str(),
        "--store".as_ref(),
        folder.path().as_os_str(),
    ];
    let mut first = joulebench(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let kept = folder.path().join("quick/plan.toml");
    let deadline = Instant::now() + Duration::from_secs(20);
    // The plan is kept once the lock is held.
    while !kept.exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let second = run(&plan, folder.path());
    first.kill().unwrap();
    first.wait().unwrap();
    second
        .expect_code(1)
        .expect_error(&["quick", "in use by another joulebench"]);
}

/// Damages one trace, resumes, and asserts that the sweep names it and overwrites nothing.
fn assert_named(damage: impl Fn(&Path), words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let store = demo(folder.path());
    let victim = first_trace(&store);
    // With a run to take as well: the damage must be found before anything is measured.
    tree::overwrite(tree::traces(&store).last().unwrap(), b"");
    fs::remove_file(tree::traces(&store).last().unwrap()).unwrap();
    damage(&victim);
    let earlier = without_lock(tree::read(&store));
    let name = victim.file_name().unwrap().to_str().unwrap();
    run(DEMO, folder.path())
        .expect_code(1)
        .expect_error(&[name])
        .expect_error(words);
    tree::assert_kept(&earlier, &store);
    assert_eq!(
        tree::traces(&store).len(),
        DEMO_RUNS - 1,
        "a run was taken beside a damaged one"
    );
}

#[test]
fn a_truncated_trace_is_named_and_kept() {
    let truncate = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        tree::overwrite(file, &bytes[..bytes.len() / 2]);
    };
    assert_named(
        truncate,
        &["no whole Parquet file", "restore it from a copy"],
    );
}

#[test]
fn an_empty_trace_is_named_and_kept() {
    assert_named(
        |file| tree::overwrite(file, b""),
        &["no whole Parquet file"],
    );
}

#[test]
fn a_flipped_bit_is_named_and_kept() {
    assert_named(tree::flip_middle_bit, &["restore it from a copy"]);
}

#[test]
fn a_trace_under_the_name_of_another_is_named_and_kept() {
    let swap = |file: &Path| {
        let other = tree::traces(file.parent().unwrap())[1].clone();
        tree::overwrite(file, &fs::read(other).unwrap());
    };
    assert_named(swap, &["holds run"]);
}

#[test]
fn an_unknown_version_of_the_format_is_named_and_kept() {
    let renumber = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        // Key and value stand in the footer as they are: the key, a field header, a length, "1".
        let key = b"joulebench.format\x18\x011";
        let at = bytes
            .windows(key.len())
            .position(|window| window == key)
            .unwrap();
        bytes[at + key.len() - 1] = b'9';
        tree::overwrite(file, &bytes);
    };
    assert_named(
        renumber,
        &["format 9, expected 1", "use the joulebench that wrote it"],
    );
}

/// Whatever happens to a byte, the answer is a sealed run that still holds or one clear error: never
/// a panic, a wait or a file that is written over.
#[test]
fn damage_anywhere_gives_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = demo(folder.path());
    let victim = first_trace(&store);
    let name = victim.file_name().unwrap().to_str().unwrap();
    let good = fs::read(&victim).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(20_261_122);
    let mut refused = 0;
    for round in 0..60_usize {
        let place = usize::try_from(random.next_u64() % good.len() as u64).unwrap();
        let mut bytes = good.clone();
        if round % 5 == 0 {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << (random.next_u64() % 8);
        }
        tree::overwrite(&victim, &bytes);
        let said = run(DEMO, folder.path());
        assert!(
            fs::read(&victim).unwrap() == bytes,
            "the damaged trace was written over"
        );
        match said.code {
            // Bytes that no reading depends on, statistics for example, are not under the seal.
            Some(0) => {}
            Some(1) => {
                refused += 1;
                said.expect_error(&["error: ", name]);
            }
            other => panic!("byte {place}: exit code {other:?}: {}", said.stderr),
        }
    }
    assert!(refused > 30, "only {refused} of 60 damages were noticed");
}
