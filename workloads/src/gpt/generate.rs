//! Generation by either composition of the network.
//!
//! Tokens stay on the device until they are asked for, so the host never waits in between.

mod fast;
mod reference;

use ops::sampling::Sampling;

pub use fast::Fast;
pub use reference::Reference;

/// How the next token is picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pick {
    /// The most likely one.
    Greedy,
    /// A draw, the same for the same seed, row and place.
    Random(Sampling),
}

impl Pick {
    /// A draw with the model's own probabilities.
    pub const fn seeded(seed: u64) -> Self {
        Self::Random(Sampling {
            temperature: 1.0,
            top_k: 0,
            seed,
        })
    }
}
