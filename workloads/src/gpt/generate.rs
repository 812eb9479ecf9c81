//! Greedy generation in two phases, by either composition of the network.
//!
//! Prefill reads the prompt and yields the first token; each of the `decode_tokens` steps that
//! follow reads one token and yields the next. Tokens stay on the device until both are over, so
//! the host never waits in between.

mod fast;
mod reference;

use candle_core::Result;

pub use fast::Fast;
pub use reference::Reference;

/// A prompt, and the room to continue it again and again.
pub trait Generator {
    /// Forgets what was generated.
    ///
    /// # Errors
    /// The device is out of memory.
    fn restart(&mut self) -> Result<()>;

    /// Reads the prompt and picks the first token.
    ///
    /// # Errors
    /// The device failed.
    fn prefill(&mut self) -> Result<()>;

    /// Takes all steps that follow the prefill.
    ///
    /// # Errors
    /// The device failed.
    fn decode(&mut self) -> Result<()>;

    /// Waits until the device has done everything.
    ///
    /// # Errors
    /// The device failed.
    fn synchronise(&self) -> Result<()>;

    /// What has been put out since the last start.
    ///
    /// # Errors
    /// The device failed.
    fn outputs(&self) -> Result<Outputs>;
}

/// Outputs of a generation, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Token ids of each sequence: the one from the prefill, then one for each step.
    pub tokens: Vec<Vec<u32>>,
    /// Logits that the last token of each sequence was picked from.
    pub last_logits: Vec<Vec<f32>>,
}
