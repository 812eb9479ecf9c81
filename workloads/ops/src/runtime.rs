//! Settings of the device that a process makes once, before it allocates anything.

#[cfg_attr(feature = "cuda", path = "runtime/driver.rs")]
#[cfg_attr(not(feature = "cuda"), path = "runtime/absent.rs")]
mod backend;

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Result};

static OVERLAP: AtomicBool = AtomicBool::new(true);

/// Readies a device; call it right after the device is opened, from the thread that will use it.
///
/// On a GPU: freed memory stays with the process (otherwise each synchronisation gives it back to the
/// driver, and the next step pays for it again), and no events are recorded for each tensor (all
/// work of a process is on one stream, so there is nothing to order). On the CPU: nothing.
///
/// # Errors
/// The driver refused.
pub fn prepare(device: &Device) -> Result<()> {
    backend::prepare(device)
}

/// Bytes of the device's memory that are free, and all of them; `None` for the CPU.
///
/// # Errors
/// The driver refused.
pub fn memory(device: &Device) -> Result<Option<Memory>> {
    backend::memory(device)
}

/// Memory of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that can be allocated.
    pub free_bytes: u64,
    /// All bytes.
    pub total_bytes: u64,
}

/// Whether kernels may begin while the one before still runs.
pub fn overlaps() -> bool {
    OVERLAP.load(Ordering::Relaxed)
}

/// Lets kernels begin while the one before still runs (the default), or not. A recorded step keeps
/// what held when it was recorded.
pub fn set_overlap(overlap: bool) {
    OVERLAP.store(overlap, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_needs_nothing() {
        prepare(&Device::Cpu).unwrap();
        assert_eq!(memory(&Device::Cpu).unwrap(), None);
    }
}
