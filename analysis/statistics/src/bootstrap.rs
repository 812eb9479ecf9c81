//! Intervals by resampling: the data stand in for the law they came from.
//!
//! Bootstrap-t is the one for means of skewed runs. Percentile, basic and `BCa` intervals cover too
//! little in small samples and are refused there. Blocks are for series whose neighbours correlate.
//! Every function takes a [`Resampling`], which holds the seed; the values are sorted first (except
//! where their order is the point), so that neither their order nor the number of threads changes a
//! bit of the result.

mod blocks;
mod percentile;
mod resample;
mod studentised;

pub use blocks::{BlockScheme, block_bootstrap};
pub use percentile::{
    PERCENTILE_FROM_N, SampleFloor, acceleration, basic, basic_bounds, bca, bca_bounds, percentile,
    percentile_bounds,
};
pub use resample::{RESAMPLES, Resampling, Threads};
pub use studentised::{BootstrapT, Studentised, bootstrap_t, bootstrap_t_log};
