//! A load from any command: it is stopped and continued by signals.
//!
//! What a stopped process has given to the GPU already is still done. So the command should hand
//! over little at a time and wait for it; by how much the load lags is part of the uncertainty.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use metering::identify::BusySpan;
use model::units::{Nanos, Seconds};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Load, LoadFailure, Stretch};
use crate::clock::{Clock as _, MonotonicClock, monotonic_now};

/// How a command is prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readiness {
    /// Time that the command gets to begin its work before the first stretch, in seconds.
    pub start_s: f64,
    /// Standard uncertainty of the moments at which the load begins and ends, in seconds.
    pub edge_s: f64,
}

/// A command that runs while the device is to be loaded and is stopped in between.
#[derive(Debug)]
pub struct PausedProcess {
    line: String,
    child: Child,
    group: Pid,
    edge_s: f64,
    player: Option<JoinHandle<Vec<BusySpan>>>,
}

impl PausedProcess {
    /// Starts a line of shell in a process group of its own, lets it get to work, and stops it.
    ///
    /// # Errors
    /// Where it cannot be started or has ended already.
    pub fn start(line: &str, readiness: Readiness) -> Result<Self, LoadFailure> {
        let fail = |reason: String| LoadFailure {
            load: line.to_owned(),
            reason,
        };
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(line)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let group = Pid::from_child(&child);
        MonotonicClock.sleep_until(monotonic_now() + Nanos::from_seconds(readiness.start_s));
        if let Ok(Some(status)) = child.try_wait() {
            return Err(fail(ended(&status.to_string())));
        }
        let load = Self {
            line: line.to_owned(),
            child,
            group,
            edge_s: readiness.edge_s,
            player: None,
        };
        load.signal(Signal::STOP);
        Ok(load)
    }

    fn signal(&self, signal: Signal) {
        // It fails only where the whole group is gone, which `played` notices.
        let _ = kill_process_group(self.group, signal);
    }
}

fn ended(how: &str) -> String {
    format!("it ended ({how}); expected a command that loads the GPU until it is killed")
}

impl Load for PausedProcess {
    fn play(&mut self, stretches: &[Stretch]) -> Result<(), LoadFailure> {
        let busy: Vec<Stretch> = stretches
            .iter()
            .copied()
            .filter(|stretch| stretch.is_busy)
            .collect();
        let (group, edge_s) = (self.group, self.edge_s);
        self.player = Some(std::thread::spawn(move || {
            busy.iter()
                .map(|stretch| switched(group, *stretch, edge_s))
                .collect()
        }));
        Ok(())
    }

    fn played(&mut self) -> Result<Vec<BusySpan>, LoadFailure> {
        let spans = self
            .player
            .take()
            .and_then(|player| player.join().ok())
            .unwrap_or_default();
        let status = self.child.try_wait().ok().flatten();
        match status {
            None => Ok(spans),
            Some(status) => Err(LoadFailure {
                load: self.line.clone(),
                reason: ended(&status.to_string()),
            }),
        }
    }
}

/// Continues and stops the group; the stamps are those of the signals.
fn switched(group: Pid, stretch: Stretch, edge_s: f64) -> BusySpan {
    MonotonicClock.sleep_until(stretch.begin_ns);
    let _ = kill_process_group(group, Signal::CONT);
    let begin_ns = monotonic_now();
    MonotonicClock.sleep_until(stretch.end_ns);
    let _ = kill_process_group(group, Signal::STOP);
    let end_ns = monotonic_now();
    let late_s = Seconds::from(begin_ns.saturating_sub(stretch.begin_ns)).get();
    BusySpan {
        begin_ns,
        end_ns,
        // A switch that came late was delayed by something that may delay its effect as well.
        standard_uncertainty_s: edge_s.max(late_s.min(edge_s * 2.0)),
    }
}

/// The command does not outlive the calibration.
impl Drop for PausedProcess {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.signal(Signal::CONT);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Readiness = Readiness {
        start_s: 0.05,
        edge_s: 0.002,
    };

    /// Processor time of the group's leader, from /proc: user and system, in ticks of 10 ms.
    fn ticks_of(pid: u32) -> u64 {
        let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    #[test]
    fn the_command_works_in_its_stretches_only() {
        let mut load = PausedProcess::start("while :; do :; done", READY).unwrap();
        let pid = load.child.id();
        let before = ticks_of(pid);
        let begin = monotonic_now() + Nanos::from_millis(300);
        let busy = Stretch {
            begin_ns: begin,
            end_ns: begin + Nanos::from_millis(300),
            is_busy: true,
        };
        load.play(&[busy]).unwrap();
        MonotonicClock.sleep_until(begin);
        assert_eq!(ticks_of(pid), before, "it ran before its stretch");
        MonotonicClock.sleep_until(busy.end_ns + Nanos::from_millis(100));
        let [span] = load.played().unwrap()[..] else {
            panic!("one stretch")
        };
        assert!(span.begin_ns >= busy.begin_ns && span.end_ns >= busy.end_ns);
        assert!(ticks_of(pid) > before, "it did not run in its stretch");
    }

    #[test]
    fn a_command_that_ends_is_no_load() {
        let error = PausedProcess::start("exit 3", READY)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("'exit 3'") && error.contains("until it is killed"),
            "{error}"
        );
    }
}
