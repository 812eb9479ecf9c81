//! Everything that can be asked of one card.

/// A part of the chip with a clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Domain {
    Graphics,
    Sm,
    Memory,
    Video,
}

/// Which clock of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClockOf {
    Current,
    Application,
    DefaultApplication,
    Max,
    MaxCustomerBoost,
}

/// Why clocks are below what they could be: one bit of the event reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Idle,
    ApplicationClocks,
    SoftwarePowerCap,
    HardwareSlowdown,
    SyncBoost,
    SoftwareThermal,
    HardwareThermal,
    HardwarePowerBrake,
    DisplayClock,
}

impl Reason {
    /// The bit, as `nvmlClocksEventReason…` of nvml.h gives it.
    pub(crate) fn bit(self) -> u64 {
        match self {
            Self::Idle => 0x1,
            Self::ApplicationClocks => 0x2,
            Self::SoftwarePowerCap => 0x4,
            Self::HardwareSlowdown => 0x8,
            Self::SyncBoost => 0x10,
            Self::SoftwareThermal => 0x20,
            Self::HardwareThermal => 0x40,
            Self::HardwarePowerBrake => 0x80,
            Self::DisplayClock => 0x100,
        }
    }
}

/// Whether the memory repaired an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ErrorKind {
    Corrected,
    Uncorrected,
}

/// Since when errors are counted: since the driver was loaded, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CountedSince {
    Volatile,
    Aggregate,
}

/// Where errors are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ErrorPlace {
    Total,
    DeviceMemory,
    Sram,
}

/// A temperature of the card, or a limit of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TemperatureOf {
    Gpu,
    Memory,
    Shutdown,
    Slowdown,
    GpuMaxOperating,
    MemoryMaxOperating,
    /// Degrees left until the GPU slows down.
    Margin,
    ShutdownMargin,
    SlowdownMargin,
    GpuMaxOperatingMargin,
    MemoryMaxOperatingMargin,
}

/// A limit of the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LimitOf {
    /// What somebody asked for.
    Requested,
    /// What holds now.
    Enforced,
    Default,
    Min,
    Max,
}

/// A power that the card measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PowerOf {
    /// `nvmlDeviceGetPowerUsage`: an average or not, as the chip has it.
    Usage,
    Average,
    Instant,
    MemoryAverage,
    MemoryInstant,
}

/// Device memory, or the window of it that the host sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MemoryOf {
    Total,
    Reserved,
    Used,
    Free,
    WindowTotal,
    WindowUsed,
    WindowFree,
}

/// A unit whose share of busy time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UnitOf {
    Gpu,
    Memory,
    Encoder,
    Decoder,
    Jpeg,
    OpticalFlow,
}

/// One thing that a card can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    Index,
    Name,
    Brand,
    Architecture,
    Serial,
    Uuid,
    MinorNumber,
    Vbios,
    BoardId,
    BoardPartNumber,
    MultiGpuBoard,
    InforomImage,
    BusId,
    PciDomain,
    PciBus,
    PciDevice,
    PciDeviceId,
    PciSubsystemId,
    ComputeCapability,
    DisplayActive,
    Persistence,
    MigCurrent,
    MigPending,
    EccCurrent,
    EccPending,
    ComputeMode,
    AccountingMode,
    AccountingBuffer,
    LinkGenerationCurrent,
    LinkGenerationMax,
    LinkWidthCurrent,
    LinkWidthMax,
    PcieReplays,
    PcieTransmit,
    PcieReceive,
    FanSpeed,
    PerformanceState,
    EventReasons,
    EventReasonsSupported,
    EventReason(Reason),
    /// Time that the clocks were held down for this reason.
    EventTime(Reason),
    Memory(MemoryOf),
    Utilization(UnitOf),
    EccErrors(ErrorKind, CountedSince, ErrorPlace),
    Temperature(TemperatureOf),
    PowerManagement,
    Power(PowerOf),
    Limit(LimitOf),
    Clock(ClockOf, Domain),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_reasons_share_a_bit() {
        let reasons = [
            Reason::Idle,
            Reason::ApplicationClocks,
            Reason::SoftwarePowerCap,
            Reason::HardwareSlowdown,
            Reason::SyncBoost,
            Reason::SoftwareThermal,
            Reason::HardwareThermal,
            Reason::HardwarePowerBrake,
            Reason::DisplayClock,
        ];
        let all = reasons.iter().fold(0, |bits, reason| bits | reason.bit());
        assert_eq!(all, 0x1FF);
    }
}
