//! Emulated NVIDIA GPUs in virtual time, whose true energy is known.
//!
//! A [`Board`] is a profile: clocks, voltage, energies, bandwidths, heat and sensors, each number
//! with its source. A [`Gpu`] is one card of it in time: give it [`Work`] and settings, advance it,
//! read it as a driver would ([`Readings`]), and hold that against the truth ([`Timeline`]).
//!
//! Pure and seeded: no file, clock, thread or device is touched. Nothing that comes from here may be
//! called measured.

pub mod board;
pub mod calibration;
mod card;
pub mod execution;
pub mod fault;
mod governor;
mod gpu;
pub mod kernels;
mod noise;
mod power;
mod sensors;
mod thermal;
mod timeline;
mod work;

pub use board::{Architecture, Board, BoardError};
pub use card::{Card, Seeds};
pub use execution::{Activity, ClockPair, Execution, dram_bytes_per_s, execute};
pub use fault::{FaultKind, FaultPlan, SensorFault};
pub use gpu::{Gpu, Settings};
pub use power::{PowerParts, power};
pub use sensors::{ActivityCounters, Readings};
pub use timeline::{Level, Timeline};
pub use work::{Repeat, Work};
