//! Sentences with a test, and what the data say to them.
//!
//! [`ClaimFile`] is what `artifacts/claims.toml` holds, [`judge`] holds it against the estimates,
//! [`Verdict`] is the outcome. A refuted claim is a result and is printed as one.

mod emulated;
mod evidence;
mod judge;
mod source;
mod verdict;

pub use evidence::Findings;
pub use judge::{CLAIMS_SCHEMA, ClaimResult, Claims, Evidence, judge};
pub use source::{Claim, ClaimFile, ClaimTest, Level, OptimumMetric, PaperValue, TruthQuantity};
pub use verdict::{Bounds, Criterion, Verdict};

#[cfg(test)]
mod tests;
