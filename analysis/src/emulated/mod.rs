//! What comes from emulated boards: curves over the core clock and their optima, how far the boards
//! are from silicon, and what common tools read on a known load.
//!
//! Measured and emulated results never share a file: everything here lies in `out/emulated`, its
//! tables, figures and numbers carry the word.

pub mod curve;
pub mod evidence;
mod numbers;
pub mod optimum;
pub mod residual;
mod rows;
mod stage;
mod table;
#[cfg(test)]
pub(crate) mod tests;
pub mod tool;
pub mod truth;

pub use evidence::{EmulatedEvidence, read_evidence};
pub use stage::{Curves, EmulatedInputs, EmulatedRecords, read, read_curves, read_tables, stage};
