//! Executions as processes. A thread of their own starts, awaits and stamps them, so that neither
//! the end of one nor the begin of the next waits for a sample.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::units::Nanos;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::command::UserCommand;
use super::execution::{Ending, Execution, Executions, Executor, Repetition, StartError};
use crate::clock::monotonic_now;

/// Lines of standard error that are kept for the message.
const KEPT_LINES: usize = 5;
/// Characters of a line that are kept.
const KEPT_CHARACTERS: usize = 200;
/// Longest wait for the standard error of a process that has ended: one that it left behind may
/// keep the pipe open for ever.
const PIPE_GRACE: Duration = Duration::from_millis(200);

/// Where the output of the command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputTo {
    /// Nowhere; of standard error the last lines are kept for the message of a failure.
    Nowhere,
    /// Where our own goes.
    Terminal,
}

type Outcome = Result<Executions, StartError>;

/// What the executor and its thread both know.
#[derive(Debug, Default)]
struct Running {
    /// The process that runs now; it is not reaped while it stands here.
    pid: Option<Pid>,
    /// Whether the executor is gone: a process that was being made meanwhile ends at once.
    is_abandoned: bool,
}

/// Runs a command of the user's.
#[derive(Debug)]
pub struct ProcessExecutor {
    command: UserCommand,
    output: OutputTo,
    ignore_failure: bool,
    running: Arc<Mutex<Running>>,
    outcome: Option<Receiver<Outcome>>,
}

impl ProcessExecutor {
    /// An executor of a command. Executions after a failed one are left out, unless failures are to
    /// be ignored.
    pub fn new(command: UserCommand, output: OutputTo, ignore_failure: bool) -> Self {
        Self {
            command,
            output,
            ignore_failure,
            running: Arc::default(),
            outcome: None,
        }
    }

    fn abandon(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.is_abandoned = true;
        if let Some(pid) = running.pid {
            kill(pid);
        }
    }
}

/// It may have ended by itself; as long as it is not reaped, the number is still its own.
fn kill(pid: Pid) {
    let _ = kill_process(pid, Signal::KILL);
}

impl Executor for ProcessExecutor {
    fn start(&mut self, repetition: Repetition) {
        let (sender, receiver) = channel();
        let series = Series {
            command: self.command.clone(),
            output: self.output,
            ignore_failure: self.ignore_failure,
            running: Arc::clone(&self.running),
        };
        std::thread::spawn(move || series.run(repetition, &sender));
        self.outcome = Some(receiver);
    }

    fn poll(&mut self) -> Result<Option<Executions>, StartError> {
        let Some(receiver) = &self.outcome else {
            return Ok(None);
        };
        match receiver.try_recv() {
            Ok(outcome) => {
                self.outcome = None;
                outcome.map(Some)
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(StartError {
                command: self.command.to_string(),
                reason: "the thread that ran it has ended".to_owned(),
            }),
        }
    }

    fn name(&self) -> String {
        self.command.to_string()
    }
}

/// Nothing that we started outlives the measurement.
impl Drop for ProcessExecutor {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// What the thread needs.
struct Series {
    command: UserCommand,
    output: OutputTo,
    ignore_failure: bool,
    running: Arc<Mutex<Running>>,
}

impl Series {
    fn run(&self, repetition: Repetition, sender: &Sender<Outcome>) {
        // The receiver may be gone: then nobody wants to know.
        let _ = sender.send(self.executions(repetition));
    }

    fn executions(&self, repetition: Repetition) -> Outcome {
        let mut list = Vec::new();
        let start = monotonic_now();
        loop {
            let (execution, last_words) = self.once()?;
            list.push(execution);
            let has_failed = !self.ignore_failure && !execution.ending.is_success();
            let stops = has_failed || self.is_abandoned();
            let elapsed = execution.end_ns.saturating_sub(start);
            let done = u32::try_from(list.len()).unwrap_or(u32::MAX);
            if stops || !repetition.goes_on(done, elapsed) {
                return Ok(Executions { list, last_words });
            }
        }
    }

    fn once(&self) -> Result<(Execution, Vec<String>), StartError> {
        let fail = |reason: &dyn ToString| StartError {
            command: self.command.to_string(),
            reason: reason.to_string(),
        };
        let begin_ns = monotonic_now();
        let mut child = self.spawn().map_err(|error| fail(&error))?;
        let pid = Pid::from_child(&child);
        self.now_running(Some(pid));
        let stderr = child.stderr.take().map(LastLines::of);
        let end_ns = ended(pid).map_err(|error| fail(&error))?;
        self.now_running(None);
        let status = child.wait().map_err(|error| fail(&error))?;
        let ending = ending(status);
        let last_words = match stderr {
            Some(lines) if !ending.is_success() => lines.take(),
            _ => Vec::new(),
        };
        Ok((
            Execution {
                begin_ns,
                end_ns,
                ending,
            },
            last_words,
        ))
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (stdout, stderr) = match self.output {
            OutputTo::Nowhere => (Stdio::null(), Stdio::piped()),
            OutputTo::Terminal => (Stdio::inherit(), Stdio::inherit()),
        };
        Command::new(self.command.program())
            .args(self.command.arguments())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
    }

