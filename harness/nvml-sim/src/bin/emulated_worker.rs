//! A worker in real time on an emulated board: it computes nothing, speaks the worker protocol, and
//! gives the board the operations and bytes that the model of its point counts.
//!
//! Under `joulebench emulate` the harness measures it through the emulated driver as it would measure
//! a real worker on a real one: `[engines] emulated = { command = ["joulebench-emulated-worker"] }`.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use gpu_sim::Work;
use model::axis::Axis;
use model::cost::phase::Phase;
use model::cost::workload::{output, phases};
use model::mark::{Command, Mark, PROTOCOL_VERSION, REQUEST_VARIABLE, RunRequest, WorkerInfo};
use model::units::Nanos;
use nvml_sim::state::{EventKind, Machine, StateError};

/// The board that is loaded.
const GPU: u32 = 0;
/// How far ahead the end of a phase is looked for.
const HORIZON: Nanos = Nanos::from_millis(600_000);
/// Longest wait between two looks: settings may change the end meanwhile.
const LOOK_EVERY: Nanos = Nanos::from_millis(20);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let text = std::env::var(REQUEST_VARIABLE).map_err(|_| {
        format!("{REQUEST_VARIABLE} is not set: 'joulebench run' starts this program")
    })?;
    let request: RunRequest = serde_json::from_str(&text)
        .map_err(|error| format!("{REQUEST_VARIABLE}: {error}; expected a run request"))?;
    if request.protocol != PROTOCOL_VERSION {
        return Err(format!(
            "protocol {}: this worker speaks {PROTOCOL_VERSION}",
            request.protocol
        ));
    }
    refuse_variants(&request)?;
    let phases = phases(&request.point).map_err(|error| error.to_string())?;
    let (output_phase, unit) = output(&request.point).map_err(|error| error.to_string())?;
    let machine = Machine::from_environment().map_err(|error| error.to_string())?;
    let mut board = Board {
        machine,
        memory_bytes: phases.iter().map(weight_bytes).max().unwrap_or_default(),
    };
    board.context(true)?;

    let warm_at = board.machine.now() + Nanos::from_seconds(request.warmup_s);
    while board.machine.now() < warm_at {
        for phase in &phases {
            board.compute(phase)?;
        }
    }
    say(&Mark::Ready {
        at_ns: board.machine.now(),
        worker: WorkerInfo {
            name: format!("joulebench-emulated-worker {}", env!("CARGO_PKG_VERSION")),
            engine: "emulated".to_owned(),
            device: format!("emulated:{GPU}"),
            weights: "none".to_owned(),
            weights_id: None,
            inputs_id: None,
            output_phase: output_phase.to_owned(),
            unit: unit.to_owned(),
        },
    });
    let commands = listen();
    let mut work = 0;
    let mut goes_on = matches!(commands.recv(), Ok(Command::Go));
    while goes_on {
        for phase in &phases {
            say(&Mark::Begin {
                at_ns: board.machine.now(),
                phase: phase.name.to_owned(),
            });
            let at_ns = board.compute(phase)?;
            say(&Mark::End {
                at_ns,
                phase: phase.name.to_owned(),
                work: phase.units,
            });
        }
        work += phases.last().map_or(0, |phase| phase.units);
        // A harness that is gone is as good as one that says stop.
        goes_on = matches!(
            commands.try_recv(),
            Ok(Command::Go) | Err(TryRecvError::Empty)
        );
    }
    say(&Mark::Done {
        at_ns: board.machine.now(),
        work,
        digest: String::new(),
        quality: BTreeMap::new(),
    });
    board.context(false)
}

/// Axes that say how work is computed. Operations and bytes do not depend on them, so this worker
/// would give every value the same energy, as if that were a result.
const VARIANTS: [Axis; 5] = [
    Axis::Implementation,
    Axis::Attention,
    Axis::Graph,
    Axis::Sampling,
    Axis::Weights,
];

fn refuse_variants(request: &RunRequest) -> Result<(), String> {
    let found = VARIANTS
        .into_iter()
        .find(|axis| request.point.get(*axis).is_some());
    match found {
        None => Ok(()),
        Some(axis) => Err(format!(
            "axis '{axis}' means nothing on an emulated board, which computes nothing; remove it \
             from [axes] of the plan"
        )),
    }
}

/// The board, as this worker uses it.
struct Board {
    machine: Machine,
    /// What the weights of the model take.
    memory_bytes: u64,
}

impl Board {
    fn context(&mut self, open: bool) -> Result<(), String> {
        self.apply(EventKind::SetContext {
            pid: std::process::id(),
            open,
            memory_bytes: self.memory_bytes,
        })
    }

    /// Gives the board a phase and waits for its end, which it gives back.
    fn compute(&mut self, phase: &Phase) -> Result<Nanos, String> {
        let begin = self.machine.now();
        self.apply(EventKind::SetWork(Some(Work::once(phase.cost))))?;
        loop {
            if let Some(end) = self.machine.work_ended(GPU).filter(|end| *end >= begin) {
                return Ok(end);
            }
            let now = self.machine.now();
            let look = now + LOOK_EVERY;
            let end = self.machine.foresee_work_end(GPU, HORIZON);
            let until = end.map_or(look, |end| end.min(look));
            wait(until.saturating_sub(now));
        }
    }

    fn apply(&mut self, event: EventKind) -> Result<(), String> {
        self.machine
            .apply(GPU, event)
            .map_err(|error: StateError| error.to_string())
    }
}

/// What one pass of a phase streams of weights.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bytes of a model are positive and far below 2^53"
)]
fn weight_bytes(phase: &Phase) -> u64 {
    (phase.weight_bytes / phase.passes.max(1) as f64) as u64
}

/// Prints a mark as one line.
fn say(mark: &Mark) {
    let line = serde_json::to_string(mark).expect("a mark is plain data");
    println!("{line}");
}

/// Commands of the harness, as they come.
fn listen() -> Receiver<Command> {
    let (sender, receiver) = channel();
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
    receiver
}

#[expect(
    clippy::disallowed_methods,
    reason = "the emulated board lives in real time here, and so does its worker"
)]
fn wait(time: Nanos) {
    std::thread::sleep(Duration::from_nanos(time.get()));
}
