//! How fast the work was meant to be, and how fast it is.
//!
//! [`TargetFile`] is what `artifacts/targets.toml` holds: bounds that were set before the work began.
//! [`judge`] holds them against the estimates of the sweep that each of them names. A target that was
//! missed is a result and is printed as one.

mod judge;
mod source;

pub use judge::{MeasuredTarget, Outcome, TargetNumber, TargetResult, Targets, judge};
pub use source::{Bound, Gauge, Seen, Target, TargetFile};

#[cfg(test)]
mod tests;
