//! Folders that cannot be written and disks that are full: one clear error, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::program::{Outcome, built, joulebench};
use tests::tree;

const DEMO: &str = "artifacts/plans/emulated-demo.toml";

/// Every verb that writes, without the folder that comes last.
const WRITERS: [&[&str]; 7] = [
    &["run", DEMO, "--store"],
    &["analyze", "--out"],
    &["claims", "--out"],
    &["figures", "--out"],
    &["dataset", "build", "--out"],
    &["reproduce", "--no-live", "--out"],
    &["man"],
];

/// Asserts one error that names the folder, for every verb that writes.
fn assert_refused(folder: &Path) {
    for words in WRITERS {
        let said = Outcome::of(joulebench(words).arg(folder));
        assert!(
            matches!(said.code, Some(1..=3)),
            "{words:?}: exit code {:?}\n{}\n{}",
            said.code,
            said.stdout,
            said.stderr
        );
        let errors = said
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(errors, 1, "{words:?} gives one error:\n{}", said.stderr);
        said.expect_error(&[folder.to_str().unwrap()]);
    }
}

/// Mode bits do not bind the superuser; a folder below a file cannot be made by anybody.
#[test]
fn a_folder_below_a_file_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, b"no folder").unwrap();
    assert_refused(&file.join("below"));
    assert_eq!(fs::read(&file).unwrap(), b"no folder");
}

#[test]
fn a_folder_that_the_system_does_not_give_is_named() {
    assert_refused(Path::new("/proc/joulebench"));
}

#[test]
fn doctor_says_that_a_folder_cannot_be_made() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, b"no folder").unwrap();
    // Of all folders above, only the one of the file exists; a store below the file cannot be made.
    let said =
        Outcome::of(joulebench(["doctor", "--store"]).arg(file.join("below"))).expect_code(1);
    assert!(said.stdout.contains("broken"), "{}", said.stdout);
}

/// Runs a shell script in which `$DISK` is a file system of so many KiB; `None` where this user may
/// not mount one. The script sees `$JOULEBENCH`, and can save files to `$SAFE`.
fn with_small_disk(size_kib: u32, script: &str, safe: &Path) -> Option<Outcome> {
    let disk = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size={size_kib}k none \"$DISK\"");
    let shell = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .env("DISK", disk.path())
            .env("SAFE", safe)
            .env("JOULEBENCH", built("joulebench"))
            .current_dir(tests::repository::root());
        command.output()
    };
    if !shell(&mount).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not mount a small file system");
        return None;
    }
    let output = shell(&format!("{mount} || exit 99\n{script}")).unwrap();
    Some(Outcome::from(&output))
}

#[test]
fn a_full_disk_ends_the_sweep_and_keeps_every_sealed_run() {
    let safe = tempfile::tempdir().unwrap();
    let script = format!(
        "\"$JOULEBENCH\" run {DEMO} --store \"$DISK\"; code=$?; cp -a \"$DISK/.\" \"$SAFE\"; exit $code"
    );
    let Some(said) = with_small_disk(150, &script, safe.path()) else {
        return;
    };
    said.expect_code(1).expect_error(&[
        "error: ",
        ".parquet",
        "No space left",
        "sealed runs are untouched",
    ]);

    let store = safe.path().join("emulated-demo");
    let mut sealed = tree::read(&store);
    sealed.retain(|name, _| name.extension().is_some_and(|end| end == "parquet"));
    assert!(
        (1..12).contains(&sealed.len()),
        "{} runs were sealed",
        sealed.len()
    );
    let temporary = tree::files(&store)
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with(".tmp"));
    assert_eq!(temporary, None, "half a trace stayed");
    // With space again, the same command completes, which also reads every sealed run.
    Outcome::of(joulebench(["run", DEMO, "--store"]).arg(safe.path())).expect_code(0);
    tree::assert_kept(&sealed, &store);
    assert_eq!(tree::traces(&store).len(), 12);
}

#[test]
fn a_full_disk_leaves_no_half_result() {
    let safe = tempfile::tempdir().unwrap();
    let script = "\"$JOULEBENCH\" reproduce --no-live --out \"$DISK\"; code=$?; \
                  cp -a \"$DISK/.\" \"$SAFE\"; exit $code";
    let Some(said) = with_small_disk(256, script, safe.path()) else {
        return;
    };
    said.expect_code(1)
        .expect_error(&["error: ", "No space left"]);
    assert!(
        !safe.path().join(".reproduced.json").exists(),
        "a failure is remembered as a success"
    );
    // The lock of a store is empty by nature.
    let is_lock = |file: &PathBuf| file.file_name().is_some_and(|name| name == ".lock");
    let files = tree::files(safe.path());
    for file in files.into_iter().filter(|file| !is_lock(file)) {
        let name = file.to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{name} stayed");
        assert!(fs::metadata(&file).unwrap().len() > 0, "{name} is empty");
    }
}
