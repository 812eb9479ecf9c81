//! The one clock that harness and worker share.

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// A source of moments; the binary uses [`monotonic`], tests count.
pub type Clock = fn() -> Nanos;

/// Now on `CLOCK_MONOTONIC`.
///
/// # Panics
/// Never: the kernel counts this clock up from zero.
pub fn monotonic() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).expect("the monotonic clock counts up from boot");
    let nanos = u64::try_from(now.tv_nsec).expect("a timespec has 0 to 999999999 ns");
    Nanos::new(seconds * 1_000_000_000 + nanos)
}
