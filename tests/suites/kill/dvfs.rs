//! SIGKILL at random instants across the whole life of a sweep of clocks and power caps, through the
//! emulated driver. After each kill the prior clocks and limits are back within a second, no sealed
//! run is lost, no file is corrupt, and resuming ends in the same set of runs.
//!
//! `JOULEBENCH_KILLS=1000 JOULEBENCH_KILL_LANES=8 JOULEBENCH_KILL_LOG=kills.csv cargo test --workspace
//! --test suite kill::dvfs` is the long form; `docs/control.md` has its figures.

mod report;
mod sweep;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::time::{ClockId, clock_gettime};
use tests::emulation::pause;
use tests::program::Outcome;
use tests::tree;
use tests::watchdog::watchdog_of;

use self::report::{Round, Seen, Victim, log, summary};
use self::sweep::Sweep;

/// Kills where nobody asks for more.
const KILLS: usize = 40;
/// Emulated machines at once; they sleep most of the time.
const LANES: usize = 4;
/// The promise, in ns.
const RESTORED_WITHIN_NS: u64 = 1_000_000_000;
/// Longest wait for what should have happened; what is late is then said to be late, not absent.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_killed_dvfs_sweep_gives_back_and_loses_nothing() {
    let kills = number("JOULEBENCH_KILLS", KILLS);
    let lanes = number("JOULEBENCH_KILL_LANES", LANES).min(kills);
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| scope.spawn(move || Lane::new(lane).kill(kills.div_ceil(lanes))))
            .collect();
        lanes
            .into_iter()
            .map(|lane| {
                lane.join()
                    .expect("a lane counts losses and does not panic")
            })
            .collect()
    });
    let summary = summary(&seen);
    eprintln!("{summary}");
    if let Some(file) = std::env::var_os("JOULEBENCH_KILL_LOG") {
        fs::write(&file, log(&seen)).unwrap();
        fs::write(PathBuf::from(file).with_extension("txt"), &summary).unwrap();
    }
    let losses: Vec<&String> = seen.iter().flat_map(|seen| &seen.losses).collect();
    assert!(losses.is_empty(), "{losses:#?}");
    let restored = seen
        .iter()
        .flat_map(|seen| &seen.rounds)
        .filter(|round| round.restored_ns.is_some())
        .count();
    assert!(
        restored * 4 > kills,
        "only {restored} of {kills} kills came while something was changed"
    );
}

/// One emulated machine with its sweep.
struct Lane {
    number: usize,
    random: ChaCha8Rng,
    /// The ledger that harness and watchdog left when both were killed, until somebody has given
    /// back what it says.
    owed: Option<Vec<u8>>,
    seen: Seen,
}

impl Lane {
    fn new(number: usize) -> Self {
        Self {
            number,
            random: ChaCha8Rng::seed_from_u64(20_261_124 + number as u64),
            owed: None,
            seen: Seen::default(),
        }
    }

    fn kill(mut self, kills: usize) -> Seen {
        while self.seen.rounds.len() < kills {
            let sweep = Sweep::begin(self.number + self.seen.sweeps);
            self.owed = None;
            while self.seen.rounds.len() < kills {
                if self.one_life(&sweep) {
                    break;
                }
            }
            self.complete(&sweep);
            self.seen.sweeps += 1;
        }
        self.seen
    }

    /// Starts or resumes the sweep and kills it; true where it was complete before that.
    fn one_life(&mut self, sweep: &Sweep) -> bool {
        let earlier = sweep.sealed();
        let victim = Victim::of_a_hundred(below(&mut self.random, 100));
        // A quarter of the kills come while the harness starts, where lock, ledger and watchdog are
        // made; the others anywhere in the next two runs.
        let longest_us = if below(&mut self.random, 4) == 0 {
            500_000
        } else {
            2_000_000
        };
        let after = Duration::from_micros(below(&mut self.random, longest_us));
        let mut harness = sweep.start();
        pause(after);
        if let Some(status) = harness.try_wait().unwrap() {
            if status.code() != Some(0) {
                self.lose(&format!(
                    "the harness ended by itself, {status}: {}",
                    sweep.said()
                ));
            }
            return status.code() == Some(0);
        }
        let killed_ns = now_ns();
        let left_alone = self.end(&mut harness, victim);
        // The watchdog may die half a second before the harness; what counts is the last kill.
        let killed_ns = if victim == Victim::WatchdogFirst {
            now_ns()
        } else {
            killed_ns
        };
        self.await_end(&mut harness, victim);

        if let Err(lost) = std::panic::catch_unwind(|| tree::assert_kept(&earlier, &sweep.store()))
        {
            self.lose(&format!("sealed runs: {:?}", lost.downcast_ref::<String>()));
        }
        let restored_ns = if self.is_still_owed(sweep) {
            None
        } else if left_alone {
            self.repair(sweep);
            None
        } else {
            self.await_settings(sweep, killed_ns)
        };
        self.await_workers(sweep);
        self.seen.rounds.push(Round {
            lane: self.number,
            victim,
            after_ms: u64::try_from(after.as_millis()).unwrap(),
            restored_ns,
            sealed: earlier.len(),
        });
        false
    }

