//! The C interface of NVML, as the clients' own bindings declare it.
//!
//! Every function asks first whether the fault plan has an answer for it, then for the GPU behind
//! the handle, then answers from the replayed machine. Functions without a meaning for an emulated
//! GPU are exported too and answer `NVML_ERROR_NOT_SUPPORTED` ([`unsupported`]). Which functions
//! there must be is stated in `bindings/*.txt` and tested.
//!
//! Structures and constants are those of `nvml-wrapper-sys`; the few that only the Python bindings
//! have are declared beside their function. Pointers carry their contract in their type
//! ([`pointer`]), so the functions themselves are safe code.

mod call;
mod wall_clock;

pub mod clocks;
pub mod control;
pub mod device;
pub mod ecc;
pub mod events;
pub mod features;
pub mod fields;
pub mod find;
pub mod gpm;
pub mod handle;
pub mod init;
pub mod memory;
pub mod pcie;
pub mod performance;
pub mod pointer;
pub mod power;
pub mod processes;
pub mod refusal;
pub mod samples;
mod session;
pub mod system;
pub mod thermal;
pub mod unsupported;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod layouts;
