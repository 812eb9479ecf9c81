//! The time that calls take on a device: on a GPU, between two events on its stream.

use std::time::Instant;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::sys::CUevent_flags;
use candle_core::{Device, Result};

/// Seconds from the first to the last thing that `work` does on the device.
pub(super) fn seconds(device: &Device, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let Device::Cuda(gpu) = device else {
        let begin = Instant::now();
        work()?;
        return Ok(begin.elapsed().as_secs_f64());
    };
    let stream = gpu.cuda_stream();
    stream.synchronize().w()?;
    let timing = Some(CUevent_flags::CU_EVENT_DEFAULT);
    let begin = stream.record_event(timing).w()?;
    work()?;
    let end = stream.record_event(timing).w()?;
    Ok(f64::from(begin.elapsed_ms(&end).w()?) / 1e3)
}
