//! Encoding a batch again and again, by either composition of the network.

mod fast;
mod reference;

use candle_core::Result;

pub use fast::Fast;
pub use reference::Reference;

/// A batch on the device, and the room to encode it.
pub trait Encoder {
    /// Encodes the batch and picks the largest score of each row that the head reads.
    ///
    /// # Errors
    /// The device failed.
    fn encode(&mut self) -> Result<()>;

    /// Waits until the device has done everything.
    ///
    /// # Errors
    /// The device failed.
    fn synchronise(&self) -> Result<()>;

    /// What the last pass has put out; nothing before the first.
    ///
    /// # Errors
    /// The device failed.
    fn outputs(&self) -> Result<Outputs>;
}

/// Outputs of a pass, on the host: a row for each sequence, or for each token to be guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Class or token with the largest score.
    pub choices: Vec<u32>,
    /// All scores.
    pub logits: Vec<Vec<f32>>,
}
