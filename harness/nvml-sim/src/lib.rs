//! `libnvidia-ml.so.1` on top of emulated GPUs, in real time.
//!
//! Built as a shared library, this crate answers every function of NVML that the common bindings
//! know ([`abi`]), so that any client of NVML runs unmodified on a machine without a GPU. What the
//! GPUs do stands in a file that all processes share ([`state`]); loads come from a schedule
//! ([`schedule`]), from the C interface of [`load_abi`], or from a program of this project. A
//! command is started with the library in front of the real one by [`launch`].
//!
//! Everything that comes from here is emulated, and serial numbers say so.

pub mod abi;
pub mod launch;
pub mod load_abi;
pub mod schedule;
pub mod state;
