//! What the formatters need of a card and of the machine around it. The rim that talks to NVML
//! implements it; so does a fixed card in the tests.

use crate::control::Setting;
use crate::exit::Failure;
use crate::item::Item;
use crate::value::{Reading, Value};

/// A process that uses a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// As the driver knows it; the reason where it does not.
    pub(crate) name: Result<String, Failure>,
    pub(crate) used_memory: Reading,
    /// Share of time on the SMs and on the memory, where the driver keeps it.
    pub(crate) sm_percent: Option<u32>,
    pub(crate) memory_percent: Option<u32>,
}

/// A ring buffer of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesOf {
    Power,
    GpuUtilization,
    MemoryUtilization,
    EncoderUtilization,
    DecoderUtilization,
    SmClock,
    MemoryClock,
}

/// Readings out of a ring buffer, oldest first: microseconds and the value in the driver's unit.
pub(crate) type Series = Vec<(u64, u64)>;

/// One GPU, to be read.
pub(crate) trait Card {
    /// One value, read now.
    fn read(&self, item: Item) -> Reading;

    /// The processes with a compute context.
    fn processes(&self) -> Result<Vec<Process>, Failure>;

    /// The memory clocks that can be chosen, in MHz, highest first.
    fn memory_clocks_mhz(&self) -> Result<Vec<u32>, Failure>;

    /// The graphics clocks that can be chosen with this memory clock, in MHz, highest first.
    fn graphics_clocks_mhz(&self, memory_mhz: u32) -> Result<Vec<u32>, Failure>;

    /// What a ring buffer of the driver holds.
    fn series(&self, of: SeriesOf) -> Result<Series, Failure>;

    /// Changes a setting.
    fn set(&mut self, setting: Setting) -> Result<(), Failure>;

    /// A value as text, or the word for its absence.
    fn text(&self, item: Item) -> String {
        match self.read(item) {
            Ok(value) => value.bare(),
            Err(failure) => failure.words().to_owned(),
        }
    }

    /// Whether a switch is on; `None` where the card has no such switch.
    fn is_on(&self, item: Item) -> Option<bool> {
        match self.read(item) {
            Ok(Value::Switch(_, on)) => Some(on),
            _ => None,
        }
    }
}

/// The machine around the cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct System {
    pub(crate) driver_version: String,
    /// As NVML gives it: 1000 x major + 10 x minor.
    pub(crate) cuda_version: i32,
    pub(crate) nvml_version: String,
    /// Cards in the machine, chosen or not.
    pub(crate) count: u32,
}

/// The driver series from which the log has wider columns and the table a plus in its third line.
/// Both were seen: 570.124.06 with the old layout, 580.159.04 with the new one.
const WIDE_LAYOUT_SINCE: u32 = 580;

impl System {
    /// `13.0`
    pub(crate) fn cuda_version(&self) -> String {
        format!(
            "{}.{}",
            self.cuda_version / 1000,
            self.cuda_version % 1000 / 10
        )
    }

    /// Whether this driver comes with the newer layout.
    pub(crate) fn has_wide_layout(&self) -> bool {
        self.driver_version
            .split('.')
            .next()
            .and_then(|series| series.parse::<u32>().ok())
            .is_some_and(|series| series >= WIDE_LAYOUT_SINCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(driver_version: &str, cuda_version: i32) -> System {
        System {
            driver_version: driver_version.to_owned(),
            cuda_version,
            nvml_version: String::new(),
            count: 1,
        }
    }

    #[test]
    fn the_cuda_version_is_split_at_the_thousands() {
        assert_eq!(system("580", 13_000).cuda_version(), "13.0");
        assert_eq!(system("570", 12_080).cuda_version(), "12.8");
    }

    #[test]
    fn the_layout_follows_the_driver() {
        assert!(system("580.159.04", 0).has_wide_layout());
        assert!(!system("570.124.06", 0).has_wide_layout());
        assert!(!system("unknown", 0).has_wide_layout());
    }
}
