//! A worker that computes nothing and speaks the worker protocol, well or badly: the one argument
//! names how. Its phases last a few milliseconds.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use model::axis::Axis;
use model::mark::{Command, Mark, REQUEST_VARIABLE, RunRequest, WorkerInfo};
use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// Length of a phase.
const PHASE: Duration = Duration::from_millis(5);

/// Ways to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Good work in phases of half a second.
    Slow,
    /// Ends with an error after its first phase.
    Crashes,
    /// Ends with success before it said anything.
    Leaves,
    /// Says nothing at all.
    Mute,
    /// Is ready and then says nothing more.
    Hangs,
    /// Goes on for ever whatever it is told.
    Deaf,
    /// Stays after `done`.
    Lingers,
    /// Prints a line that is no mark.
    Babbles,
    /// Ends a phase that it did not begin.
    Disordered,
    /// Stamps that go backwards.
    Backwards,
    /// Reports a failure.
    Fails,
    /// Says in `done` one unit more than its phases add up to.
    Overstates,
    /// Reads one token of the prompt less than it was asked to.
    SkipsPrompt,
    /// Is done without a phase.
    Idles,
}

const MANNERS: [(&str, Manner); 15] = [
    ("honest", Manner::Honest),
    ("slow", Manner::Slow),
    ("crashes", Manner::Crashes),
    ("leaves", Manner::Leaves),
    ("mute", Manner::Mute),
    ("hangs", Manner::Hangs),
    ("deaf", Manner::Deaf),
    ("lingers", Manner::Lingers),
    ("babbles", Manner::Babbles),
    ("disordered", Manner::Disordered),
    ("backwards", Manner::Backwards),
    ("fails", Manner::Fails),
    ("overstates", Manner::Overstates),
    ("skips-prompt", Manner::SkipsPrompt),
    ("idles", Manner::Idles),
];

fn main() -> ExitCode {
    let word = std::env::args().nth(1).unwrap_or_default();
    let Some((_, manner)) = MANNERS.iter().find(|(name, _)| *name == word) else {
        let names: Vec<&str> = MANNERS.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "'{word}' is no manner of working: expected one of {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    };
    let request = std::env::var(REQUEST_VARIABLE).unwrap_or_default();
    match serde_json::from_str::<RunRequest>(&request) {
        Ok(request) => work(*manner, &request),
        Err(error) => {
            eprintln!("{REQUEST_VARIABLE}: {error}");
            ExitCode::from(2)
        }
    }
}

fn work(manner: Manner, request: &RunRequest) -> ExitCode {
    let commands = listen();
    match manner {
        Manner::Leaves => return ExitCode::SUCCESS,
        Manner::Mute => wait_for_ever(&commands),
        Manner::Fails => {
            let message = "the moon is full; wait for the new one".to_owned();
            say(&Mark::Failed {
                at_ns: now(),
                message,
            });
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    say(&Mark::Ready {
        at_ns: now(),
        worker: info(),
    });
    if !matches!(commands.recv(), Ok(Command::Go)) {
        return done(0);
    }
    match manner {
        Manner::Hangs => wait_for_ever(&commands),
        Manner::Babbles => println!("loading the model, please wait"),
        Manner::Disordered => say(&Mark::End {
            at_ns: now(),
            phase: "decode".to_owned(),
            work: 1,
        }),
        Manner::Backwards => {
            say(&Mark::Begin {
                at_ns: Nanos::new(1),
                phase: "prefill".to_owned(),
            });
        }
        Manner::Idles => return done(0),
        _ => {}
    }
    let Some(output) = iterate(manner, request, &commands) else {
        eprintln!("out of memory, as it were");
        return ExitCode::from(3);
    };
    let code = done(output + u64::from(manner == Manner::Overstates));
    if manner == Manner::Lingers {
        wait_for_ever(&commands);
    }
    code
}

/// Iterations until `stop` or until nobody is left to say it; the units of output, or `None` for a
/// crash.
fn iterate(manner: Manner, request: &RunRequest, commands: &Receiver<Command>) -> Option<u64> {
    let asked = |axis| request.integer(axis).unwrap_or(1);
    let batch = asked(Axis::Batch);
    let prompt = batch * asked(Axis::PromptTokens) - u64::from(manner == Manner::SkipsPrompt);
    let decoded = batch * asked(Axis::DecodeTokens);
    let mut output = 0;
    loop {
        phase(manner, "prefill", prompt);
        if manner == Manner::Crashes {
            return None;
        }
        phase(manner, "decode", decoded);
        output += decoded;
        let stopped = match commands.try_recv() {
            Ok(Command::Stop) => manner != Manner::Deaf,
            Ok(Command::Go) | Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => true,
        };
        if stopped {
            return Some(output);
        }
    }
}

fn phase(manner: Manner, name: &str, work: u64) {
    let phase = name.to_owned();
    say(&Mark::Begin {
        at_ns: now(),
        phase: phase.clone(),
    });
    pause(if manner == Manner::Slow {
        100 * PHASE
    } else {
        PHASE
    });
    say(&Mark::End {
        at_ns: now(),
        phase,
        work,
    });
}

fn done(work: u64) -> ExitCode {
    let digest = "00".repeat(32);
    say(&Mark::Done {
        at_ns: now(),
        work,
        digest,
        quality: [].into(),
    });
    ExitCode::SUCCESS
}

/// Commands as they come; disconnected when nobody is left to give any.
fn listen() -> Receiver<Command> {
    let (sender, commands) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(command) = serde_json::from_str(&line) else {
                return;
            };
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    commands
}

/// Until the harness is gone, so that no test leaves a process behind.
fn wait_for_ever(commands: &Receiver<Command>) {
    while commands.recv().is_ok() {}
}

fn say(mark: &Mark) {
    let line = serde_json::to_string(mark).expect("a mark has only words and numbers");
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: the end of standard input says the same.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn info() -> WorkerInfo {
    WorkerInfo {
        name: "fake-worker 1".to_owned(),
        engine: "none".to_owned(),
        device: "cpu".to_owned(),
        weights: "none".to_owned(),
        weights_id: None,
        inputs_id: None,
        output_phase: "decode".to_owned(),
        unit: "token".to_owned(),
    }
}

fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).expect("the monotonic clock counts from the start");
    let nanos = u64::try_from(time.tv_nsec).expect("less than a second");
    Nanos::new(seconds * 1_000_000_000 + nanos)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program is no part of the harness and has no device clock"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
