//! One state file, several processes: what they share, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use gpu_sim::{Work, kernels};
use model::units::Nanos;
use nvml_sim::state::{
    BoardSource, Emulator, EventKind, Machine, MachineConfig, Permission, Truth, monotonic,
    true_energy,
};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn state_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("machine.state")
}

fn emulator(path: &Path, boards: &[&str]) -> Emulator {
    Emulator::create(path, &MachineConfig::of_boards(boards.iter().copied(), 7)).unwrap()
}

fn gemm() -> EventKind {
    EventKind::SetWork(kernels::named("gemm-bf16").map(Work::endless))
}

/// Spins, for these tests are about microseconds.
fn wait(time: Nanos) {
    let end = monotonic::now() + time;
    while monotonic::now() < end {
        std::thread::yield_now();
    }
}

#[test]
fn a_machine_has_mixed_boards_of_its_own_names() {
    let folder = folder();
    let emulator = emulator(&state_in(&folder), &["v100", "h100-sxm", "h100-sxm"]);
    let mut machine = emulator.machine().unwrap();
    assert_eq!(machine.count(), 3);
    let slugs: Vec<String> = (0..3)
        .map(|gpu| machine.gpu(gpu).board().slug.clone())
        .collect();
    assert_eq!(
        slugs,
        ["v100-pcie-32gb", "h100-sxm5-80gb", "h100-sxm5-80gb"]
    );
    assert_ne!(machine.identity(1).uuid, machine.identity(2).uuid);
}

#[test]
fn what_one_process_does_the_other_sees_to_the_last_bit() {
    let folder = folder();
    let emulator = emulator(&state_in(&folder), &["a100", "h200"]);
    let (mut one, mut other) = (emulator.machine().unwrap(), emulator.machine().unwrap());
    // One looks often, the other never until the end: neither may change what happens.
    for step in 0..200_u32 {
        let gpu = step % 2;
        match step % 5 {
            0 => one.apply(gpu, gemm()).unwrap(),
            1 => other
                .apply(
                    gpu,
                    EventKind::LockCoreClocks {
                        min_mhz: 705,
                        max_mhz: 705 + step,
                    },
                )
                .unwrap(),
            2 => one.apply(gpu, EventKind::SetWork(None)).unwrap(),
            _ => wait(Nanos::new(100_000)),
        }
        one.gpu(gpu);
    }
    let end = monotonic::now();
    let origin = one.origin();
    for gpu in 0..2 {
        let settings = (one.gpu(gpu).settings(), other.gpu(gpu).settings());
        assert_eq!(settings.0, settings.1);
        let energy = |machine: &mut Machine| {
            machine
                .gpu(gpu)
                .timeline()
                .energy_between(origin, end)
                .get()
        };
        assert_eq!(energy(&mut one).to_bits(), energy(&mut other).to_bits());
        let truth = true_energy(emulator.path(), gpu, None, Some(end)).unwrap();
        assert_eq!(truth.energy.get().to_bits(), energy(&mut one).to_bits());
        assert!(truth.energy.get() > 0.0);
    }
}

#[test]
fn two_emulators_on_one_state_file_are_refused_and_the_next_one_is_welcome() {
    let folder = folder();
    let path = state_in(&folder);
    let config = MachineConfig::of_boards(["v100"], 1);
    let first = Emulator::create(&path, &config).unwrap();
    let error = Emulator::create(&path, &config).err().unwrap().to_string();
    assert!(
        error.contains("belongs to an emulator that is running"),
        "{error}"
    );
    let origin = first.log().origin();
    drop(first);
    let second = Emulator::create(&path, &config).unwrap();
    assert!(second.log().origin() > origin);
}

#[test]
fn a_machine_that_was_replaced_is_lost_to_those_who_saw_the_old_one() {
    let folder = folder();
    let path = state_in(&folder);
    let config = MachineConfig::of_boards(["v100"], 1);
    let first = Emulator::create(&path, &config).unwrap();
    let mut machine = first.machine().unwrap();
    drop(first);
    let _second = Emulator::create(&path, &config).unwrap();
    let error = machine
        .apply(0, EventKind::ResetCoreClocks)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("another machine has taken its place"),
        "{error}"
    );
}

