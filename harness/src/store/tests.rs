use model::reason::RunFault;
use model::trace::Fault;
use tempfile::TempDir;

use super::*;
use crate::fixture::{emulated_plan, emulated_trace, record};

const PLAN: &str = "name = \"a plan\"\n";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path(), PLAN, Durability::PowerLoss).expect("a fresh store")
}

fn failed(mut trace: Trace) -> Trace {
    trace.header.faults.push(Fault {
        fault: RunFault::WorkerCrashed,
        detail: "for the test".to_owned(),
    });
    trace
}

#[test]
fn a_sealed_run_is_there_whole_read_only_and_for_ever() {
    let (folder, trace) = (folder(), emulated_trace());
    let id = &trace.header.run.id;
    let store = open(&folder);
    assert!(!store.has(id).expect("an empty store"));
    let file = store.seal(&trace).expect("the first seal");
    assert_eq!(file, store.path_of(id));
    assert!(store.has(id).expect("sealed"));
    assert_eq!(read_trace(&file).expect("whole"), trace);
    assert!(
        fs_err::metadata(&file)
            .expect("there")
            .permissions()
            .readonly()
    );

    let before = fs_err::read(&file).expect("there");
    let error = store.seal(&trace).expect_err("sealed already");
    assert!(matches!(error, StoreError::Sealed { .. }), "{error}");
    assert_eq!(fs_err::read(&file).expect("still there"), before);
}

#[test]
fn failed_attempts_are_numbered_and_do_not_count_as_the_run() {
    let (folder, trace) = (folder(), failed(emulated_trace()));
    let id = trace.header.run.id.clone();
    let store = open(&folder);
    for attempt in 1..=3 {
        let file = store.seal(&trace).expect("an attempt");
        assert!(
            file.ends_with(format!("failed/{id}-{attempt}.parquet")),
            "{}",
            file.display()
        );
    }
    assert!(!store.has(&id).expect("readable"));
    assert_eq!(failed_attempts(folder.path()).expect("readable").len(), 3);
    assert_eq!(
        sealed_runs(folder.path(), &emulated_plan()).expect("readable"),
        []
    );
    store.seal(&emulated_trace()).expect("the good attempt");
    assert_eq!(
        sealed_runs(folder.path(), &emulated_plan()).expect("readable"),
        [id]
    );
}

#[test]
fn the_folder_of_another_plan_is_refused_and_left_alone() {
    let folder = folder();
    drop(open(&folder));
    let error = Store::open(folder.path(), "name = \"another\"\n", Durability::PowerLoss)
        .expect_err("another plan");
    assert!(
        error
            .to_string()
            .contains("plan.toml differs from the plan given"),
        "{error}"
    );
    assert_eq!(
        fs_err::read_to_string(folder.path().join("plan.toml")).expect("there"),
        PLAN
    );
    drop(open(&folder));
}

#[test]
fn two_harnesses_never_share_a_store() {
    let folder = folder();
    let first = open(&folder);
    let error = Store::open(folder.path(), PLAN, Durability::PowerLoss).expect_err("locked");
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(first);
    drop(open(&folder));
}

#[test]
fn what_a_killed_harness_left_behind_is_swept_and_sealed_runs_stay() {
    let (folder, trace) = (folder(), emulated_trace());
    let store = open(&folder);
    let sealed = store.seal(&trace).expect("sealed");
    store.seal(&failed(trace.clone())).expect("an attempt");
    drop(store);
    let strays = [
        "0123456789abcdef.parquet.tmp",
        "failed/0123456789abcdef-1.parquet.tmp",
    ];
    for stray in strays {
        fs_err::write(folder.path().join(stray), "half a trace").expect("a temporary file");
    }
    let store = open(&folder);
    for stray in strays {
        assert!(!folder.path().join(stray).exists(), "{stray} must be swept");
    }
    assert!(store.has(&trace.header.run.id).expect("whole"));
    assert_eq!(read_trace(&sealed).expect("whole"), trace);
    assert_eq!(failed_attempts(folder.path()).expect("readable").len(), 1);
}

#[test]
fn a_damaged_or_exchanged_run_is_not_taken_for_sealed() {
    let folder = folder();
    let runs = emulated_plan().runs();
    let store = open(&folder);
    let file = store.seal(&record(&runs[0])).expect("sealed");
    let whole = fs_err::read(&file).expect("there");

    let exchanged = store.path_of(&runs[1].id);
    fs_err::write(&exchanged, &whole).expect("a copy under another name");
    let error = store.has(&runs[1].id).expect_err("exchanged").to_string();
    assert!(
        error.contains(&format!(
            "holds run {}, expected {}",
            runs[0].id, runs[1].id
        )),
        "{error}"
    );

    fs_err::write(&exchanged, &whole[..whole.len() / 2]).expect("half a copy");
    let error = store.has(&runs[1].id).expect_err("truncated").to_string();
    assert!(error.contains(&exchanged.display().to_string()), "{error}");
    assert!(store.has(&runs[0].id).expect("untouched"));
}

#[test]
fn checksums_are_those_of_sha256sum_sorted_and_without_the_list_itself() {
    let folder = folder();
    let store = open(&folder);
    for run in emulated_plan().runs() {
        store.seal(&record(&run)).expect("sealed");
    }
    store.seal(&failed(emulated_trace())).expect("an attempt");
    store.write_checksums().expect("written");
    let list = fs_err::read_to_string(folder.path().join("SHA256SUMS")).expect("there");
    let names: Vec<&str> = list.lines().map(|line| &line[66..]).collect();
    assert!(names.is_sorted());
    assert_eq!(
        names.len(),
        4 + 1 + 1,
        "runs, the attempt and the plan: {names:?}"
    );
    assert!(names.contains(&"plan.toml"));
    // SHA-256 of PLAN by sha256sum.
    assert!(
        list.contains(
            "a4e2d423147d9ec6af785e52dda99c1059f7dbae96f73bf6bf51d32827846b71  plan.toml\n"
        ),
        "{list}"
    );
    store.write_checksums().expect("written again");
    assert_eq!(
        fs_err::read_to_string(folder.path().join("SHA256SUMS")).expect("there"),
        list
    );
}

#[test]
fn a_root_that_is_no_folder_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    fs_err::write(&file, "").expect("a temporary file");
    let error =
        Store::open(&file.join("store"), PLAN, Durability::PowerLoss).expect_err("below a file");
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
}
