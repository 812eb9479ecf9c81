//! An emulated machine that stands while a test starts and kills programs on it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Outcome, built, joulebench};

/// Variables by which programs find the machine.
const VARIABLES: [&str; 3] = ["LD_LIBRARY_PATH", "PATH", "JOULEBENCH_EMULATOR"];

/// A machine with one GPU; it goes with this value.
#[derive(Debug)]
pub struct Emulation {
    process: Child,
    state: PathBuf,
    environment: Vec<(String, String)>,
}

/// Settings of the GPU as the emulation knows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Lowest and highest SM clock in MHz, where it is locked.
    pub locked_sm_mhz: Option<(u64, u64)>,
    /// Power limit in watts.
    pub power_limit_w: f64,
    /// Everything else that can be set, as JSON.
    pub others: Value,
}

impl Emulation {
    /// Starts a machine in a folder with the options of `joulebench emulate`.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let state = folder.join("machine.state");
        let environment = folder.join("environment");
        // The shell says what it was given and lives until its standard input ends, which is the
        // end of this test at the latest.
        let script = "env > \"$0.tmp\" && mv \"$0.tmp\" \"$0\"; read -r end";
        let mut process = joulebench(["emulate", "--state"])
            .arg(&state)
            .args(options)
            .args(["--", "sh", "-c", script])
            .arg(&environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the emulation starts");
        let deadline = Instant::now() + Duration::from_mins(1);
        while !environment.exists() {
            assert!(
                matches!(process.try_wait(), Ok(None)) && Instant::now() < deadline,
                "the emulation does not start"
            );
            pause(Duration::from_millis(5));
        }
        let text = fs::read_to_string(&environment).expect("the shell wrote it");
        let environment = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| VARIABLES.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            process,
            state,
            environment,
        }
    }

    /// `joulebench` with these arguments on this machine.
    pub fn joulebench<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = joulebench(arguments);
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Runs `nvidia-smi` on this machine, as an administrator would.
    ///
    /// # Panics
    /// Where it refuses.
    pub fn nvidia_smi(&self, arguments: &[&str]) {
        let mut command = Command::new(built("joulebench-nvidia-smi"));
        command
            .args(arguments)
            .envs(self.environment.iter().cloned());
        Outcome::of(&mut command).expect_code(0);
    }

    /// What is set now, and when that last became another value, in ns on `CLOCK_MONOTONIC`.
    ///
    /// # Panics
    /// Where the emulation does not say.
    pub fn settings(&self) -> (Settings, Option<u64>) {
        let words = ["emulate", "settings", "--json", "--state"];
        let said = Outcome::of(joulebench(words).arg(&self.state)).expect_code(0);
        let mut others: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
        let fields = others.as_object_mut().expect("an object");
        let mut take = |name: &str| fields.remove(name).expect("every field is there");
        let changed_ns = take("changed_ns").as_u64();
        let lock = take("locked_sm_mhz");
        let settings = Settings {
            locked_sm_mhz: lock[0].as_u64().zip(lock[1].as_u64()),
            power_limit_w: take("power_limit_w").as_f64().expect("a number"),
            others,
        };
        (settings, changed_ns)
    }

    /// The folder with the locks and ledgers of this machine's GPU.
    pub fn control_folder(&self) -> PathBuf {
        let mut beside = self.state.clone().into_os_string();
        beside.push(".control");
        PathBuf::from(beside)
    }

    /// The ledgers that are there.
    pub fn ledgers(&self) -> Vec<PathBuf> {
        let mut files = crate::tree::files(&self.control_folder());
        files.retain(|file| file.extension().is_some_and(|end| end == "ledger"));
        files
    }
}

impl Drop for Emulation {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It fails only where it was waited for already.
        let _ = self.process.wait();
    }
}

/// Waits in real time.
#[expect(
    clippy::disallowed_methods,
    reason = "programs that are started and killed live in real time"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
