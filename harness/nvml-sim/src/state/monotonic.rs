//! The one clock of the emulated machine in real time.

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// This moment on `CLOCK_MONOTONIC`, which all processes of a host share.
///
/// In Python it is `time.monotonic_ns()`.
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).expect("the monotonic clock counts from boot");
    let nanos = u64::try_from(time.tv_nsec).expect("nanoseconds of a second are not negative");
    Nanos::new(seconds * 1_000_000_000 + nanos)
}
