//! One process's view of the emulated machine: the log, replayed up to this moment.

use std::path::{Path, PathBuf};

use gpu_sim::Gpu;
use model::units::Nanos;

use super::card::{Card, History};
use super::faults::Faults;
use super::log::Log;
use super::replay::{Replay, prepare};
use super::{Event, EventKind, Identity, Permission, StateError, monotonic, process};

/// Names the state file, as an absolute path.
pub const ENVIRONMENT: &str = "JOULEBENCH_EMULATOR";

/// `NVML_ERROR_GPU_IS_LOST`: what every call answers when the state file cannot be used any more.
const GPU_IS_LOST: u32 = 15;

/// A process that holds a context on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Memory of the board that it holds, in bytes.
    pub used_memory_bytes: u64,
}

/// This process's view of the emulated machine.
///
/// Methods that take the index of a GPU panic where there is none of that index; only
/// [`Machine::apply`] refuses it, for it is what untrusted input reaches.
pub struct Machine {
    log: Log,
    replay: Replay,
    faults: Faults,
    identities: Vec<Identity>,
    trouble: Option<StateError>,
}

impl Machine {
    /// Opens a state file by its absolute path.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let log = Log::open(path)?;
        let (mut replay, faults) = prepare(log.config(), log.origin(), History::Recent)?;
        let identities = (0..log.count())
            .map(|gpu| {
                let seed = log.config().gpus[gpu as usize].seed.unwrap_or_default();
                let board = replay.card(gpu, log.origin()).gpu().board();
                Identity::of(&board.slug, seed, gpu)
            })
            .collect();
        Ok(Self {
            log,
            replay,
            faults,
            identities,
            trouble: None,
        })
    }

    /// Opens the state file that `JOULEBENCH_EMULATOR` names.
    pub fn from_environment() -> Result<Self, StateError> {
        Self::open(&path_of_environment()?)
    }

    /// GPUs of the machine.
    pub fn count(&self) -> u32 {
        self.log.count()
    }

    /// Names of a GPU.
    pub fn identity(&self, gpu: u32) -> &Identity {
        &self.identities[gpu as usize]
    }

    /// This moment on `CLOCK_MONOTONIC`, in which the GPUs live.
    pub fn now(&self) -> Nanos {
        monotonic::now()
    }

    /// When the machine was made, on `CLOCK_MONOTONIC`.
    pub fn origin(&self) -> Nanos {
        self.log.origin()
    }

    /// The GPU, advanced to this moment, with all that other processes did before it.
    pub fn gpu(&mut self, gpu: u32) -> &Gpu {
        self.card(gpu).gpu()
    }

    /// Appends to the log what happens to a GPU now. Checks neither permissions nor ranges.
    pub fn apply(&mut self, gpu: u32, event: EventKind) -> Result<(), StateError> {
        self.log.append_now(gpu, event)
    }

    /// Live processes with a context on a GPU, by pid ascending.
    ///
    /// A process that died without closing its context is taken off the GPU, with its work.
    pub fn processes(&mut self, gpu: u32) -> Vec<Process> {
        let now = monotonic::now();
        let known: Vec<(u32, u64)> = self.card(gpu).contexts().collect();
        let mut live = Vec::new();
        for (pid, used_memory_bytes) in known {
            if process::is_alive(pid) {
                live.push(Process {
                    pid,
                    used_memory_bytes,
                });
            } else if let Err(error) = self.apply(gpu, process::gone(pid)) {
                self.trouble = Some(error);
            }
        }
        live.extend(self.faults.foreign_processes(gpu, self.since_origin(now)));
        live.sort_by_key(|process| process.pid);
        live
    }

    /// Takes processes that died off all GPUs.
    pub fn reap(&mut self) {
        for gpu in 0..self.count() {
            self.processes(gpu);
        }
    }

    /// The `nvmlReturn_t` that a call has to answer with now, where it has to fail: by the fault
    /// plan, or because the state file was lost.
    pub fn fault(&mut self, gpu: u32, call: &str) -> Option<u32> {
        if self.trouble.is_some() {
            return Some(GPU_IS_LOST);
        }
        if self.faults.is_empty() {
            return None;
        }
        self.faults
            .error(gpu, call, self.since_origin(monotonic::now()))
    }

    /// Whether this process may change settings now. Where permission is withdrawn for one GPU, it
    /// is for all: a driver asks who calls, not for which board.
    pub fn may_control(&self) -> bool {
        let granted = match self.log.config().permission {
            Permission::Root => rustix::process::geteuid().is_root(),
            Permission::Anyone => true,
            Permission::Nobody => false,
        };
        if self.faults.is_empty() {
            return granted;
        }
        let now = self.since_origin(monotonic::now());
        let withdrawn = (0..self.count()).any(|gpu| self.faults.permission_is_withdrawn(gpu, now));
        granted && !withdrawn
    }

    /// Numbers of the Xid events of a GPU so far, in their order.
    pub fn xids(&self, gpu: u32) -> Vec<u64> {
        let now = self.since_origin(monotonic::now());
        self.faults.xids(gpu, now).collect()
    }

    /// Version of the driver, such as `580.159.04`.
    pub fn driver_version(&self) -> &str {
        &self.log.config().driver_version
    }

    /// CUDA version as NVML gives it: 13000 is 13.0.
    pub fn cuda_version(&self) -> i32 {
        self.log.config().cuda_version
    }

    /// When the last finite work of a GPU was done; none while it runs, or before any.
    pub fn work_ended(&mut self, gpu: u32) -> Option<Nanos> {
        self.card(gpu).work_ended()
    }

    /// When the finite work that a GPU does now will be done, as far as the log and this horizon
    /// tell; settings that change until then change it.
    pub fn foresee_work_end(&mut self, gpu: u32, horizon: Nanos) -> Option<Nanos> {
        let until = monotonic::now() + horizon;
        self.card(gpu).foresee_work_end(until)
    }

    /// What made the state file useless to this process.
    pub fn trouble(&self) -> Option<&StateError> {
        self.trouble.as_ref()
    }

    fn since_origin(&self, at: Nanos) -> Nanos {
        at.saturating_sub(self.log.origin())
    }

    fn card(&mut self, gpu: u32) -> &Card {
        let to = match self.catch_up() {
            Ok(at) => at,
            Err(error) => {
                self.trouble = Some(error);
                monotonic::now()
            }
        };
        self.replay.card(gpu, to)
    }

    fn catch_up(&mut self) -> Result<Nanos, StateError> {
        let snapshot = self.log.snapshot()?;
        let heard = self.replay.heard();
        if snapshot.length != heard {
            self.replay.hear(self.log.read(heard, snapshot.length)?);
        }
        Ok(snapshot.at)
    }
}

impl Log {
    /// Appends what happens to a GPU now.
    pub fn append_now(&self, gpu: u32, kind: EventKind) -> Result<(), StateError> {
        self.append_each_now([(gpu, kind)])
    }

    /// Appends several things that happen at the same moment.
    pub fn append_each_now(
        &self,
        kinds: impl IntoIterator<Item = (u32, EventKind)>,
    ) -> Result<(), StateError> {
        let writer_pid = std::process::id();
        self.append(|at| {
            kinds
                .into_iter()
                .map(|(gpu, kind)| Event {
                    at,
                    gpu,
                    writer_pid,
                    scheduled: false,
                    kind,
                })
                .collect()
        })
        .map(drop)
    }
}

/// The state file that the environment names.
pub fn path_of_environment() -> Result<PathBuf, StateError> {
    match std::env::var_os(ENVIRONMENT) {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(StateError::NotSet),
    }
}
