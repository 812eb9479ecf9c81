//! The machine that all processes share: a file, a log of events, and its replay.
//!
//! Nothing that follows from something else is shared. The file holds what the machine is made of
//! and what happened to it; every process runs the same deterministic physics over that, so all see
//! the same joules, and the truth about any interval is one more replay.
//!
//! Start with [`Machine`] (one process's view), [`Emulator`] (who makes the file) and [`Truth`].

mod card;
mod config;
mod emulator;
mod error;
mod event;
mod faults;
mod file;
mod header;
mod identity;
mod lock;
mod log;
mod machine;
pub mod monotonic;
mod process;
mod record;
mod replay;
mod truth;

pub use config::{BoardSource, CUDA_VERSION, DRIVER_VERSION, GpuConfig, MachineConfig, Permission};
pub use emulator::Emulator;
pub use error::StateError;
pub use event::{Event, EventKind};
pub use identity::Identity;
pub use log::{Log, Snapshot};
pub use machine::{ENVIRONMENT, Machine, Process, path_of_environment};
pub use truth::{TrueEnergy, Truth, true_energy};

pub(crate) use card::NO_PROCESS;
pub(crate) use log::CAPACITY as LOG_CAPACITY;

/// GPUs that a machine has at most.
pub const MAX_GPUS: usize = 16;
