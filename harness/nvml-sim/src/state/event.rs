//! What can happen to an emulated GPU from outside: settings, loads, contexts, faults.

use gpu_sim::{SensorFault, Work};
use model::units::Nanos;

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it takes effect, on `CLOCK_MONOTONIC`. Events of a schedule lie in the future.
    pub at: Nanos,
    /// Index of the GPU.
    pub gpu: u32,
    /// The process that wrote it.
    pub writer_pid: u32,
    /// Whether a schedule wrote it: a later [`EventKind::CancelSchedule`] drops it.
    pub scheduled: bool,
    /// What happens.
    pub kind: EventKind,
}

/// What happens to a GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// The core clock may only move in this range.
    LockCoreClocks {
        /// Lowest clock in MHz.
        min_mhz: u32,
        /// Highest clock in MHz.
        max_mhz: u32,
    },
    /// The core clock is free again.
    ResetCoreClocks,
    /// The memory clock may only move in this range.
    LockMemoryClocks {
        /// Lowest clock in MHz.
        min_mhz: u32,
        /// Highest clock in MHz.
        max_mhz: u32,
    },
    /// The memory clock is free again.
    ResetMemoryClocks,
    /// Clocks of applications.
    SetApplicationClocks {
        /// Memory clock in MHz.
        memory_mhz: u32,
        /// Core clock in MHz.
        core_mhz: u32,
    },
    /// Clocks of applications are the default ones again.
    ResetApplicationClocks,
    /// A power limit.
    SetPowerLimit {
        /// The limit in watts.
        watts: f64,
    },
    /// Persistence mode.
    SetPersistence {
        /// On or off.
        on: bool,
    },
    /// From now on the GPU does this work, or nothing.
    SetWork(Option<Work>),
    /// A process opens or closes its CUDA context.
    SetContext {
        /// The process.
        pid: u32,
        /// Opens or closes.
        open: bool,
        /// Memory of the board that the process holds, in bytes.
        memory_bytes: u64,
    },
    /// What an earlier schedule still has in store for the GPU is dropped.
    CancelSchedule,
    /// A fault of the board or its sensors begins or ends.
    Inject {
        /// The fault.
        fault: SensorFault,
        /// Begins or ends.
        on: bool,
    },
}
