//! Generation by either composition of the network.
//!
//! Tokens stay on the device until they are asked for, so the host never waits in between.

mod fast;
mod reference;

pub use fast::Fast;
pub use reference::Reference;
