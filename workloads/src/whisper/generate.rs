//! Transcripts, by either composition of the network.

mod fast;
mod reference;

pub use fast::Fast;
pub use reference::Reference;

/// Phase that hears the sound and reads the prompt.
pub const ENCODE: &str = "encode";
