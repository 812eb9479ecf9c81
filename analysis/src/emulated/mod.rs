//! What comes from emulated boards: curves over the core clock and their optima, how far the boards
//! are from silicon, and what common tools read on a known load.
//!
//! Measured and emulated results never share a file: everything here lies in `out/emulated`, its
//! tables, figures and numbers carry the word.

pub mod curve;
mod numbers;
pub mod optimum;
pub mod residual;
mod rows;
mod stage;
mod table;
#[cfg(test)]
mod tests;
pub mod tool;

pub use stage::{EmulatedInputs, EmulatedRecords, read, read_curves, read_tables, stage};
