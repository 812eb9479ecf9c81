//! What the end-to-end suites share: the built programs, plans, folders as values.
//!
//! The suites in `suites/` use nothing but public surfaces: command lines, files, exit codes.

pub mod dvfs;
pub mod emulation;
pub mod plan;
pub mod program;
pub mod repository;
pub mod tree;
pub mod watchdog;
