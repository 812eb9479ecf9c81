//! What the instrument itself costs, and how well it keeps time.
//!
//! [`sampling`] reads a device on the sampler's grid and counts processor time, lateness and missed
//! deadlines; [`slowdown`] runs one piece of work with and without sampling beside it; [`recording`]
//! records a day in virtual time and looks at memory and disk. Each gives a plain result that
//! [`report`] prints.

mod clocks;
pub mod recording;
pub mod report;
pub mod sampling;
pub mod slowdown;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::device::DeviceError;
use crate::store::StoreError;

pub use recording::RecordingCost;
pub use sampling::SamplingCost;
pub use slowdown::Slowdown;

/// The bar that the sampler is held to: every sensor at this rate …
pub const BAR_HZ: u32 = 100;
/// … uses less than this share of one core, in percent.
pub const BAR_CORE_PCT: f64 = 0.5;

/// Everything that was measured of the instrument on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// Name of the device.
    pub device: String,
    /// `measured` or `emulated`: whether the readings mean anything. The costs are real either way.
    pub provenance: String,
    /// By rate.
    pub sampling: Vec<SamplingCost>,
    /// Of work on one core with sampling at [`BAR_HZ`] beside it.
    pub slowdown: Option<Slowdown>,
    /// Of a long recording.
    pub recording: Option<RecordingCost>,
}

impl Overhead {
    /// Whether the bar holds; none where its rate was not measured.
    pub fn meets_bar(&self) -> Option<bool> {
        self.sampling
            .iter()
            .find(|cost| cost.rate_hz == BAR_HZ)
            .map(|cost| cost.core_pct < BAR_CORE_PCT)
    }
}

/// The instrument cannot be measured.
#[derive(Debug, Error)]
pub enum OverheadError {
    /// The device refuses or stopped answering.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The recording cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The times give no interval.
    #[error("the slowdown has no interval: {0}")]
    Statistics(#[from] statistics::error::StatisticsError),
    /// A file of the recording cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
