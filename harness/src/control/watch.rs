//! The watchdog process: waits for the end of its standard input, which is the end of the harness,
//! whatever ended it, and gives back what the ledger says.

use std::io::{BufRead as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use model::units::Nanos;
use rustix::process::{
    PidfdFlags, Signal, pidfd_open, pidfd_send_signal, setpriority_process, setsid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::give_back::give_back;
use super::{Knobs, Ledger, LedgerError, ledger};
use crate::clock::{Clock as _, MonotonicClock};
use crate::process::{as_pid, is_alive, kill_group, started};

/// How long it tries where the driver refuses at first.
const KEEP_TRYING: Nanos = Nanos::from_millis(10_000);
/// How long a killed worker may take to leave the GPU.
const WORKER_PATIENCE: Nanos = Nanos::from_millis(5_000);
/// Time between two looks or attempts.
const LOOK_EVERY: Nanos = Nanos::from_millis(5);
/// The kernel looks elsewhere first when memory runs out, so that it does not take both.
const SPARED: &str = "-900";
/// It works for a millisecond once in a sweep, and then before everything else.
const PRIORITY: i32 = -15;

/// Watches until the harness is gone, then gives back.
///
/// # Errors
/// What stands in the way, for standard error: the ledger is kept then.
pub fn watch(
    ledger_file: &Path,
    open: impl FnOnce() -> Result<Box<dyn Knobs>, String>,
) -> Result<(), String> {
    stand_apart();
    let mut knobs = match open() {
        Ok(knobs) => knobs,
        Err(reason) => {
            say(&format!("failed {reason}"));
            return Err(reason);
        }
    };
    let ledger_file = std::path::absolute(ledger_file).map_err(|error| error.to_string())?;
    say("ready");
    let mut watched = Watched::new(ledger_file);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        watched.hear(&line);
    }
    watched.end(knobs.as_mut())
}

/// Leaves the harness's process group and terminal, and outlives what is sent to end both: as long
/// as the harness lives there is something to give back, and its end shows in the pipe.
fn stand_apart() {
    // It fails only where this process leads a group already, which is as good.
    let _ = setsid();
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // The flag is never looked at: a signal that is caught does not end the process.
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    // Only root may do these two; without, chances are equal.
    let _ = setpriority_process(None, PRIORITY);
    let _ = fs_err::write("/proc/self/oom_score_adj", SPARED);
    let _ = std::env::set_current_dir("/");
}

/// What the harness said so far.
struct Watched {
    file: PathBuf,
    ledger: Option<Ledger>,
    worker: Option<Worker>,
}

impl Watched {
    fn new(file: PathBuf) -> Self {
        Self {
            file,
            ledger: None,
            worker: None,
        }
    }

    fn hear(&mut self, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("hold", _) => match Ledger::load(&self.file) {
                Ok(Some(ledger)) => {
                    self.ledger = Some(ledger);
                    say("held");
                }
                Ok(None) => say("failed there is no ledger"),
                Err(error) => say(&format!("failed {error}")),
            },
            ("worker", process) => self.worker = Worker::find(process),
            ("released", _) => self.ledger = None,
            _ => say(&format!("failed '{line}' is no word of the harness")),
        }
    }

    fn end(self, knobs: &mut dyn Knobs) -> Result<(), String> {
        if let Some(worker) = &self.worker {
            worker.kill();
        }
        let given_back = self.restore(knobs);
        if let Some(worker) = &self.worker {
            worker.await_end();
        }
        given_back
    }

    fn restore(&self, knobs: &mut dyn Knobs) -> Result<(), String> {
        let in_words = |error: LedgerError| format!("{}: {error}", self.file.display());
        let ledger = match &self.ledger {
            Some(ledger) => Some(ledger.clone()),
            // The harness may have died before it said 'hold'. Where it had removed the file, there
            // is nothing left to do.
            None => Ledger::load(&self.file).map_err(in_words)?,
        };
        let Some(ledger) = ledger else { return Ok(()) };
        let give_up = MonotonicClock.now() + KEEP_TRYING;
        while let Err(kept) = give_back(knobs, &ledger) {
            if MonotonicClock.now() > give_up {
                return Err(format!(
                    "{} of {} was not given back: {}; run 'joulebench doctor --repair'",
                    kept.setting, ledger.gpu, kept.reason
                ));
            }
            MonotonicClock.sleep_until(MonotonicClock.now() + LOOK_EVERY);
        }
        ledger::remove(&self.file).map_err(in_words)
    }
}

/// The worker of the run that is taken, by a handle that no later process can inherit.
struct Worker {
    pid: u32,
    handle: OwnedFd,
}

impl Worker {
    /// The process of this number and this start, where it still is.
    fn find(process: &str) -> Option<Self> {
        let (pid, start) = process.split_once(' ')?;
        let pid = pid.parse().ok()?;
        let handle = pidfd_open(as_pid(pid)?, PidfdFlags::empty()).ok()?;
        (started(pid) == start.parse().ok()).then_some(Self { pid, handle })
    }

    /// Ends the worker and whatever it started in its group, unless it is gone already.
    fn kill(&self) {
        if pidfd_send_signal(&self.handle, Signal::KILL).is_ok() {
            kill_group(self.pid);
        }
    }

    /// The lock is held until the GPU is empty again: the next harness must find no stranger there.
    fn await_end(&self) {
        let give_up = MonotonicClock.now() + WORKER_PATIENCE;
        while is_alive(self.pid) && MonotonicClock.now() < give_up {
            MonotonicClock.sleep_until(MonotonicClock.now() + LOOK_EVERY);
        }
    }
}

/// A harness that is gone does not listen; that is no trouble of the watchdog.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
