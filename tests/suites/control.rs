//! Clocks and power limits are changed only where the plan asks and the user allows it, and come
//! back. `kill/dvfs.rs` does the same with SIGKILL at random instants.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tests::dvfs::{DvfsPlan, run_ids};
use tests::emulation::{Emulation, Settings, pause};
use tests::program::Outcome;
use tests::tree;
use tests::watchdog::watchdog_of;

const ANYONE: [&str; 4] = ["--gpu", "h200", "--permission", "anyone"];

fn run(machine: &Emulation, plan: &Path, options: &[&str]) -> Command {
    let mut command = machine.joulebench(["run".as_ref(), plan.as_os_str()]);
    command
        .arg("--store")
        .arg(plan.parent().unwrap())
        .args(options);
    command
}

fn allowed(machine: &Emulation, plan: &Path) -> Command {
    run(machine, plan, &["--allow-control"])
}

fn started(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

/// Waits until something is seen, 30 s at most.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not seen: {what}");
        pause(Duration::from_millis(10));
    }
}

/// Starts a sweep of one long run and waits until its settings are in force.
fn in_the_middle(machine: &Emulation, folder: &Path) -> (Child, Settings) {
    let plan = DvfsPlan {
        window_s: 30.0,
        ..DvfsPlan::single()
    }
    .write(folder);
    let before = machine.settings().0;
    let harness = started(&mut allowed(machine, &plan));
    wait_until("changed settings", || {
        machine.settings().0.locked_sm_mhz == Some((990, 990)) && folder.join("starts").exists()
    });
    (harness, before)
}

/// The watchdog of a harness.
fn watchdog(harness: &Child) -> Pid {
    watchdog_of(harness.id()).expect("a harness with control has a watchdog")
}

#[test]
fn without_leave_the_plan_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    let plan = DvfsPlan::small().write(folder.path());
    let before = machine.settings();
    Outcome::of(&mut run(&machine, &plan, &[]))
        .expect_code(2)
        .expect_error(&[
            "sm_clock_mhz to 990, 1305, 1980",
            "power_cap_w to 400, 600",
            "--allow-control",
        ]);
    assert!(!folder.path().join("dvfs").exists());
    assert!(!machine.control_folder().exists());
    assert_eq!(machine.settings(), before);
}

#[test]
fn a_sweep_sets_what_it_says_and_gives_back_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    machine.nvidia_smi(&["-pl", "550"]);
    let plan = DvfsPlan {
        blocks: 1,
        ..DvfsPlan::small()
    }
    .write(folder.path());
    let before = machine.settings().0;
    let mut harness = started(&mut allowed(&machine, &plan));
    let mut seen = Vec::new();
    while harness.try_wait().unwrap().is_none() {
        let now = machine.settings().0;
        seen.push((now.locked_sm_mhz, now.power_limit_w.to_bits()));
        pause(Duration::from_millis(20));
    }
    assert_eq!(harness.wait().unwrap().code(), Some(0));
    for (clock, cap) in [990, 1_305, 1_980].into_iter().zip([400.0_f64, 600.0]) {
        let both = (Some((clock, clock)), cap.to_bits());
        assert!(
            seen.contains(&both),
            "{clock} MHz and {cap} W were never set"
        );
    }
    assert_eq!(machine.settings().0, before);
    assert_eq!(machine.ledgers(), Vec::<std::path::PathBuf>::new());
    let sealed: Vec<String> = tree::traces(&folder.path().join("dvfs"))
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(sealed, run_ids(&plan));
}

#[test]
fn who_may_not_is_told_which_right_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &["--gpu", "h200", "--permission", "nobody"]);
    let plan = DvfsPlan::single().write(folder.path());
    Outcome::of(&mut allowed(&machine, &plan))
        .expect_code(3)
        .expect_error(&["no permission to change the SM clock", "CAP_SYS_ADMIN"]);
    assert!(!folder.path().join("dvfs").exists());
    assert_eq!(machine.ledgers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_lock_that_nobody_told_of_is_refused_and_one_that_was_told_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    machine.nvidia_smi(&["-lgc", "1005,1500"]);
    let plan = DvfsPlan::single().write(folder.path());
    let before = machine.settings().0;
    assert_eq!(before.locked_sm_mhz, Some((1_005, 1_500)));
    Outcome::of(&mut allowed(&machine, &plan))
        .expect_code(1)
        .expect_error(&["1005 MHz", "--prior-sm-clock-lock MIN,MAX"]);
    assert_eq!(machine.settings().0, before);
    let told = ["--allow-control", "--prior-sm-clock-lock", "1005,1500"];
    Outcome::of(&mut run(&machine, &plan, &told)).expect_code(0);
    assert_eq!(machine.settings().0, before);
}

