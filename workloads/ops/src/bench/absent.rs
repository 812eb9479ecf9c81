//! The time that calls take on the CPU.

use std::time::Instant;

use candle_core::{Device, Result};

/// Seconds from the first to the last thing that `work` does.
pub(super) fn seconds(device: &Device, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    device.synchronize()?;
    Ok(begin.elapsed().as_secs_f64())
}
