//! The worker's side of the protocol: warm up, say `ready`, work from `go` to `stop`, say `done`.

use std::io::{BufRead, Write};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use model::mark::{Command, Mark};
use model::units::Nanos;

use crate::Error;
use crate::clock::Clock;
use crate::workload::{Observer, Unobserved, Workload};

/// Writes marks, one line each, stamped and flushed at once.
pub struct Marks<W> {
    out: W,
    clock: Clock,
    output_phase: String,
    output_work: u64,
}

impl<W: Write> Marks<W> {
    /// Marks onto `out` with stamps from `clock`.
    pub const fn new(out: W, clock: Clock) -> Self {
        Self {
            out,
            clock,
            output_phase: String::new(),
            output_work: 0,
        }
    }

    /// The last mark of a worker that cannot go on.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn failed(&mut self, error: &Error) -> Result<(), Error> {
        let at_ns = (self.clock)();
        let message = error.to_string().replace('\n', " ");
        self.write(&Mark::Failed { at_ns, message })
    }

    fn write(&mut self, mark: &Mark) -> Result<(), Error> {
        let mut line = serde_json::to_vec(mark).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        Ok(())
    }
}

impl<W: Write> Observer for Marks<W> {
    fn begin(&mut self, phase: &str) -> Result<(), Error> {
        let at_ns = (self.clock)();
        self.write(&Mark::Begin {
            at_ns,
            phase: phase.to_owned(),
        })
    }

    fn end(&mut self, phase: &str, work: u64) -> Result<(), Error> {
        let at_ns = (self.clock)();
        if phase == self.output_phase {
            self.output_work += work;
        }
        self.write(&Mark::End {
            at_ns,
            phase: phase.to_owned(),
            work,
        })
    }
}

/// What arrives on standard input; a closed channel is a closed stream.
type Incoming = Result<Command, Error>;

/// Reads commands in a thread of its own, so that work never waits for them.
pub fn listen(input: impl BufRead + Send + 'static) -> Receiver<Incoming> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in input.lines() {
            let command = match line {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => serde_json::from_str(&line).map_err(|_| Error::Command(line)),
                Err(error) => Err(error.into()),
            };
            let failed = command.is_err();
            if sender.send(command).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Work,
    Finish,
    /// Nobody listens any more.
    Leave,
}

/// Waits for the permission to work.
fn wait(commands: &Receiver<Incoming>) -> Result<Next, Error> {
    match commands.recv() {
        Ok(Ok(Command::Go)) => Ok(Next::Work),
        Ok(Ok(Command::Stop)) => Ok(Next::Finish),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(Next::Leave),
    }
}

/// Looks whether to go on, without waiting. A stream that ends while work is done means `stop`.
fn look(commands: &Receiver<Incoming>) -> Result<Next, Error> {
    match commands.try_recv() {
        Ok(Ok(Command::Go)) | Err(TryRecvError::Empty) => Ok(Next::Work),
        Ok(Ok(Command::Stop)) | Err(TryRecvError::Disconnected) => Ok(Next::Finish),
        Ok(Err(error)) => Err(error),
    }
}

