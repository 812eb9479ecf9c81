//! Commands in front of the emulated machine: what they find, and what comes back of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use model::units::Nanos;
use nvml_sim::launch::{Launch, LaunchError, Parts};
use nvml_sim::state::monotonic;

fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script].map(OsString::from).to_vec()
}

fn prepared(folder: &Path) -> Launch {
    Launch::prepare(
        folder,
        &folder.join("machine.state"),
        &Parts::find().unwrap(),
    )
    .unwrap()
}

#[test]
fn the_command_finds_library_stand_in_and_state_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let launch = prepared(folder.path());
    let report = folder.path().join("report");
    let script = format!(
        "exec >{report}; readlink -e $(echo $LD_LIBRARY_PATH | cut -d: -f1)/libnvidia-ml.so.1; \
         readlink -e $(echo $LD_LIBRARY_PATH | cut -d: -f1)/libnvidia-ml.so; \
         readlink -e $(command -v nvidia-smi); echo $JOULEBENCH_EMULATOR; command -v sh",
        report = report.display()
    );
    assert_eq!(launch.run(&shell(&script), || {}).unwrap(), 0);
    let report = fs_err::read_to_string(&report).unwrap();
    let lines: Vec<&str> = report.lines().collect();
    assert!(
        lines[0].ends_with("/libnvml_sim.so") && lines[0] == lines[1],
        "{report}"
    );
    assert!(lines[2].ends_with("/joulebench-nvidia-smi"), "{report}");
    assert_eq!(Path::new(lines[3]), folder.path().join("machine.state"));
    assert!(
        lines[4].ends_with("/sh"),
        "the rest of PATH stays: {report}"
    );
    let library_folder = launch.library_folder().to_path_buf();
    assert!(library_folder.exists());
    drop(launch);
    assert!(!library_folder.exists());
}

#[test]
fn two_launches_of_one_process_have_two_folders() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (prepared(folder.path()), prepared(folder.path()));
    assert_ne!(one.library_folder(), other.library_folder());
}

#[test]
fn exit_codes_come_back_as_a_shell_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let launch = prepared(folder.path());
    let code = |script: &str| launch.run(&shell(script), || {}).unwrap();
    assert_eq!(code("true"), 0);
    assert_eq!(code("exit 7"), 7);
    assert_eq!(code("kill -KILL $$"), 128 + 9);
    assert!(matches!(
        launch.run(&[], || {}),
        Err(LaunchError::NoCommand)
    ));
    let error = launch
        .run(&[OsString::from("no-such-command-anywhere")], || {})
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("starting no-such-command-anywhere: "),
        "{error}"
    );
}

#[test]
fn what_watches_is_called_while_the_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    let launch = prepared(folder.path());
    let mut calls = 0;
    launch.run(&shell("sleep 0.7"), || calls += 1).unwrap();
    assert!((1..=7).contains(&calls), "{calls}");
}

/// Not a test by itself: an emulator process for the test below to signal.
#[test]
#[ignore = "a process of its own; started by the test below"]
fn run_a_command_that_waits() {
    let folder = std::env::var_os("JOULEBENCH_TEST_FOLDER").unwrap();
    let launch = prepared(Path::new(&folder));
    let script = format!(
        "trap 'echo term; exit 21' TERM; trap 'echo usr1' USR1; cd {}; echo ready >ready; \
         while :; do sleep 0.05; done",
        Path::new(&folder).display()
    );
    let code = launch.run(&shell(&script), || {}).unwrap();
    drop(launch);
    fs_err::write(Path::new(&folder).join("code"), code.to_string()).unwrap();
}

#[test]
fn signals_go_to_the_command_and_the_folder_is_cleaned_up_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "run_a_command_that_waits",
            "--ignored",
            "--nocapture",
        ])
        .env("JOULEBENCH_TEST_FOLDER", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = monotonic::now() + Nanos::from_seconds(20.0);
    while !folder.path().join("ready").exists() {
        assert!(monotonic::now() < deadline, "the command did not start");
        std::thread::yield_now();
    }
    let send = |signal: &str| {
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    send("-USR1");
    send("-TERM");
    let output = child.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("term"), "{output}");
    assert_eq!(
        fs_err::read_to_string(folder.path().join("code")).unwrap(),
        "21"
    );
    let left: Vec<_> = fs_err::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("joulebench-nvml"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
