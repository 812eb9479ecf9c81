//! Plan → runs → raw traces: the only room that touches NVML.
//!
//! The flow: [`plan_file`] reads a sweep plan, [`device`] opens an instrument, [`session`] takes one
//! run on it with a [`worker`] beside, [`store`] seals the trace, and [`sweep`] does so for every
//! run that is not sealed yet. [`control`] changes settings of a GPU and gives them back. [`doctor`]
//! says what this machine can measure.

pub mod calibrate;
pub mod clock;
pub mod control;
pub mod device;
pub mod doctor;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod measure;
pub mod overhead;
pub mod plan_file;
mod process;
pub mod session;
pub mod store;
pub mod sweep;
pub mod worker;
