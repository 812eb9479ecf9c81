//! One schedule, twice: in virtual time on the physics alone, and in real time through a state file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use gpu_sim::{Board, Gpu};
use model::units::Nanos;
use nvml_sim::schedule::Schedule;
use nvml_sim::state::{Emulator, EventKind, MachineConfig, Truth, monotonic};

const SEED: u64 = 11;

const LOAD: &str = r#"
    [[phase]]
    for_s = 0.1
    work = "idle"
    [[phase]]
    for_s = 0.3
    work = "gemm-bf16"
    [[phase]]
    repeat = 5
    phases = [{ for_s = 0.02, work = "copy" }, { for_s = 0.02, work = "idle" }]
    [[phase]]
    gpu = 1
    for_s = 0.2
    work = "pi-fp32"
    times = 2
"#;

/// The same events on a GPU that has never seen a clock.
fn virtual_gpu(board: &str, gpu: u32, origin: Nanos, begin: Nanos, to: Nanos) -> Gpu {
    let board: Arc<Board> = Board::named(board).unwrap();
    let mut card = Gpu::new(board, SEED + u64::from(gpu), origin);
    let run = |card: &mut Gpu, to| while card.advance(to).is_some() {};
    for event in Schedule::parse(LOAD, "load.toml")
        .unwrap()
        .events(2)
        .unwrap()
    {
        if event.gpu != gpu || begin + event.after > to {
            continue;
        }
        run(&mut card, begin + event.after);
        match event.kind {
            EventKind::SetWork(work) => card.set_work(work),
            EventKind::SetContext { open, .. } => card.set_context(open),
            other => panic!("a load file cannot make {other:?}"),
        }
    }
    run(&mut card, to);
    card
}

#[test]
fn real_and_virtual_time_agree_on_truth_and_counter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let boards = ["h200", "v100"];
    let emulator = Emulator::create(&path, &MachineConfig::of_boards(boards, SEED)).unwrap();
    let mut machine = emulator.machine().unwrap();
    let schedule = Schedule::parse(LOAD, "load.toml").unwrap();
    let started = schedule.start(emulator.log(), None).unwrap();
    assert_eq!(started.end, started.begin + schedule.duration(2).unwrap());
    // A client that polls, as they do, while time goes by.
    let mut seen = [Vec::new(), Vec::new()];
    while monotonic::now() < started.end + Nanos::from_millis(50) {
        for gpu in 0..2 {
            let card = machine.gpu(gpu);
            seen[gpu as usize].push((card.now(), card.read().energy));
        }
    }
    let mut truth = Truth::open(&path).unwrap();
    for (gpu, board) in (0..).zip(boards) {
        let card = virtual_gpu(
            board,
            gpu,
            emulator.log().origin(),
            started.begin,
            started.end,
        );
        let (from, to) = (started.begin, started.end);
        let expected = card.timeline().energy_between(from, to).get();
        let real = truth
            .energy(gpu, Some(from), Some(to))
            .unwrap()
            .energy
            .get();
        assert!(expected > 20.0, "{board}: {expected} J");
        assert_eq!(real.to_bits(), expected.to_bits(), "{board}");
        // What the counter showed at any moment is what it shows in virtual time: the same tick.
        assert!(seen[gpu as usize].len() > 1_000);
        for (at, energy) in seen[gpu as usize]
            .iter()
            .step_by(seen[gpu as usize].len() / 40)
        {
            let card = virtual_gpu(board, gpu, emulator.log().origin(), started.begin, *at);
            assert_eq!(card.read().energy, *energy, "{board} at {at}");
        }
    }
}

#[test]
fn a_new_schedule_takes_the_place_of_the_rest_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let emulator = Emulator::create(&path, &MachineConfig::of_boards(["a100"; 2], SEED)).unwrap();
    let mut machine = emulator.machine().unwrap();
    let start = |text: &str| {
        Schedule::parse(text, "load.toml")
            .unwrap()
            .start(emulator.log(), None)
            .unwrap()
    };
    start("[[phase]]\nfor_s = 1000\nwork = \"gemm-bf16\"\n");
    assert!(machine.gpu(0).is_working() && machine.gpu(1).is_working());
    let second = start("[[phase]]\ngpu = 0\nfor_s = 0.01\nwork = \"copy\"\n");
    while monotonic::now() <= second.end {
        std::thread::yield_now();
    }
    assert!(!machine.gpu(0).is_working());
    assert!(!machine.gpu(0).has_context());
    assert!(
        machine.gpu(1).is_working(),
        "the schedule of the other GPU goes on"
    );
}
