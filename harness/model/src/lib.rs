//! The vocabulary of joulebench: what a sweep, a run, a sample and a trace are.
//!
//! Everything here is a pure value: no file, clock, thread, GPU or random device is touched.
//! Start with [`plan::Plan`] (what shall be measured), [`trace::Trace`] (what was measured) and
//! [`format`] (how it lies on disk).

pub mod axis;
pub mod catalogue;
pub mod cost;
pub mod decimal;
pub mod format;
pub mod machine;
pub mod mark;
pub mod plan;
pub mod point;
pub mod provenance;
pub mod quality;
pub mod reason;
pub mod resolution;
pub mod run;
pub mod sample;
pub mod trace;
pub mod units;
pub mod workload;
