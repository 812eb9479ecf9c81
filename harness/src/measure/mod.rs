//! The energy and time of any command.
//!
//! A [`Bench`] is a device that is sampled; an [`Executor`] runs a [`UserCommand`] beside it, once
//! or again and again inside one window. [`measurement::measure`] takes the runs of one command,
//! [`compare::measure_blocks`] those of several, interleaved. [`Summary`] and [`compare::compare`]
//! say what they amount to, [`warning::warnings`] what to know before believing it.

pub mod bench;
pub mod command;
pub mod compare;
pub mod condition;
pub mod energy;
pub mod execution;
pub mod measurement;
pub mod process;
pub mod record;
pub mod repeat;
pub mod sampler;
pub mod size;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod warning;

pub use bench::{Bench, RunResult};
pub use command::UserCommand;
pub use execution::Executor;
pub use measurement::{MeasureObserver, Measurement, RunCount, Settings};
pub use process::ProcessExecutor;
pub use record::MeasureError;
pub use repeat::WindowPlan;
pub use summary::Summary;
pub use warning::Warning;