#[test]
fn the_second_harness_on_a_gpu_is_refused_with_the_first_ones_number() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    let (mut first, before) = in_the_middle(&machine, folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let in_force = machine.settings();
    // With control and without: to measure beside another is just as wrong.
    let plans = [
        DvfsPlan::single(),
        DvfsPlan {
            clocks: vec![],
            caps: vec![],
            ..DvfsPlan::single()
        },
    ];
    let pid = format!("pid {}", first.id());
    for plan in plans {
        let plan = plan.write(elsewhere.path());
        Outcome::of(&mut allowed(&machine, &plan))
            .expect_code(1)
            .expect_error(&["in use by another joulebench", &pid]);
    }
    assert_eq!(machine.settings(), in_force);
    send(&first, Signal::TERM);
    first.wait().unwrap();
    assert_eq!(machine.settings().0, before);
}

#[test]
fn a_signal_gives_back_and_ends_as_signals_do() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let folder = tempfile::tempdir().unwrap();
        let machine = Emulation::start(folder.path(), &ANYONE);
        let (mut harness, before) = in_the_middle(&machine, folder.path());
        send(&harness, signal);
        let status = harness.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()));
        // Not a moment later: the harness itself has done it.
        assert_eq!(machine.settings().0, before);
        assert_eq!(machine.ledgers(), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn where_the_watchdog_dies_too_doctor_repairs() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    let repair = || Outcome::of(&mut machine.joulebench(["doctor", "--repair"])).expect_code(0);
    assert!(repair().stdout.contains("no ledger"));
    let (mut harness, before) = in_the_middle(&machine, folder.path());
    kill_process(watchdog(&harness), Signal::KILL).unwrap();
    send(&harness, Signal::KILL);
    harness.wait().unwrap();
    assert_ne!(machine.settings().0, before);
    assert_eq!(machine.ledgers().len(), 1);
    let doctor = Outcome::of(&mut machine.joulebench(["doctor"]));
    assert!(
        doctor.stdout.contains("doctor --repair"),
        "{}",
        doctor.stdout
    );
    assert!(repair().stdout.contains("before the harness died"));
    assert_eq!(machine.settings().0, before);
    assert!(repair().stdout.contains("no ledger"));
}

#[test]
fn a_damaged_ledger_is_named_and_nothing_is_set_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    let (mut harness, _) = in_the_middle(&machine, folder.path());
    kill_process(watchdog(&harness), Signal::KILL).unwrap();
    send(&harness, Signal::KILL);
    harness.wait().unwrap();
    let ledger = machine.ledgers().swap_remove(0);
    tree::flip_middle_bit(&ledger);
    let left = machine.settings();
    let words = [ledger.to_str().unwrap(), "damaged", "--reset-gpu-clocks"];
    Outcome::of(&mut machine.joulebench(["doctor", "--repair"]))
        .expect_code(1)
        .expect_error(&words);
    let elsewhere = tempfile::tempdir().unwrap();
    let plan = DvfsPlan::single().write(elsewhere.path());
    Outcome::of(&mut allowed(&machine, &plan))
        .expect_code(1)
        .expect_error(&words);
    assert_eq!(machine.settings(), left);
    assert!(ledger.exists(), "it is evidence, and people may read it");
}

#[test]
fn a_watchdog_that_was_killed_is_replaced_before_the_next_change() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Emulation::start(folder.path(), &ANYONE);
    let plan = DvfsPlan {
        blocks: 1,
        ..DvfsPlan::small()
    }
    .write(folder.path());
    let before = machine.settings().0;
    let mut harness = started(&mut allowed(&machine, &plan));
    wait_until("the first worker", || folder.path().join("starts").exists());
    let first = watchdog(&harness);
    kill_process(first, Signal::KILL).unwrap();
    let workers = || {
        fs::read_to_string(folder.path().join("starts"))
            .unwrap()
            .lines()
            .count()
    };
    let now = workers();
    wait_until("the next worker", || workers() > now);
    assert_ne!(watchdog(&harness), first);
    send(&harness, Signal::KILL);
    harness.wait().unwrap();
    wait_until("the prior settings", || machine.settings().0 == before);
    wait_until("the end of the ledger", || machine.ledgers().is_empty());
}

/// The driver may withdraw the right in the middle of a run; the watchdog tries on when the harness
/// has to give up.
#[test]
fn a_right_that_comes_back_later_is_enough_to_give_back() {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.toml");
    fs::write(
        &faults,
        "[[fault]]\nat_s = 4.0\nfor_s = 4.0\nkind = \"permission_withdrawn\"\n",
    )
    .unwrap();
    let options = [&ANYONE[..], &["--faults", faults.to_str().unwrap()]].concat();
    let begin = Instant::now();
    let machine = Emulation::start(folder.path(), &options);
    let (mut harness, before) = in_the_middle(&machine, folder.path());
    pause(Duration::from_secs(5).saturating_sub(begin.elapsed()));
    send(&harness, Signal::TERM);
    let status = harness.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    assert_ne!(machine.settings().0, before, "nobody may, at this moment");
    assert_eq!(machine.ledgers().len(), 1);
    wait_until("the prior settings", || machine.settings().0 == before);
    wait_until("the end of the ledger", || machine.ledgers().is_empty());
    // The watchdog shares it, so it ends with the watchdog.
    let mut said = String::new();
    std::io::Read::read_to_string(&mut harness.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("no permission to change"), "{said}");
}
