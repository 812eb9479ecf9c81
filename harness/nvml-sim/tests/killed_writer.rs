//! A process that dies while it holds the lock leaves a machine that works.

use std::process::{Command, Stdio};

use gpu_sim::{Work, kernels};
use model::units::Nanos;
use nvml_sim::state::{ENVIRONMENT, Emulator, EventKind, Machine, MachineConfig, monotonic};

/// Lives: enough that some end inside the lock. An append is a large part of the loop below.
const LIVES: u64 = 60;
/// Where the writer's word lies in a state file.
const WRITER_WORD: std::ops::Range<usize> = 64..72;

/// Not a test by itself: what the other one starts and kills.
#[test]
#[ignore = "appends for ever; started by the test below"]
fn append_for_ever() {
    let mut machine = Machine::from_environment().unwrap();
    let work = kernels::named("copy").map(Work::endless);
    loop {
        machine.apply(0, EventKind::SetWork(work)).unwrap();
        machine.apply(0, EventKind::SetWork(None)).unwrap();
    }
}

#[test]
fn a_killed_writer_is_recovered_from_at_whatever_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let emulator = Emulator::create(&path, &MachineConfig::of_boards(["a100"], 3)).unwrap();
    let mut machine = emulator.machine().unwrap();
    let mut died_inside = 0;
    for life in 0..LIVES {
        let before = emulator.log().snapshot().unwrap().length;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append_for_ever", "--ignored"])
            .env(ENVIRONMENT, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while emulator.log().snapshot().unwrap().length < before + 10 {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the writer ended by itself"
            );
            std::thread::yield_now();
        }
        // A different moment of the loop each time.
        let end = monotonic::now() + Nanos::new(life * 7_919 % 100_000);
        while monotonic::now() < end {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let word = &fs_err::read(&path).unwrap()[WRITER_WORD];
        died_inside += u32::from(word.iter().any(|byte| *byte != 0));

        // Reading waits for nobody, and the next append goes through.
        let begin = monotonic::now();
        machine.gpu(0);
        machine.apply(0, EventKind::ResetCoreClocks).unwrap();
        machine.gpu(0);
        assert!(monotonic::now().saturating_sub(begin) < Nanos::from_seconds(5.0));
        assert!(machine.trouble().is_none(), "{:?}", machine.trouble());
    }
    assert!(
        died_inside > 0,
        "no writer died inside the lock: the test tested nothing"
    );
    // Nothing half-written was published: every record is whole, and times never fall.
    let log = emulator.log();
    let events = log.read(0, log.snapshot().unwrap().length).unwrap();
    assert!(events.len() > usize::try_from(LIVES * 10).unwrap());
    assert!(events.is_sorted_by_key(|event| event.at));
}
