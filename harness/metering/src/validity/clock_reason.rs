//! Why a clock is not where it could be.

use serde::Serialize;

/// Why a clock is below its maximum, from the bits of `nvmlClocksEventReasons` (nvml.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockReason {
    /// Nothing runs.
    Idle,
    /// Clocks that applications asked for.
    ApplicationClocks,
    /// The power limit, by software.
    PowerCap,
    /// Any brake of the hardware.
    HardwareSlowdown,
    /// Several boards move together.
    SyncBoost,
    /// Heat, by software.
    Heat,
    /// Heat, by hardware.
    HardwareHeat,
    /// The power supply's brake.
    PowerBrake,
    /// Clocks of a display.
    Display,
}

impl ClockReason {
    /// Every reason, in the order of the bits.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::ApplicationClocks,
        Self::PowerCap,
        Self::HardwareSlowdown,
        Self::SyncBoost,
        Self::Heat,
        Self::HardwareHeat,
        Self::PowerBrake,
        Self::Display,
    ];

    /// Its bit.
    pub const fn bit(self) -> u64 {
        match self {
            Self::Idle => 0x1,
            Self::ApplicationClocks => 0x2,
            Self::PowerCap => 0x4,
            Self::HardwareSlowdown => 0x8,
            Self::SyncBoost => 0x10,
            Self::Heat => 0x20,
            Self::HardwareHeat => 0x40,
            Self::PowerBrake => 0x80,
            Self::Display => 0x100,
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::ApplicationClocks => "application clocks",
            Self::PowerCap => "power limit",
            Self::HardwareSlowdown => "hardware slowdown",
            Self::SyncBoost => "sync boost",
            Self::Heat => "heat",
            Self::HardwareHeat => "heat (hardware)",
            Self::PowerBrake => "power brake",
            Self::Display => "display clocks",
        }
    }

    /// Whether it makes a run unusable: heat and brakes are what no point asks for, while a board at
    /// its power limit is what some do.
    pub const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::HardwareSlowdown | Self::Heat | Self::HardwareHeat | Self::PowerBrake
        )
    }

    /// Whether it takes speed away that was asked for.
    pub const fn is_throttling(self) -> bool {
        self.is_fault() || matches!(self, Self::PowerCap)
    }

    /// The reasons among bits.
    pub fn among(bits: u64) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |reason| bits & reason.bit() != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_one_reason() {
        let all = ClockReason::ALL
            .iter()
            .fold(0, |bits, reason| bits | reason.bit());
        assert_eq!(all, 0x1ff);
        assert_eq!(
            ClockReason::among(0x24).collect::<Vec<_>>(),
            [ClockReason::PowerCap, ClockReason::Heat]
        );
    }
}
