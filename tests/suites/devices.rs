//! Devices that are absent or may not be used, and what `doctor` says of this machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::program::{Outcome, joulebench};

const GPU_PLAN: &str = "artifacts/plans/h200-llama-7b.toml";
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Asserts that the plan for a GPU is refused with exit code 3 before anything is written.
fn assert_refused(libraries: Option<&Path>, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut command = joulebench(["run", GPU_PLAN, "--store"]);
    command.arg(&store);
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    Outcome::of(&mut command).expect_code(3).expect_error(words);
    assert!(
        !store.exists(),
        "something was written for a device that is not there"
    );
}

/// A driver library whose start gives this code.
fn stub(folder: &Path, code: u32) {
    let source = folder.join("stub.c");
    fs::write(
        &source,
        format!(
            "int nvmlInit_v2(void) {{ return {code}; }}\n\
             int nvmlInitWithFlags(unsigned flags) {{ return {code}; }}\n\
             int nvmlShutdown(void) {{ return 0; }}\n"
        ),
    )
    .unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(folder.join(LIBRARY))
        .arg(&source);
    Outcome::of(&mut compiler).expect_code(0);
}

#[test]
fn without_a_driver_the_fix_is_named() {
    let known = Command::new("/sbin/ldconfig").arg("-p").output();
    if known.is_ok_and(|known| String::from_utf8_lossy(&known.stdout).contains(LIBRARY)) {
        eprintln!("skipped: this machine has {LIBRARY}");
        return;
    }
    assert_refused(
        None,
        &[
            "nvml is absent",
            LIBRARY,
            "install the NVIDIA driver",
            "'cpu'",
        ],
    );
}

#[test]
fn without_permission_the_device_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    stub(folder.path(), 4);
    assert_refused(
        Some(folder.path()),
        &["no permission for nvml", "/dev/nvidiactl"],
    );
    let mut doctor = joulebench(["doctor", "--json"]);
    doctor.env("LD_LIBRARY_PATH", folder.path());
    let gpu = checks(&mut doctor)
        .into_iter()
        .find(|check| check["name"] == "NVIDIA GPU")
        .expect("a word on the GPU");
    assert!(
        gpu["fix"].as_str().unwrap().contains("/dev/nvidiactl"),
        "{gpu}"
    );
}

#[test]
fn a_driver_that_is_not_loaded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    stub(folder.path(), 9);
    assert_refused(Some(folder.path()), &["nvml"]);
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(LIBRARY), b"no library").unwrap();
    assert_refused(Some(folder.path()), &["nvml is absent", LIBRARY]);
}

#[test]
fn a_device_beyond_the_last_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plan =
        fs::read_to_string(tests::repository::root().join("artifacts/plans/emulated-demo.toml"));
    let plan = plan.unwrap().replace(
        "device = \"emulated\"",
        "device = \"emulated\"\ndevice_index = 30",
    );
    let file = folder.path().join("plan.toml");
    fs::write(&file, plan).unwrap();
    let words = [
        "run".as_ref(),
        file.as_os_str(),
        "--store".as_ref(),
        folder.path().as_os_str(),
    ];
    Outcome::of(&mut joulebench(words))
        .expect_code(3)
        .expect_error(&["device_index = 30", "below 16"]);
}

fn checks(doctor: &mut Command) -> Vec<Value> {
    let said = Outcome::of(doctor).expect_code(0);
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn doctor_finds_the_worker_and_gives_every_lack_its_fix() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("not/yet/there");
    let checks = checks(joulebench(["doctor", "--json", "--store"]).arg(store));
    let named = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(named("worker")["state"], "good");
    assert!(
        named("worker")["found"]
            .as_str()
            .unwrap()
            .starts_with("joulebench-worker ")
    );
    assert_eq!(named("emulated GPU")["state"], "good");
    for check in &checks {
        let is_good = check["state"] == "good";
        assert_eq!(
            is_good,
            check["fix"].is_null(),
            "a lack has a fix, and nothing else has: {check}"
        );
    }
}

#[test]
fn doctor_is_content_with_the_folder_that_a_sweep_would_make() {
    let folder = tempfile::tempdir().unwrap();
    let said = Outcome::of(joulebench(["doctor"]).current_dir(folder.path())).expect_code(0);
    assert!(
        said.stdout.contains("folder runs: can be written"),
        "{}",
        said.stdout
    );
}
