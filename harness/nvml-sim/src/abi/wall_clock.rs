//! The date, which NVML puts on samples and field values.

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// How far `CLOCK_REALTIME` is ahead of `CLOCK_MONOTONIC`. It is taken once for a session, so that
/// one sample keeps one timestamp whenever it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    ahead_ns: i128,
}

impl WallClock {
    /// The difference as it is now.
    pub(super) fn now() -> Self {
        let nanoseconds = |clock| {
            let time = clock_gettime(clock);
            i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
        };
        Self {
            ahead_ns: nanoseconds(ClockId::Realtime) - nanoseconds(ClockId::Monotonic),
        }
    }

    /// A moment as microseconds since 1970.
    pub(super) fn micros(self, at: Nanos) -> u64 {
        let micros = (i128::from(at.get()) + self.ahead_ns) / 1_000;
        u64::try_from(micros).unwrap_or_default()
    }
}