    fn now_running(&self, pid: Option<Pid>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.pid = pid;
        if let (Some(pid), true) = (pid, running.is_abandoned) {
            kill(pid);
        }
    }

    fn is_abandoned(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.is_abandoned
    }
}

/// Waits for the end of a process without reaping it, and stamps it.
fn ended(pid: Pid) -> rustix::io::Result<Nanos> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(pid), options) {
            Ok(_) => return Ok(monotonic_now()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, signal) => Ending::Signal(signal.unwrap_or_default()),
    }
}

/// Reads a pipe to its end and keeps the last lines.
struct LastLines {
    lines: Arc<Mutex<VecDeque<String>>>,
    end: Receiver<()>,
}

impl LastLines {
    fn of(pipe: ChildStderr) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&lines);
        let (open, end) = channel::<()>();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let text: String = String::from_utf8_lossy(&line)
                    .chars()
                    .take(KEPT_CHARACTERS)
                    .collect();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(text);
                if kept.len() > KEPT_LINES {
                    kept.pop_front();
                }
            }
            drop(open);
        });
        Self { lines, end }
    }

    fn take(self) -> Vec<String> {
        match self.end.recv_timeout(PIPE_GRACE) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, MonotonicClock};

    fn outcome(line: &str, repetition: Repetition, ignore_failure: bool) -> Executions {
        let command = UserCommand::from_line(line).unwrap();
        let mut executor = ProcessExecutor::new(command, OutputTo::Nowhere, ignore_failure);
        executor.start(repetition);
        loop {
            if let Some(executions) = executor.poll().unwrap() {
                return executions;
            }
            MonotonicClock.sleep_until(monotonic_now() + Nanos::from_millis(2));
        }
    }

    #[test]
    fn executions_follow_each_other_and_are_stamped_at_their_end() {
        let executions = outcome("sleep 0.05", Repetition::Times(3), false);
        assert_eq!((executions.count(), executions.failure()), (3, None));
        for execution in &executions.list {
            assert!(
                (0.05..0.5).contains(&execution.time().get()),
                "{execution:?}"
            );
        }
        assert!(executions.list.is_sorted_by(|a, b| a.end_ns <= b.begin_ns));
    }

    #[test]
    fn a_short_command_is_repeated_until_the_time_is_up() {
        let executions = outcome("true", Repetition::AtLeast(Nanos::from_millis(100)), false);
        assert!(executions.count() > 3, "{}", executions.count());
        let took = executions.end().saturating_sub(executions.begin());
        assert!(took >= Nanos::from_millis(99), "{took}");
    }

    #[test]
    fn a_failure_ends_the_series_with_its_code_and_last_words() {
        let line = "echo one >&2; echo two >&2; exit 3";
        let failed = outcome(line, Repetition::Times(4), false);
        assert_eq!(
            (failed.count(), failed.failure()),
            (1, Some(Ending::Code(3)))
        );
        assert_eq!(failed.last_words, ["one", "two"]);
        let ignored = outcome(line, Repetition::Times(4), true);
        assert_eq!(
            (ignored.count(), ignored.failure()),
            (4, Some(Ending::Code(3)))
        );
        let killed = outcome("kill -9 $$", Repetition::Times(1), false);
        assert_eq!(killed.failure(), Some(Ending::Signal(9)));
    }

    #[test]
    fn what_is_dropped_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let line = format!("echo $$ > {}; exec sleep 60", file.display());
        let command = UserCommand::from_line(&line).unwrap();
        let mut executor = ProcessExecutor::new(command, OutputTo::Nowhere, false);
        executor.start(Repetition::Times(1));
        let pid = loop {
            let text = fs_err::read_to_string(&file).unwrap_or_default();
            if let Ok(pid) = text.trim().parse::<i32>() {
                break pid;
            }
            MonotonicClock.sleep_until(monotonic_now() + Nanos::from_millis(2));
        };
        drop(executor);
        let deadline = monotonic_now() + Nanos::from_millis(5_000);
        let alive = || rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_ok();
        while alive() && monotonic_now() < deadline {
            MonotonicClock.sleep_until(monotonic_now() + Nanos::from_millis(5));
        }
        assert!(!alive(), "the command outlived its executor");
    }
}
