//! Encoding a batch again and again, by either composition of the network.

mod fast;
mod reference;

pub use fast::Fast;
pub use reference::Reference;
