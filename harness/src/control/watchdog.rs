//! The harness's side of the watchdog process. What is said over its two pipes:
//!
//! ```text
//! watchdog → ready | failed REASON       the driver is loaded, the GPU is found
//! harness  → hold                        the ledger is on disk
//! watchdog → held | failed REASON        it is in memory too; changes may begin
//! harness  → worker PID START            end this process group when I die
//! harness  → released                    everything is given back, the ledger is gone
//! harness  → end of the pipe             dismissed, or dead
//! ```

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::{ControlError, GpuLock};

/// Name of the program, which lies beside the harness.
const PROGRAM: &str = "joulebench-watchdog";
/// Longest wait for an answer: a driver that is not loaded yet takes seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A watchdog that runs.
#[derive(Debug)]
pub(super) struct Watchdog {
    program: PathBuf,
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// The path of the watchdog: beside the harness, or on the search path.
pub fn watchdog_program() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|harness| Some(harness.parent()?.join(PROGRAM)))
        .filter(|beside| beside.is_file())
        .unwrap_or_else(|| PathBuf::from(PROGRAM))
}

impl Watchdog {
    /// Starts a watchdog for a GPU and waits until it is ready. It holds the lock as well.
    pub(super) fn start(gpu: &str, ledger: &Path, lock: &GpuLock) -> Result<Self, ControlError> {
        let program = watchdog_program();
        let failed = |reason: String| ControlError::Watchdog {
            program: program.clone(),
            reason,
        };
        let start = || {
            Command::new(&program)
                .arg(gpu)
                .arg(ledger)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        };
        let mut process = lock
            .share_with(start)
            .map_err(|error| failed(format!("cannot be started: {error}; build it: make build")))?;
        let (sender, lines) = channel();
        if let Some(stdout) = process.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let stdin = process.stdin.take();
        let mut watchdog = Self {
            program: program.clone(),
            process,
            stdin,
            lines,
        };
        watchdog.expect("ready")?;
        Ok(watchdog)
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Tells it to take over the ledger, and waits until it has.
    pub(super) fn hold(&mut self) -> Result<(), ControlError> {
        self.tell("hold")?;
        self.expect("held")
    }

    /// Names the process group that goes when the harness goes.
    pub(super) fn name_worker(&mut self, pid: u32, started: u64) -> Result<(), ControlError> {
        self.tell(&format!("worker {pid} {started}"))
    }

    /// Tells it that there is nothing left to give back.
    pub(super) fn released(&mut self) -> Result<(), ControlError> {
        self.tell("released")
    }

    fn tell(&mut self, line: &str) -> Result<(), ControlError> {
        let told = match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            None => Ok(()),
        };
        told.map_err(|error| self.failed(error.to_string()))
    }

    fn expect(&mut self, word: &str) -> Result<(), ControlError> {
        match self.lines.recv_timeout(ANSWER_TIMEOUT) {
            Ok(line) if line == word => Ok(()),
            Ok(line) => Err(self.failed(line)),
            Err(_) => Err(self.failed(format!("does not say '{word}'"))),
        }
    }

    fn failed(&self, reason: String) -> ControlError {
        ControlError::Watchdog {
            program: self.program.clone(),
            reason,
        }
    }
}

impl Drop for Watchdog {
    /// The end of the pipe dismisses it; what it still holds it gives back first.
    fn drop(&mut self) {
        self.stdin = None;
        // It fails only where the process was waited for already.
        let _ = self.process.wait();
    }
}