/// Runs a loaded workload under the protocol until `stop` or the end of the commands.
///
/// # Errors
/// The workload failed, a command was not understood, or the marks cannot be written.
pub fn serve<W: Write>(
    workload: &mut dyn Workload,
    warmup_s: f64,
    commands: &Receiver<Incoming>,
    marks: &mut Marks<W>,
) -> Result<(), Error> {
    let info = workload.info();
    marks.output_phase.clone_from(&info.output_phase);

    let warm_at = (marks.clock)() + Nanos::from_seconds(warmup_s);
    let mut iterations = 0;
    while iterations < workload.warmup_iterations() || (marks.clock)() < warm_at {
        workload.iterate(&mut Unobserved)?;
        iterations += 1;
    }

    let at_ns = (marks.clock)();
    marks.write(&Mark::Ready {
        at_ns,
        worker: info,
    })?;
    let mut next = wait(commands)?;
    while next == Next::Work {
        workload.iterate(marks)?;
        next = look(commands)?;
    }
    if next == Next::Leave {
        return Ok(());
    }
    let outcome = workload.outcome()?;
    let done = Mark::Done {
        at_ns: (marks.clock)(),
        work: marks.output_work,
        digest: outcome.digest,
        quality: outcome.quality,
    };
    marks.write(&done)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use model::mark::WorkerInfo;

    use super::*;
    use crate::clock;
    use crate::workload::Outcome;

    /// Two phases that do nothing; `stop` is sent by the third measured iteration.
    struct Counter {
        iterations: u32,
        fails: bool,
        stop_after: Option<(u32, mpsc::Sender<Incoming>)>,
    }

    impl Workload for Counter {
        fn info(&self) -> WorkerInfo {
            WorkerInfo {
                name: "counter 1".into(),
                engine: "none".into(),
                device: "cpu".into(),
                weights: "none".into(),
                weights_id: None,
                inputs_id: None,
                output_phase: "made".into(),
                unit: "token".into(),
            }
        }

        fn warmup_iterations(&self) -> u32 {
            2
        }

        fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
            if self.fails {
                return Err(Error::Device("no\nluck".into()));
            }
            self.iterations += 1;
            observer.begin("read")?;
            observer.end("read", 100)?;
            observer.begin("made")?;
            observer.end("made", 5)?;
            if let Some((last, sender)) = &self.stop_after
                && self.iterations == *last
            {
                sender.send(Ok(Command::Stop)).expect("the receiver lives");
            }
            Ok(())
        }

        fn outcome(&self) -> Result<Outcome, Error> {
            Ok(Outcome {
                digest: "d".into(),
                quality: BTreeMap::new(),
            })
        }
    }

    fn run(
        workload: &mut Counter,
        commands: &Receiver<Incoming>,
    ) -> (Result<(), Error>, Vec<Mark>) {
        let mut out = Vec::new();
        let result = serve(
            workload,
            0.0,
            commands,
            &mut Marks::new(&mut out, clock::monotonic),
        );
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        let marks = text
            .lines()
            .map(|line| Mark::parse(line).expect("a mark"))
            .collect();
        (result, marks)
    }

    fn kinds(marks: &[Mark]) -> String {
        let kind = |mark: &Mark| match mark {
            Mark::Ready { .. } => 'r',
            Mark::Begin { .. } => 'b',
            Mark::End { .. } => 'e',
            Mark::Done { .. } => 'd',
            Mark::Failed { .. } => 'f',
        };
        marks.iter().map(kind).collect()
    }

    #[test]
    fn marks_come_in_the_documented_order_and_the_work_adds_up() {
        let (sender, commands) = mpsc::channel();
        sender.send(Ok(Command::Go)).expect("open");
        // Two warm-up and three measured iterations.
        let mut workload = Counter {
            iterations: 0,
            fails: false,
            stop_after: Some((5, sender)),
        };
        let (result, marks) = run(&mut workload, &commands);
        result.expect("no error");
        assert_eq!(kinds(&marks), "rbebebebebebed");
        assert!(marks.is_sorted_by_key(Mark::at));
        assert!(
            matches!(marks.last(), Some(Mark::Done { work: 15, .. })),
            "{marks:?}"
        );
    }

    #[test]
    fn a_stream_that_ends_after_go_means_stop() {
        let commands = listen(Cursor::new("{\"command\":\"go\"}\n"));
        let mut workload = Counter {
            iterations: 0,
            fails: false,
            stop_after: None,
        };
        let (result, marks) = run(&mut workload, &commands);
        result.expect("no error");
        assert!(kinds(&marks).starts_with("rbebe"), "{marks:?}");
        assert!(
            matches!(marks.last(), Some(Mark::Done { work: 5.., .. })),
            "{marks:?}"
        );
    }

    #[test]
    fn stop_before_go_is_done_without_work_and_a_stream_without_commands_ends_silently() {
        let stopped = listen(Cursor::new("{\"command\":\"stop\"}\n"));
        let mut workload = Counter {
            iterations: 0,
            fails: false,
            stop_after: None,
        };
        let (result, marks) = run(&mut workload, &stopped);
        result.expect("no error");
        assert_eq!(kinds(&marks), "rd");
        assert!(matches!(marks.last(), Some(Mark::Done { work: 0, .. })));

        let (result, marks) = run(&mut workload, &listen(Cursor::new("")));
        result.expect("no error");
        assert_eq!(kinds(&marks), "r");
    }

    #[test]
    fn garbage_and_failures_are_errors_of_one_line() {
        let mut workload = Counter {
            iterations: 0,
            fails: false,
            stop_after: None,
        };
        let (result, _) = run(&mut workload, &listen(Cursor::new("hello\n")));
        let message = result.expect_err("no command").to_string();
        assert!(
            message.contains("'hello', expected {\"command\":\"go\"}"),
            "{message}"
        );

        workload.fails = true;
        let (result, marks) = run(&mut workload, &listen(Cursor::new("")));
        assert!(marks.is_empty());
        let mut out = Vec::new();
        let error = result.expect_err("fails");
        Marks::new(&mut out, clock::monotonic)
            .failed(&error)
            .expect("writes");
        let line = String::from_utf8(out).expect("UTF-8");
        assert_eq!(line.lines().count(), 1);
        assert!(
            matches!(Mark::parse(line.trim_end()), Ok(Mark::Failed { message, .. }) if message == "no luck")
        );
    }
}
