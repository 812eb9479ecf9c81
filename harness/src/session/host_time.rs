//! Whether the host slept or its wall clock was set while a run was taken. Both leave the monotonic
//! clock as it is, and both make the record of the run something else than it seems.

use model::reason::RunFault;
use model::trace::Fault;
use rustix::time::{ClockId, clock_gettime};

use super::fault;

/// Longest sleep that goes unnoticed: what reading two clocks one after the other may take.
const SUSPENDED_S: f64 = 0.1;
/// Largest step of the wall clock that goes unnoticed.
const STEPPED_S: f64 = 0.1;
/// How fast a wall clock that is being slewed may run away from the monotonic one, by Linux's own
/// limit on `adjtime`: 500 parts in a million.
const SLEW: f64 = 500e-6;

/// The host's clocks at one moment, in seconds from their origins.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostTime {
    /// Stands still while the host sleeps.
    monotonic_s: f64,
    /// Goes on while the host sleeps.
    boot_s: f64,
    /// Can be set.
    wall_s: f64,
}

impl HostTime {
    pub(super) fn now() -> Self {
        Self {
            monotonic_s: seconds(ClockId::Monotonic),
            boot_s: seconds(ClockId::Boottime),
            wall_s: seconds(ClockId::Realtime),
        }
    }

    /// What happened from an earlier moment to this one.
    pub(super) fn faults_since(&self, earlier: &Self) -> Vec<Fault> {
        let passed_s = self.monotonic_s - earlier.monotonic_s;
        let slept_s = self.boot_s - earlier.boot_s - passed_s;
        let mut faults = Vec::new();
        if slept_s > SUSPENDED_S {
            faults.push(fault(
                RunFault::HostSuspended,
                format!("the host slept for {slept_s:.1} s of the run"),
            ));
        }
        let stepped_s = self.wall_s - earlier.wall_s - (self.boot_s - earlier.boot_s);
        if stepped_s.abs() > STEPPED_S + SLEW * passed_s {
            faults.push(fault(
                RunFault::ClockStepped,
                format!("the wall clock was set by {stepped_s:+.3} s during the run"),
            ));
        }
        faults
    }
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 leave 2^-22 s, far below the thresholds"
    )]
    let (whole, fraction) = (time.tv_sec as f64, time.tv_nsec as f64);
    whole + fraction / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: HostTime = HostTime {
        monotonic_s: 1_000.0,
        boot_s: 1_500.0,
        wall_s: 1_700_000_000.0,
    };

    fn codes(passed_s: f64, slept_s: f64, stepped_s: f64) -> Vec<RunFault> {
        let end = HostTime {
            monotonic_s: BEGIN.monotonic_s + passed_s,
            boot_s: BEGIN.boot_s + passed_s + slept_s,
            wall_s: BEGIN.wall_s + passed_s + slept_s + stepped_s,
        };
        end.faults_since(&BEGIN)
            .into_iter()
            .map(|fault| fault.fault)
            .collect()
    }

    #[test]
    fn sleep_and_steps_are_told_apart() {
        assert_eq!(codes(60.0, 0.0, 0.0), []);
        assert_eq!(codes(60.0, 5.0, 0.0), [RunFault::HostSuspended]);
        assert_eq!(codes(60.0, 0.0, -0.5), [RunFault::ClockStepped]);
        assert_eq!(
            codes(60.0, 30.0, 3_600.0),
            [RunFault::HostSuspended, RunFault::ClockStepped]
        );
    }

    #[test]
    fn a_clock_that_is_slewed_is_not_set() {
        assert_eq!(codes(600.0, 0.0, 0.3), []);
        assert_eq!(codes(600.0, 0.0, 0.5), [RunFault::ClockStepped]);
    }

    #[test]
    fn nothing_happens_in_no_time() {
        let now = HostTime::now();
        assert_eq!(HostTime::now().faults_since(&now), []);
    }
}
