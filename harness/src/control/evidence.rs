//! Whether the multiprocessor clock was locked before us. NVML sets and resets a lock of the clock
//! and has no call that reads it, so this is inferred, and where it cannot be, asked for.

use std::fmt;

use super::ClockRange;

/// What the driver shows that a lock would explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockEvidence {
    /// The clock of the idle GPU in MHz, where nothing runs on it; `None` where something does.
    pub idle_clock_mhz: Option<u32>,
    /// The lowest clock that the board supports, in MHz: where an idle, free GPU goes.
    pub idle_floor_mhz: Option<u32>,
    /// Whether the driver says that user-defined clocks hold the GPU back, although the clocks of
    /// applications are the default ones.
    pub user_clocks_limit: bool,
}

impl LockEvidence {
    /// Whether somebody seems to have locked the clock. An upper bound alone does not show on an
    /// idle GPU; `docs/control.md` says so.
    pub fn speaks_for_a_lock(&self) -> bool {
        self.is_above_the_floor() || self.user_clocks_limit
    }

    fn is_above_the_floor(&self) -> bool {
        matches!((self.idle_clock_mhz, self.idle_floor_mhz), (Some(clock), Some(floor)) if clock > floor)
    }
}

impl fmt::Display for LockEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(clock), Some(floor), true) = (
            self.idle_clock_mhz,
            self.idle_floor_mhz,
            self.is_above_the_floor(),
        ) {
            return write!(
                f,
                "idle, it runs at {clock} MHz, and {floor} MHz is its lowest clock"
            );
        }
        f.write_str("the driver says that user-defined clocks hold it back")
    }
}

/// What is known of the lock before the first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorLock {
    /// The user said so: a range, or none.
    Stated(Option<ClockRange>),
    /// A ledger that was replayed a moment ago said so.
    Replayed(Option<ClockRange>),
    /// Nobody said anything.
    Unstated,
}

impl PriorLock {
    /// The lock that will be given back; the evidence where it speaks against "none" and nobody
    /// said better.
    pub fn settle(self, evidence: &LockEvidence) -> Result<Option<ClockRange>, LockEvidence> {
        match self {
            Self::Stated(lock) | Self::Replayed(lock) => Ok(lock),
            Self::Unstated if evidence.speaks_for_a_lock() => Err(*evidence),
            Self::Unstated => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle_at(clock: u32) -> LockEvidence {
        LockEvidence {
            idle_clock_mhz: Some(clock),
            idle_floor_mhz: Some(345),
            user_clocks_limit: false,
        }
    }

    #[test]
    fn an_idle_gpu_at_its_floor_is_free() {
        assert_eq!(PriorLock::Unstated.settle(&idle_at(345)), Ok(None));
        // Some boards idle below the clocks that they list.
        assert_eq!(PriorLock::Unstated.settle(&idle_at(210)), Ok(None));
        let busy = LockEvidence {
            idle_clock_mhz: None,
            ..idle_at(0)
        };
        assert_eq!(PriorLock::Unstated.settle(&busy), Ok(None));
    }

    #[test]
    fn what_speaks_for_a_lock_is_refused_unless_somebody_says_which() {
        let locked = idle_at(1_005);
        assert_eq!(PriorLock::Unstated.settle(&locked), Err(locked));
        let limited = LockEvidence {
            user_clocks_limit: true,
            ..idle_at(345)
        };
        assert_eq!(PriorLock::Unstated.settle(&limited), Err(limited));
        let range = "1005,1500".parse().ok();
        assert_eq!(PriorLock::Stated(range).settle(&locked), Ok(range));
        assert_eq!(PriorLock::Replayed(range).settle(&locked), Ok(range));
        assert_eq!(PriorLock::Stated(None).settle(&locked), Ok(None));
    }

    #[test]
    fn the_evidence_is_told() {
        assert_eq!(
            idle_at(1_005).to_string(),
            "idle, it runs at 1005 MHz, and 345 MHz is its lowest clock"
        );
    }
}
