//! Intervals, tests, resampling and the rules of the protocol: pure, seeded, without files or clocks.
//!
//! Slices go in, values come out. Every interval is an [`interval::Interval`], which carries its
//! level, its method and the number of values behind it; whatever cannot be computed is a
//! [`error::StatisticsError`] that says what was expected. Results do not depend on the order of the
//! values, on the machine's mathematics library or on the number of threads.
//!
//! Start at [`location`] for one configuration, [`ratio`] for two, [`equivalence`] for a claim.

pub mod autocorrelation;
pub mod batch;
pub mod blocks;
pub mod bootstrap;
pub mod changepoint;
pub mod conformal;
pub mod distribution;
pub mod draws;
pub mod effect;
pub mod equivalence;
pub mod error;
pub mod frechet;
pub mod gaussian_process;
pub mod interval;
pub mod kernel_distance;
pub mod likelihood;
pub mod linear;
pub mod location;
pub mod moments;
pub mod multiplicity;
pub mod pareto;
pub mod proportion;
pub mod quantile;
pub mod ratio;
pub mod regression;
pub mod selection;
pub mod sequential;
pub mod steady_state;
pub mod sum;
pub mod test;
pub mod uncertainty;
pub mod variance;
