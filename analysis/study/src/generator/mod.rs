//! Simulated energies: E = μ·exp(block + run + drift(t) + AR1(φ)), with the shapes, drifts and the
//! counter of the study's cells.

mod conditions;
mod drift;
mod session;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use conditions::{Autoregression, count, log_deviation};
pub use conditions::{Conditions, Counter, Split};
pub use drift::Drift;
pub use session::{Order, Session};
pub use shape::Shape;