#[test]
fn files_that_are_no_state_files_are_refused_and_left_alone() {
    let folder = folder();
    let path = state_in(&folder);
    let open = || Machine::open(&path).err().unwrap().to_string();
    fs_err::write(&path, "my thesis").unwrap();
    assert!(
        open().contains("is no state file of the emulator"),
        "{}",
        open()
    );
    let config = MachineConfig::of_boards(["v100"], 1);
    assert!(Emulator::create(&path, &config).is_err());
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "my thesis");

    fs_err::write(&path, "").unwrap();
    assert!(open().contains("it is empty"), "{}", open());
    fs_err::remove_file(&path).unwrap();
    assert!(open().contains("opening the state file"), "{}", open());
    let relative = Machine::open(Path::new("machine.state")).err().unwrap();
    assert!(relative.to_string().contains("absolute path"));
}

#[test]
fn truncated_and_changed_state_files_are_refused() {
    let folder = folder();
    let path = state_in(&folder);
    let emulator = emulator(&path, &["v100"]);
    let mut machine = emulator.machine().unwrap();
    machine.apply(0, gemm()).unwrap();
    machine.apply(0, EventKind::SetWork(None)).unwrap();
    drop((machine, emulator));
    let whole = fs_err::read(&path).unwrap();
    let refusal = |bytes: &[u8]| {
        let name = folder.path().join("changed.state");
        fs_err::write(&name, bytes).unwrap();
        match Truth::open(&name).and_then(|mut truth| truth.energy(0, None, None)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(refusal(&whole), "accepted");
    for (end, expected) in [
        (100, "inside its header"),
        (4_100, "its log begins at"),
        (whole.len() - 1, "its log ends early"),
    ] {
        let error = refusal(&whole[..end]);
        assert!(error.contains(expected), "{end}: {error}");
    }
    for (place, expected) in [
        (4_100, "its configuration was changed"),
        (whole.len() - 100, "its bytes were changed"),
    ] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        let error = refusal(&changed);
        assert!(error.contains(expected), "{place}: {error}");
    }
}

#[test]
fn a_bad_machine_is_refused_before_anything_is_written() {
    let folder = folder();
    let path = state_in(&folder);
    let refusal = |config: &MachineConfig| {
        let error = Emulator::create(&path, config).err().unwrap().to_string();
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            0,
            "{error}"
        );
        error
    };
    let error = refusal(&MachineConfig::of_boards(["v100", "h300"], 1));
    assert!(
        error.starts_with("gpu 1: no board 'h300': expected one of v100-"),
        "{error}"
    );
    let error = refusal(&MachineConfig::of(
        [BoardSource::Profile("slug = 3".to_owned())],
        1,
    ));
    assert!(error.contains("slug"), "{error}");
    assert_eq!(
        refusal(&MachineConfig::of_boards([], 1)),
        "a machine of 0 GPUs: expected 1 to 16"
    );
    let many = MachineConfig::of_boards(["v100"; 17], 1);
    assert_eq!(refusal(&many), "a machine of 17 GPUs: expected 1 to 16");
    let mut faulty = MachineConfig::of_boards(["v100"], 1);
    faulty.faults = "[[fault]]\nat_s = 1.0\ngpu = 1\nkind = \"gpu_lost\"\n".to_owned();
    assert_eq!(
        refusal(&faulty),
        "fault plan: the fault at_s = 1 has gpu = 1: expected an index from 0 to 0"
    );
}

#[test]
fn the_truth_of_impossible_intervals_is_refused() {
    let folder = folder();
    let emulator = emulator(&state_in(&folder), &["v100"]);
    let origin = emulator.log().origin();
    let ask = |gpu, from, to| match true_energy(emulator.path(), gpu, Some(from), Some(to)) {
        Ok(truth) => format!("{}", truth.energy),
        Err(error) => error.to_string(),
    };
    let later = origin + Nanos::from_seconds(1e6);
    assert_eq!(ask(0, origin, origin), "0 J");
    assert!(ask(0, Nanos::new(1), origin).contains("the machine was made at"));
    assert!(ask(0, origin, later).contains("the future is open"));
    assert!(ask(0, later, origin).contains("begin not after the end"));
    assert_eq!(
        ask(3, origin, origin),
        "gpu 3: the machine has 1, numbered from 0"
    );
}

