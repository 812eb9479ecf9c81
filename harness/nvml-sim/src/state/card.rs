//! One GPU, replayed: the physics, and the events that are still to come.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use gpu_sim::{Board, Gpu};
use model::units::Nanos;

use super::{Event, EventKind, GpuConfig};

/// Contexts of loads that no process holds: those of a schedule.
pub(crate) const NO_PROCESS: u32 = 0;

/// History that is kept where nobody asks for the truth: the longest sample ring and one-second
/// average, and much to spare.
const KEPT: Nanos = Nanos::from_millis(20_000);

/// How far the GPU runs before history is dropped.
const STRIDE: Nanos = Nanos::from_millis(5_000);

/// What happens to the history of the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// All of it stays: any interval can be asked for.
    Whole,
    /// What the sensors need stays: memory does not grow with time.
    Recent,
}

/// One GPU with its future.
#[derive(Clone)]
pub(crate) struct Card {
    gpu: Gpu,
    history: History,
    forgotten_at: Nanos,
    pending: BinaryHeap<Reverse<Pending>>,
    /// Scheduled events with a lower number are void.
    cancelled_below: u64,
    contexts: BTreeMap<u32, u64>,
    work_owner: u32,
    work_ended: Option<Nanos>,
}

impl Card {
    pub(crate) fn new(board: Arc<Board>, config: &GpuConfig, at: Nanos, history: History) -> Self {
        let gpu = match config.seed {
            Some(seed) => Gpu::new(board, seed, at),
            None => Gpu::ideal(board, at),
        };
        Self {
            gpu,
            history,
            forgotten_at: at,
            pending: BinaryHeap::new(),
            cancelled_below: 0,
            contexts: BTreeMap::new(),
            work_owner: NO_PROCESS,
            work_ended: None,
        }
    }

    /// Takes note of an event; `number` is its place in the log and decides between events of one
    /// moment.
    pub(crate) fn expect(&mut self, number: u64, event: Event) {
        self.pending.push(Reverse(Pending { number, event }));
    }

    /// Runs up to a moment through all events on the way.
    pub(crate) fn advance(&mut self, to: Nanos) {
        while let Some(Reverse(next)) = self.pending.peek() {
            if next.event.at > to {
                break;
            }
            let Some(Reverse(Pending { number, event })) = self.pending.pop() else {
                break;
            };
            if event.scheduled && number < self.cancelled_below {
                continue;
            }
            self.run(event.at);
            self.apply(number, &event);
        }
        self.run(to);
    }

    /// The GPU as it stands.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Processes with a context, with the bytes that they hold.
    pub(crate) fn contexts(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.contexts
            .iter()
            .filter(|(pid, _)| **pid != NO_PROCESS)
            .map(|(pid, bytes)| (*pid, *bytes))
    }

    /// When the last finite work was done, where it is done.
    pub(crate) fn work_ended(&self) -> Option<Nanos> {
        self.work_ended
    }

    /// When everything that is known now will have ended the work, at most at the horizon.
    pub(crate) fn foresee_work_end(&self, horizon: Nanos) -> Option<Nanos> {
        let mut ahead = self.clone();
        ahead.work_ended = None;
        ahead.advance(horizon);
        ahead.work_ended
    }

    fn run(&mut self, to: Nanos) {
        while self.gpu.now() < to {
            let stop = match self.history {
                History::Whole => to,
                History::Recent => to.min(self.forgotten_at + STRIDE),
            };
            // The GPU halts where finite work ends; it goes on idle.
            while let Some(ended) = self.gpu.advance(stop) {
                self.work_ended = Some(ended);
            }
            if self.history == History::Recent && stop >= self.forgotten_at + STRIDE {
                self.forgotten_at = stop;
                self.gpu.forget_before(stop.saturating_sub(KEPT));
            }
        }
    }

    fn apply(&mut self, number: u64, event: &Event) {
        let gpu = &mut self.gpu;
        match event.kind {
            EventKind::LockCoreClocks { min_mhz, max_mhz } => {
                gpu.lock_core_clocks(Some((min_mhz, max_mhz)));
            }
            EventKind::ResetCoreClocks => gpu.lock_core_clocks(None),
            EventKind::LockMemoryClocks { min_mhz, max_mhz } => {
                gpu.lock_memory_clocks(Some((min_mhz, max_mhz)));
            }
            EventKind::ResetMemoryClocks => gpu.lock_memory_clocks(None),
            EventKind::SetApplicationClocks {
                memory_mhz,
                core_mhz,
            } => gpu.set_application_clocks(Some((memory_mhz, core_mhz))),
            EventKind::ResetApplicationClocks => gpu.set_application_clocks(None),
            EventKind::SetPowerLimit { watts } => gpu.set_power_limit_w(watts),
            EventKind::SetPersistence { on } => gpu.set_persistence(on),
            EventKind::SetWork(work) => {
                self.work_owner = if event.scheduled {
                    NO_PROCESS
                } else {
                    event.writer_pid
                };
                self.work_ended = None;
                gpu.set_work(work);
            }
            EventKind::SetContext {
                pid,
                open,
                memory_bytes,
            } => self.set_context(pid, open, memory_bytes),
            EventKind::CancelSchedule => self.cancelled_below = number,
            EventKind::Inject { fault, on } => gpu.inject(fault, on),
        }
    }

    /// A process that leaves takes its work along.
    fn set_context(&mut self, pid: u32, open: bool, memory_bytes: u64) {
        if open {
            self.contexts.insert(pid, memory_bytes);
        } else if self.contexts.remove(&pid).is_some() && self.work_owner == pid {
            self.gpu.set_work(None);
        }
        self.gpu.set_context(!self.contexts.is_empty());
    }
}

/// An event in the order of its moment, then of the log.
#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u64,
    event: Event,
}

impl Pending {
    fn key(&self) -> (Nanos, u64) {
        (self.event.at, self.number)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
