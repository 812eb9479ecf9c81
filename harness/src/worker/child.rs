//! A worker that is a process of its own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::mark::{Command, Mark, PROTOCOL_VERSION, REQUEST_VARIABLE, RunRequest, WorkerInfo};
use model::plan::OWN_WORKER;
use model::run::{Protocol, Run};
use model::units::Nanos;

use super::lines::{LONGEST_LINE, Line, Lines};
use super::{LaunchError, Worker, WorkerEvent};
use crate::clock::monotonic_now;
use crate::process::kill_group;

/// Lines of standard error that are kept for the message.
const KEPT_LINES: usize = 5;
/// Characters of a bad line that are kept.
const KEPT_CHARACTERS: usize = 120;
/// Events that wait to be heard; a worker that says more waits with its pipe full.
const WAITING_EVENTS: usize = 4_096;
/// Events that are still heard of a process that has ended.
const LAST_EVENTS: usize = 1 << 16;
/// Longest silence on the pipes of a process that has ended.
const PIPE_GRACE: Duration = Duration::from_millis(500);
/// Name of the one phase of a command that prints no marks.
const COMMAND_PHASE: &str = "command";

/// A child process, with a thread that stamps its lines as they arrive.
pub struct ChildWorker {
    process: Child,
    stdin: Option<ChildStdin>,
    events: Receiver<WorkerEvent>,
    errors: Arc<Mutex<VecDeque<String>>>,
    errors_end: Receiver<Infallible>,
    protocol: Protocol,
    name: String,
    grouping: Grouping,
    exited: bool,
}

/// Which process group a worker is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// That of the harness: what the terminal sends to one reaches the other.
    OfHarness,
    /// One of its own, so that it can be ended with all that it started, by a watchdog too.
    OfItsOwn,
}

