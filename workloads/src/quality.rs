//! How good a run's outputs are, from these outputs: text with known answers goes in, and what
//! comes out is compared with the answers and with what f32 weights make of the same text.
//!
//! Nothing here runs a model but [`study`]; the families hand their outputs over. `docs/quality.md`
//! says which metric means what.

mod choices;
mod sequences;
pub mod study;
#[cfg(test)]
mod tests;
mod text;
mod weights;

pub use choices::{Expected, METRICS as CHOICE_METRICS, choices};
pub use sequences::{
    Known, METRICS as SEQUENCE_METRICS, TRANSCRIPT_METRICS, logprob_of, logprobs, score_by_steps,
};
pub use text::{Readable, TEXT_VARIABLE, Text, Texts};
