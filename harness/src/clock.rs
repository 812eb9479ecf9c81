//! The one clock of a session. The device owns it, so that an emulated device can run in virtual
//! time; nothing in the harness reads another one.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// A monotonic clock that can be waited on.
pub trait Clock {
    /// The present moment.
    fn now(&self) -> Nanos;
    /// Returns at this moment, at once where it has passed.
    fn sleep_until(&self, moment: Nanos);
}

/// `CLOCK_MONOTONIC`, which every process of the machine shares.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicClock;

/// `CLOCK_MONOTONIC` as a moment.
pub fn monotonic_now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Nanos::new(seconds * 1_000_000_000 + nanos)
}

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        monotonic_now()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that waits in real time"
    )]
    fn sleep_until(&self, moment: Nanos) {
        let wait = moment.saturating_sub(self.now());
        if wait > Nanos::new(0) {
            std::thread::sleep(Duration::from_nanos(wait.get()));
        }
    }
}

/// Time that passes only when somebody waits; shared by an emulated device and its worker.
#[derive(Clone, Debug)]
pub struct VirtualClock(Rc<Cell<Nanos>>);

impl VirtualClock {
    /// A clock that stands at the given moment.
    pub fn starting_at(moment: Nanos) -> Self {
        Self(Rc::new(Cell::new(moment)))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Nanos {
        self.0.get()
    }

    fn sleep_until(&self, moment: Nanos) {
        self.0.set(self.0.get().max(moment));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_passes_only_by_waiting_and_never_goes_back() {
        let clock = VirtualClock::starting_at(Nanos::new(5));
        assert_eq!(clock.now(), Nanos::new(5));
        clock.sleep_until(Nanos::new(9));
        clock.sleep_until(Nanos::new(7));
        assert_eq!(clock.now(), Nanos::new(9));
    }

    #[test]
    fn the_monotonic_clock_reaches_the_moment_it_is_asked_for() {
        let clock = MonotonicClock;
        let target = clock.now() + Nanos::from_millis(5);
        clock.sleep_until(target);
        assert!(clock.now() >= target);
    }
}