    /// Kills. True where the watchdog died too and nobody is left to give back.
    fn end(&mut self, harness: &mut Child, victim: Victim) -> bool {
        let process = Pid::from_child(harness);
        let kill = |signal| {
            // It fails only where the harness has just ended by itself.
            let _ = kill_process(process, signal);
        };
        match victim {
            Victim::Harness => kill(Signal::KILL),
            Victim::Group => {
                let _ = kill_process_group(process, Signal::KILL);
            }
            Victim::Caught(number) => kill(Signal::from_named_raw(number).unwrap()),
            Victim::WatchdogFirst | Victim::Both => {
                let watchdog = watchdog_of(harness.id());
                if let Some(watchdog) = watchdog {
                    let _ = kill_process(watchdog, Signal::KILL);
                }
                if victim == Victim::WatchdogFirst {
                    pause(Duration::from_micros(below(&mut self.random, 500_000)));
                }
                // The harness may have replaced it, now or at the next change.
                let replaced = watchdog_of(harness.id()).is_some_and(|now| Some(now) != watchdog);
                kill(Signal::KILL);
                return watchdog.is_some() && !replaced;
            }
        }
        false
    }

    /// Whether this harness was killed before it had given back what an earlier one left: then the
    /// ledger is that one's still, to the last byte.
    fn is_still_owed(&mut self, sweep: &Sweep) -> bool {
        if self.owed != sweep.ledger() {
            self.owed = None;
        }
        self.owed.is_some()
    }

    /// Half of the time by `doctor`, else by the next start of the sweep that lives long enough.
    fn repair(&mut self, sweep: &Sweep) {
        if below(&mut self.random, 2) == 0 {
            self.owed = sweep.ledger();
        } else {
            let repaired = Outcome::of(&mut sweep.machine.joulebench(["doctor", "--repair"]));
            if repaired.code != Some(0) || !sweep.is_given_back() {
                self.lose(&format!("doctor --repair: {}", repaired.stderr));
            }
        }
    }

    fn await_end(&mut self, harness: &mut Child, victim: Victim) {
        let deadline = Instant::now() + PATIENCE;
        while harness.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.lose(&format!("{}: the harness does not end", victim.name()));
                harness.kill().unwrap();
                harness.wait().unwrap();
                return;
            }
            pause(Duration::from_millis(2));
        }
    }

    fn await_settings(&mut self, sweep: &Sweep, killed_ns: u64) -> Option<u64> {
        let deadline = Instant::now() + PATIENCE;
        while !sweep.is_given_back() {
            if Instant::now() > deadline {
                let (now, _) = sweep.machine.settings();
                let ledgers = sweep.machine.ledgers();
                self.lose(&format!(
                    "not given back: {now:?}, ledgers {ledgers:?}: {}",
                    sweep.said()
                ));
                return None;
            }
            pause(Duration::from_millis(20));
        }
        // The log of the emulation has the exact moment, however late this test looks.
        let changed_ns = sweep.machine.settings().1?;
        let restored_ns = changed_ns.checked_sub(killed_ns)?;
        if restored_ns > RESTORED_WITHIN_NS {
            self.lose(&format!("given back {restored_ns} ns after the kill"));
        }
        Some(restored_ns)
    }

    fn await_workers(&mut self, sweep: &Sweep) {
        let deadline = Instant::now() + PATIENCE;
        for pid in sweep.workers() {
            let program = format!("/proc/{pid}/exe");
            let is_worker = || {
                fs::read_link(&program)
                    .is_ok_and(|found| found.ends_with("joulebench-emulated-worker"))
            };
            while is_worker() {
                if Instant::now() > deadline {
                    self.lose(&format!("worker {pid} outlived its harness"));
                    return;
                }
                pause(Duration::from_millis(5));
            }
        }
    }

    /// Resumes without a kill: the sweep ends in the runs of its plan, all of them whole.
    fn complete(&mut self, sweep: &Sweep) {
        for _ in 0..2 {
            // The second time takes nothing, opens every sealed run, and checks its seal.
            let status = sweep.start().wait().unwrap();
            if status.code() != Some(0) {
                self.lose(&format!("resuming ended with {status}: {}", sweep.said()));
            }
        }
        let store = sweep.store();
        let sealed: Vec<String> = tree::traces(&store)
            .iter()
            .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        if sealed != sweep.ids {
            self.lose(&format!("sealed {sealed:?}, planned {:?}", sweep.ids));
        }
        let strays: Vec<PathBuf> = tree::files(&store)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|end| end == "tmp") || is_failed(file))
            .collect();
        if !strays.is_empty() {
            self.lose(&format!("a kill is no fault of a run, and yet: {strays:?}"));
        }
        if !sweep.is_given_back() {
            self.lose(&format!(
                "the end of the sweep: {:?}",
                sweep.machine.settings()
            ));
        }
    }

    fn lose(&mut self, what: &str) {
        let round = self.seen.rounds.len();
        let loss = format!("lane {}, after {round} kills: {what}", self.number);
        eprintln!("{loss}");
        self.seen.losses.push(loss);
    }
}

fn is_failed(file: &Path) -> bool {
    file.parent()
        .is_some_and(|folder| folder.ends_with("failed"))
}

fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

fn below(random: &mut ChaCha8Rng, limit: u64) -> u64 {
    random.next_u64() % limit
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text}: expected a number"))
    })
}