#[test]
fn the_rule_decides_who_may_control() {
    let folder = folder();
    for (permission, expected) in [(Permission::Anyone, true), (Permission::Nobody, false)] {
        let mut config = MachineConfig::of_boards(["v100"], 1);
        config.permission = permission;
        let emulator = Emulator::create(&state_in(&folder), &config).unwrap();
        assert_eq!(emulator.machine().unwrap().may_control(), expected);
    }
    let mut config = MachineConfig::of_boards(["v100"], 1);
    config.permission = Permission::Anyone;
    config.faults = "[[fault]]\nat_s = 0.0\nkind = \"permission_withdrawn\"\n".to_owned();
    let emulator = Emulator::create(&state_in(&folder), &config).unwrap();
    assert!(!emulator.machine().unwrap().may_control());
}

#[test]
fn planned_faults_reach_calls_processes_and_sensors() {
    let folder = folder();
    let mut config = MachineConfig::of_boards(["h100-sxm", "v100"], 1);
    config.faults = r#"
        fault = [
            { at_s = 0.0, gpu = 1, kind = "error", call = "nvmlDeviceGetPowerUsage", code = 999 },
            { at_s = 0.0, gpu = 0, kind = "foreign_process", pid = 4242, memory_mib = 3 },
            { at_s = 0.0, gpu = 0, kind = "xid", code = 79 },
            { at_s = 0.001, gpu = 0, kind = "ecc", single = 2, double = 1 },
        ]
    "#
    .to_owned();
    let emulator = Emulator::create(&state_in(&folder), &config).unwrap();
    let mut machine = emulator.machine().unwrap();
    wait(Nanos::from_millis(2));
    assert_eq!(machine.fault(1, "nvmlDeviceGetPowerUsage"), Some(999));
    assert_eq!(machine.fault(1, "nvmlDeviceGetName"), None);
    assert_eq!(machine.fault(0, "nvmlDeviceGetPowerUsage"), None);
    let processes = machine.processes(0);
    assert_eq!(
        (processes[0].pid, processes[0].used_memory_bytes),
        (4242, 3 << 20)
    );
    assert_eq!(machine.xids(0), [79]);
    let readings = machine.gpu(0).read();
    assert_eq!((readings.ecc_single, readings.ecc_double), (2, 1));
}

#[test]
fn a_dead_process_is_taken_off_the_gpu_with_its_work() {
    let folder = folder();
    let emulator = emulator(&state_in(&folder), &["a100"]);
    let mut machine = emulator.machine().unwrap();
    let context = |pid| EventKind::SetContext {
        pid,
        open: true,
        memory_bytes: 1 << 20,
    };
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    machine.apply(0, context(child.id())).unwrap();
    machine.apply(0, context(std::process::id())).unwrap();
    let pids: Vec<u32> = machine
        .processes(0)
        .iter()
        .map(|process| process.pid)
        .collect();
    assert_eq!(pids, [std::process::id()]);
    let pids: Vec<u32> = machine
        .processes(0)
        .iter()
        .map(|process| process.pid)
        .collect();
    assert_eq!(pids, [std::process::id()]);
    // The work belongs to this process, and ends with its context.
    machine.apply(0, gemm()).unwrap();
    assert!(machine.gpu(0).is_working());
    machine
        .apply(
            0,
            EventKind::SetContext {
                pid: std::process::id(),
                open: false,
                memory_bytes: 0,
            },
        )
        .unwrap();
    assert!(!machine.gpu(0).is_working());
    assert!(!machine.gpu(0).has_context());
}

#[test]
fn the_end_of_finite_work_can_be_foreseen_and_is_kept() {
    let folder = folder();
    let emulator = emulator(&state_in(&folder), &["h100-sxm"]);
    let mut machine = emulator.machine().unwrap();
    let gemm = kernels::named("gemm-bf16").unwrap();
    machine
        .apply(0, EventKind::SetWork(Some(Work::times(gemm, 3))))
        .unwrap();
    assert_eq!(machine.work_ended(0), None);
    let end = machine
        .foresee_work_end(0, Nanos::from_seconds(60.0))
        .unwrap();
    wait(end.saturating_sub(monotonic::now()) + Nanos::new(1_000));
    assert_eq!(machine.work_ended(0), Some(end));
}
