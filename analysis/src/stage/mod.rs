//! The arrows of the flow from folder to folder. Each stage reads the files of the one before it
//! and can be run again on its own; what it writes depends on their bytes alone.
//!
//! [`analyze`] → [`claims`] and [`targets`] → [`tables`] and [`numbers`].

mod analyze;
mod exclusion;
mod layout;
mod publish;
mod roles;
mod summary;

pub use analyze::{Progress, analyze, analyze_with};
pub use exclusion::{Exclusion, read_exclusions};
pub use layout::Layout;
pub use publish::{
    claims, numbers, read_claims, read_estimates, read_sensors, read_summary, read_targets, tables,
    targets,
};
pub use summary::{AnalyzeSummary, SweepSummary};

#[cfg(test)]
mod tests;
