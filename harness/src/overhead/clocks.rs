//! Processor time, and the memory of this process, as the kernel counts them.

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// Processor time of the calling thread: user and system.
pub(super) fn thread_time() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Nanos::new(seconds * 1_000_000_000 + nanos)
}

/// Largest resident memory of this process so far, in KiB; absent where there is no `/proc`.
pub(super) fn peak_memory_kib() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
}
