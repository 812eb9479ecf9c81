//! What of a GPU can be changed, what of that can be read, and the trait that does both.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::units::{Megahertz, Milliwatts};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::LockEvidence;

/// A setting that the harness may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// The range that the multiprocessor clock is locked to.
    SmClock,
    /// The power limit of the board.
    PowerLimit,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SmClock => "the SM clock",
            Self::PowerLimit => "the power limit",
        })
    }
}

/// A range that a clock is locked to, in MHz; the lower end is not above the higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u32; 2]", into = "[u32; 2]")]
pub struct ClockRange {
    min_mhz: u32,
    max_mhz: u32,
}

impl ClockRange {
    /// One clock and no other.
    pub const fn exactly(clock: Megahertz) -> Self {
        Self {
            min_mhz: clock.get(),
            max_mhz: clock.get(),
        }
    }

    /// Lowest clock in MHz.
    pub const fn min_mhz(self) -> u32 {
        self.min_mhz
    }

    /// Highest clock in MHz.
    pub const fn max_mhz(self) -> u32 {
        self.max_mhz
    }
}

impl TryFrom<[u32; 2]> for ClockRange {
    type Error = String;

    fn try_from([min_mhz, max_mhz]: [u32; 2]) -> Result<Self, String> {
        if min_mhz == 0 || min_mhz > max_mhz {
            return Err(format!(
                "clocks {min_mhz},{max_mhz}: expected the lower one above 0 and not above the higher one"
            ));
        }
        Ok(Self { min_mhz, max_mhz })
    }
}

impl From<ClockRange> for [u32; 2] {
    fn from(range: ClockRange) -> Self {
        [range.min_mhz, range.max_mhz]
    }
}

/// `MIN,MAX` in MHz, as `nvidia-smi --lock-gpu-clocks` takes them.
impl FromStr for ClockRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.trim().parse::<u32>().ok();
        let ends = text
            .split_once(',')
            .and_then(|(low, high)| Some([number(low)?, number(high)?]))
            .ok_or_else(|| format!("'{text}': expected MIN,MAX in MHz, for example 1005,1500"))?;
        Self::try_from(ends)
    }
}

impl fmt::Display for ClockRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} MHz", self.min_mhz, self.max_mhz)
    }
}

/// Clocks that applications run at where nothing else is asked for, in MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationClocks {
    /// Of the memory.
    pub memory_mhz: u32,
    /// Of the multiprocessors.
    pub sm_mhz: u32,
}

/// Settings that the driver tells; `None` where this board or driver does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readable {
    /// The power limit that was set.
    pub power_limit: Option<Milliwatts>,
    /// The clocks of applications.
    pub application_clocks: Option<ApplicationClocks>,
    /// Whether the driver stays loaded without clients.
    pub persistence: Option<bool>,
}

/// The state of a GPU before the first change: what is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// The lock of the multiprocessor clock; `None` where it was free.
    pub sm_clock_lock: Option<ClockRange>,
    /// Power limit in mW; `None` where it cannot be read, and then it is never changed.
    pub power_limit_mw: Option<u64>,
    /// Clocks of applications. The harness never changes them; kept as evidence.
    pub application_clocks: Option<ApplicationClocks>,
    /// Persistence mode. The harness never changes it; kept as evidence.
    pub persistence: Option<bool>,
}

impl Prior {
    /// What was read, with the lock, which cannot be read.
    pub fn of(readable: &Readable, sm_clock_lock: Option<ClockRange>) -> Self {
        Self {
            sm_clock_lock,
            power_limit_mw: readable.power_limit.map(Milliwatts::get),
            application_clocks: readable.application_clocks,
            persistence: readable.persistence,
        }
    }

    /// The first of these settings that could not be given back, since it cannot be read.
    pub fn unknown_among(&self, touches: &BTreeSet<Setting>) -> Option<Setting> {
        let unknown = touches.contains(&Setting::PowerLimit) && self.power_limit_mw.is_none();
        unknown.then_some(Setting::PowerLimit)
    }
}

/// The settings of one GPU. Implementations do what they are told and keep no state.
pub trait Knobs: Send {
    /// Settings that can be read.
    ///
    /// # Errors
    /// Where the device no longer answers. A setting that the board lacks is `None`.
    fn read(&mut self) -> Result<Readable, KnobError>;

    /// What speaks for a lock of the multiprocessor clock, which no call can read.
    ///
    /// # Errors
    /// Where the device no longer answers.
    fn lock_evidence(&mut self) -> Result<LockEvidence, KnobError>;

    /// Locks the multiprocessor clock.
    ///
    /// # Errors
    /// Where the driver refuses.
    fn lock_sm_clock(&mut self, range: ClockRange) -> Result<(), KnobError>;

    /// Frees the multiprocessor clock.
    ///
    /// # Errors
    /// Where the driver refuses.
    fn free_sm_clock(&mut self) -> Result<(), KnobError>;

    /// Sets the power limit.
    ///
    /// # Errors
    /// Where the driver refuses.
    fn set_power_limit(&mut self, limit: Milliwatts) -> Result<(), KnobError>;
}

/// Why the driver did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KnobError {
    /// This process may not.
    #[error("{call}: no permission")]
    NoPermission {
        /// Name of the call.
        call: &'static str,
    },
    /// Everything else.
    #[error("{call}: {reason}")]
    Refused {
        /// Name of the call.
        call: &'static str,
        /// What the driver said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_clocks_in_order() {
        let range: ClockRange = "1005, 1500".parse().unwrap();
        assert_eq!((range.min_mhz(), range.max_mhz()), (1_005, 1_500));
        assert_eq!(range.to_string(), "1005 to 1500 MHz");
        for bad in ["", "1005", "1500,1005", "0,1500", "a,b", "1,2,3", "-1,5"] {
            assert!(bad.parse::<ClockRange>().is_err(), "{bad} must be refused");
        }
        assert!(serde_json::from_str::<ClockRange>("[9,8]").is_err());
    }

    #[test]
    fn a_setting_that_cannot_be_read_cannot_be_given_back() {
        let prior = Prior::of(&Readable::default(), None);
        assert_eq!(prior.unknown_among(&[Setting::SmClock].into()), None);
        let both = [Setting::SmClock, Setting::PowerLimit].into();
        assert_eq!(prior.unknown_among(&both), Some(Setting::PowerLimit));
    }
}