impl ChildWorker {
    /// Starts the engine of a run with the request in its environment.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn start(run: &Run, grouping: Grouping) -> Result<Self, LaunchError> {
        let (program, arguments) = run
            .engine
            .command
            .split_first()
            .expect("plans without a command are refused");
        let fail = |reason: String| LaunchError {
            program: program.clone(),
            reason,
        };
        let path = resolve(program).map_err(fail)?;
        let request =
            serde_json::to_string(&request(run)).map_err(|error| fail(error.to_string()))?;
        let speaks = run.engine.protocol == Protocol::Marks;
        let mut command = Process::new(path);
        if grouping == Grouping::OfItsOwn {
            command.process_group(0);
        }
        let mut process = command
            .args(arguments)
            .env(REQUEST_VARIABLE, request)
            .stdin(if speaks {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(if speaks {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let (sender, events) = sync_channel(WAITING_EVENTS);
        let started = monotonic_now();
        if let Some(stdout) = process.stdout.take() {
            let sender = sender.clone();
            std::thread::spawn(move || forward_lines(BufReader::new(stdout), &sender));
        }
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let (errors_open, errors_end) = channel();
        if let Some(stderr) = process.stderr.take() {
            let errors = Arc::clone(&errors);
            std::thread::spawn(move || {
                keep_last_lines(BufReader::new(stderr), &errors);
                drop(errors_open);
            });
        }
        let worker = Self {
            stdin: process.stdin.take(),
            process,
            events,
            errors,
            errors_end,
            protocol: run.engine.protocol,
            name: program.clone(),
            grouping,
            exited: false,
        };
        if !speaks {
            worker.announce(&sender, started);
        }
        Ok(worker)
    }

    /// Its process; with [`Grouping::OfItsOwn`] also its process group.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A command that prints no marks is one phase from its start to its end.
    fn announce(&self, sender: &SyncSender<WorkerEvent>, started: Nanos) {
        let ready = Mark::Ready {
            at_ns: started,
            worker: WorkerInfo {
                name: self.name.clone(),
                engine: COMMAND_PHASE.to_owned(),
                device: "unknown".to_owned(),
                weights: "none".to_owned(),
                weights_id: None,
                inputs_id: None,
                output_phase: COMMAND_PHASE.to_owned(),
                unit: "run".to_owned(),
            },
        };
        let begin = Mark::Begin {
            at_ns: started,
            phase: COMMAND_PHASE.to_owned(),
        };
        for mark in [ready, begin] {
            // The receiver lives in the same struct; sending can only fail after it is dropped.
            let _ = sender.send(WorkerEvent::Said {
                received_ns: started,
                mark,
            });
        }
    }

    fn take_exit(&mut self) -> Option<Vec<WorkerEvent>> {
        let status = self.process.try_wait().ok().flatten()?;
        let received_ns = monotonic_now();
        self.exited = true;
        // Everything that it said before it ended comes before the end.
        let mut events = until_end(&self.events);
        until_end(&self.errors_end);
        let success = status.success();
        if success && self.protocol == Protocol::None {
            events.extend(closing_marks(received_ns));
        }
        let errors = self
            .errors
            .lock()
            .map(|lines| Vec::from(lines.clone()))
            .unwrap_or_default();
        let detail = match errors.as_slice() {
            [] => status.to_string(),
            lines => format!("{status}; stderr: {}", lines.join(" | ")),
        };
        events.push(WorkerEvent::Exited {
            received_ns,
            success,
            detail,
        });
        Some(events)
    }
}

/// What is still in a channel whose sender reads a pipe of an ended process. A process of its own
/// that the worker left behind keeps the pipe open for ever, so the wait for the end has an end.
fn until_end<T>(events: &Receiver<T>) -> Vec<T> {
    let mut rest = Vec::new();
    // What a process left in its pipe is less; only one that it left behind could go on for ever.
    while rest.len() < LAST_EVENTS {
        match events.recv_timeout(PIPE_GRACE) {
            Ok(event) => rest.push(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    rest
}

impl Worker for ChildWorker {
    fn poll(&mut self) -> Vec<WorkerEvent> {
        let mut events: Vec<WorkerEvent> = self.events.try_iter().take(WAITING_EVENTS).collect();
        if !self.exited
            && let Some(rest) = self.take_exit()
        {
            events.extend(rest);
        }
        events
    }

    fn send(&mut self, command: Command) {
        let Some(stdin) = &mut self.stdin else { return };
        let line = serde_json::to_string(&command).expect("a command is a plain word");
        if writeln!(stdin, "{line}")
            .and_then(|()| stdin.flush())
            .is_err()
        {
            self.stdin = None;
        }
    }

    fn kill(&mut self) {
        self.stdin = None;
        if self.exited {
            return;
        }
        // The calls fail only where the process is gone already.
        if self.grouping == Grouping::OfItsOwn {
            kill_group(self.pid());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.exited = true;
    }
}

impl Drop for ChildWorker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The path of the project's own worker: beside the harness, or on the search path.
pub fn own_worker() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|harness| Some(harness.parent()?.join(OWN_WORKER)))
        .filter(|beside| beside.is_file())
        .unwrap_or_else(|| PathBuf::from(OWN_WORKER))
}

/// Where a program of a plan is.
pub(super) fn resolve(program: &str) -> Result<PathBuf, String> {
    match program {
        "" => Err("the command is empty".to_owned()),
        OWN_WORKER => Ok(own_worker()),
        other => Ok(PathBuf::from(other)),
    }
}

fn request(run: &Run) -> RunRequest {
    RunRequest {
        protocol: PROTOCOL_VERSION,
        run_id: run.id.to_string(),
        point: run.point.clone(),
        weights_seed: run.weights_seed,
        input_seed: run.input_seed,
        warmup_s: run.session.warmup_s,
    }
}

fn closing_marks(at_ns: Nanos) -> [WorkerEvent; 2] {
    let end = Mark::End {
        at_ns,
        phase: COMMAND_PHASE.to_owned(),
        work: 1,
    };
    let done = Mark::Done {
        at_ns,
        work: 1,
        digest: String::new(),
        quality: std::collections::BTreeMap::new(),
    };
    [end, done].map(|mark| WorkerEvent::Said {
        received_ns: at_ns,
        mark,
    })
}

/// What a line of a worker's standard output means; nothing where it is blank.
pub fn event_of(line: &Line, received_ns: Nanos) -> Option<WorkerEvent> {
    let text = line.text();
    if text.is_empty() {
        return None;
    }
    let mark = match line {
        Line::Whole(_) => Mark::parse(&text).map_err(|error| error.to_string()),
        Line::Cut(_) => Err(format!("it is longer than {LONGEST_LINE} bytes")),
    };
    Some(match mark {
        Ok(mark) => WorkerEvent::Said { received_ns, mark },
        Err(reason) => WorkerEvent::Garbage {
            line: text.chars().take(KEPT_CHARACTERS).collect(),
            reason,
        },
    })
}

fn forward_lines(pipe: impl BufRead, sender: &SyncSender<WorkerEvent>) {
    for line in Lines::of(pipe) {
        if let Some(event) = event_of(&line, monotonic_now())
            && sender.send(event).is_err()
        {
            return;
        }
    }
}

fn keep_last_lines(pipe: impl BufRead, kept: &Mutex<VecDeque<String>>) {
    for line in Lines::of(pipe) {
        let Ok(mut kept) = kept.lock() else {
            return;
        };
        kept.push_back(line.text().chars().take(KEPT_CHARACTERS).collect());
        if kept.len() > KEPT_LINES {
            kept.pop_front();
        }
    }
}
