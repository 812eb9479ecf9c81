//! Settings of the device that a process makes once.

use std::sync::atomic::{AtomicBool, Ordering};

static OVERLAP: AtomicBool = AtomicBool::new(true);

/// Whether kernels may begin while the one before still runs.
pub fn overlaps() -> bool {
    OVERLAP.load(Ordering::Relaxed)
}

/// Lets kernels begin while the one before still runs (the default), or not.
pub fn set_overlap(overlap: bool) {
    OVERLAP.store(overlap, Ordering::Relaxed);
}
