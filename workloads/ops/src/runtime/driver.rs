//! Settings of a GPU, through the CUDA driver.

#![allow(unsafe_code, reason = "the driver's own interface is C")]

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{Device, Result};

use super::Memory;

pub(super) fn prepare(device: &Device) -> Result<()> {
    let Device::Cuda(gpu) = device else {
        return Ok(());
    };
    // SAFETY: all tensors of this process live on the one stream of `device`, so there is nothing
    // to order across streams.
    unsafe {
        gpu.disable_event_tracking();
    }
    let mut threshold_bytes = u64::MAX;
    let stream = gpu.cuda_stream();
    // SAFETY: the handle is that of a live context, and the attribute takes a pointer to a u64
    // that it reads before the call returns.
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device()).w()?;
        result::mem_pool::set_attribute(
            pool,
            sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            std::ptr::from_mut(&mut threshold_bytes).cast(),
        )
        .w()
    }
}

pub(super) fn memory(device: &Device) -> Result<Option<Memory>> {
    let Device::Cuda(gpu) = device else {
        return Ok(None);
    };
    gpu.cuda_stream().context().bind_to_thread().w()?;
    let (free, total) = result::mem_get_info().w()?;
    Ok(Some(Memory {
        free_bytes: free as u64,
        total_bytes: total as u64,
    }))
}
