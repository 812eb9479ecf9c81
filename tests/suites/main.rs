//! End-to-end suites over the public surfaces of the built programs.

mod arrows;
mod devices;
mod folders;
mod kill;
mod plan;
mod prose;
mod reproduce;
mod run;
mod shell;
mod workers;
