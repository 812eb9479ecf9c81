//! End-to-end suites over the public surfaces of the built programs.

#![allow(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "clippy sees no test in the functions that tests share; file names are our own"
)]

mod arrows;
mod control;
mod devices;
mod emulate;
mod folders;
mod kill;
mod measure;
mod nvml_errors;
mod plan;
mod prose;
mod protocol;
mod recording;
mod reproduce;
mod run;
mod shell;
mod workers;
mod workloads;
