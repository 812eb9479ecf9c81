//! Values with intervals.
//!
//! A run is the unit of replication. One point: geometric mean over its runs with a t interval on
//! the logarithms. Two points: the paired log ratio by block, which removes whatever a block has
//! in common (temperature, time of day). Where the runs of a point are skewed or many, a
//! bootstrap-t interval stands beside the t interval. Start with [`estimates_of`].

mod companion;
mod compare;
mod group;
mod interval;
mod metric;
mod peer;
mod record;

pub use companion::BootstrapRecord;
pub use compare::comparisons_of;
pub use group::estimates_of;
pub use interval::{
    Estimate, Interval, LEVEL, Method, NoInterval, Unusable, geometric_mean, line_slope, mean,
    paired_ratio, two_stage_ratio,
};
pub use metric::Metric;
pub use record::{
    ComparisonRecord, ESTIMATES_SCHEMA, EstimateRecord, Estimates, MissingRecord, round_for_record,
};

#[cfg(test)]
mod role_tests;
