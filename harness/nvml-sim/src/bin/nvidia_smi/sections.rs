//! The sections of the log, and what stands in each. Order and labels are those of driver
//! 580.159.04 on an H100; what this tool cannot read is left out rather than invented.

use crate::card::{Card, SeriesOf};
use crate::exit::Failure;
use crate::item::{
    ClockOf, CountedSince, Domain, ErrorKind, ErrorPlace, Item, LimitOf, MemoryOf, PowerOf, Reason,
    TemperatureOf, UnitOf,
};
use crate::log::Log;
use crate::samples;

/// A part of the log that `-d` can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Performance,
    Memory,
    Compute,
    Utilization,
    Ecc,
    Temperature,
    Power,
    Clock,
    SupportedClocks,
    Pids,
}

impl Section {
    /// Every section with its word for `-d`, in the order of the log.
    pub(crate) const ALL: [(&'static str, Self); 10] = [
        ("PERFORMANCE", Self::Performance),
        ("MEMORY", Self::Memory),
        ("COMPUTE", Self::Compute),
        ("UTILIZATION", Self::Utilization),
        ("ECC", Self::Ecc),
        ("TEMPERATURE", Self::Temperature),
        ("POWER", Self::Power),
        ("CLOCK", Self::Clock),
        ("SUPPORTED_CLOCKS", Self::SupportedClocks),
        ("PIDS", Self::Pids),
    ];

    /// The section with this word; upper and lower case are the same.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(known, section)| known.eq_ignore_ascii_case(word).then_some(section))
    }
}

/// Writes the chosen sections of one card; without a choice all of them, and its identity. The
/// ring buffers and the long list of clocks are only shown where they are asked for.
pub(crate) fn write(log: &mut Log, card: &dyn Card, chosen: &[Section]) {
    let full = chosen.is_empty();
    if full {
        identity(log, card);
    }
    for (_, section) in Section::ALL {
        if full && section != Section::SupportedClocks || chosen.contains(&section) {
            match section {
                Section::Performance => performance(log, card),
                Section::Memory => memory(log, card),
                Section::Compute => log.item(1, "Compute Mode", card, Item::ComputeMode),
                Section::Utilization => utilization(log, card, !full),
                Section::Ecc => ecc(log, card),
                Section::Temperature => temperature(log, card),
                Section::Power => power(log, card, !full),
                Section::Clock => clocks(log, card, !full),
                Section::SupportedClocks => supported_clocks(log, card),
                Section::Pids => processes(log, card),
            }
        }
    }
}

fn identity(log: &mut Log, card: &dyn Card) {
    for (label, item) in [
        ("Product Name", Item::Name),
        ("Product Brand", Item::Brand),
        ("Product Architecture", Item::Architecture),
        ("Display Active", Item::DisplayActive),
        ("Persistence Mode", Item::Persistence),
    ] {
        log.item(1, label, card, item);
    }
    log.heading(1, "MIG Mode");
    log.item(2, "Current", card, Item::MigCurrent);
    log.item(2, "Pending", card, Item::MigPending);
    for (label, item) in [
        ("Accounting Mode", Item::AccountingMode),
        ("Accounting Mode Buffer Size", Item::AccountingBuffer),
        ("Serial Number", Item::Serial),
        ("GPU UUID", Item::Uuid),
        ("Minor Number", Item::MinorNumber),
        ("VBIOS Version", Item::Vbios),
        ("MultiGPU Board", Item::MultiGpuBoard),
        ("Board ID", Item::BoardId),
        ("Board Part Number", Item::BoardPartNumber),
    ] {
        log.item(1, label, card, item);
    }
    log.heading(1, "Inforom Version");
    log.item(2, "Image Version", card, Item::InforomImage);
    log.heading(1, "PCI");
    for (label, item) in [
        ("Bus", Item::PciBus),
        ("Device", Item::PciDevice),
        ("Domain", Item::PciDomain),
        ("Device Id", Item::PciDeviceId),
        ("Bus Id", Item::BusId),
        ("Sub System Id", Item::PciSubsystemId),
    ] {
        log.item(2, label, card, item);
    }
    log.heading(2, "GPU Link Info");
    log.heading(3, "PCIe Generation");
    log.item(4, "Max", card, Item::LinkGenerationMax);
    log.item(4, "Current", card, Item::LinkGenerationCurrent);
    log.heading(3, "Link Width");
    log.item(4, "Max", card, Item::LinkWidthMax);
    log.item(4, "Current", card, Item::LinkWidthCurrent);
    log.item(2, "Replays Since Reset", card, Item::PcieReplays);
    log.item(2, "Tx Throughput", card, Item::PcieTransmit);
    log.item(2, "Rx Throughput", card, Item::PcieReceive);
    log.item(1, "Fan Speed", card, Item::FanSpeed);
}

fn performance(log: &mut Log, card: &dyn Card) {
    log.item(1, "Performance State", card, Item::PerformanceState);
    log.heading(1, "Clocks Event Reasons");
    for (level, label, reason) in [
        (2, "Idle", Reason::Idle),
        (2, "Applications Clocks Setting", Reason::ApplicationClocks),
        (2, "SW Power Cap", Reason::SoftwarePowerCap),
        (2, "HW Slowdown", Reason::HardwareSlowdown),
        (3, "HW Thermal Slowdown", Reason::HardwareThermal),
        (3, "HW Power Brake Slowdown", Reason::HardwarePowerBrake),
        (2, "Sync Boost", Reason::SyncBoost),
        (2, "SW Thermal Slowdown", Reason::SoftwareThermal),
        (2, "Display Clock Setting", Reason::DisplayClock),
    ] {
        log.item(level, label, card, Item::EventReason(reason));
    }
    log.heading(1, "Clocks Event Reasons Counters");
    for (label, reason) in [
        ("SW Power Capping", Reason::SoftwarePowerCap),
        ("Sync Boost", Reason::SyncBoost),
        ("SW Thermal Slowdown", Reason::SoftwareThermal),
        ("HW Thermal Slowdown", Reason::HardwareThermal),
        ("HW Power Braking", Reason::HardwarePowerBrake),
    ] {
        log.item(2, label, card, Item::EventTime(reason));
    }
}

fn memory(log: &mut Log, card: &dyn Card) {
    log.heading(1, "FB Memory Usage");
    for (label, of) in [
        ("Total", MemoryOf::Total),
        ("Reserved", MemoryOf::Reserved),
        ("Used", MemoryOf::Used),
        ("Free", MemoryOf::Free),
    ] {
        log.item(2, label, card, Item::Memory(of));
    }
    log.heading(1, "BAR1 Memory Usage");
    for (label, of) in [
        ("Total", MemoryOf::WindowTotal),
        ("Used", MemoryOf::WindowUsed),
        ("Free", MemoryOf::WindowFree),
    ] {
        log.item(2, label, card, Item::Memory(of));
    }
}

fn utilization(log: &mut Log, card: &dyn Card, with_samples: bool) {
    log.heading(1, "Utilization");
    for (label, of) in [
        ("GPU", UnitOf::Gpu),
        ("Memory", UnitOf::Memory),
        ("Encoder", UnitOf::Encoder),
        ("Decoder", UnitOf::Decoder),
        ("JPEG", UnitOf::Jpeg),
        ("OFA", UnitOf::OpticalFlow),
    ] {
        log.item(2, label, card, Item::Utilization(of));
    }
    if with_samples {
        for (label, of) in [
            ("GPU Utilization Samples", SeriesOf::GpuUtilization),
            ("Memory Utilization Samples", SeriesOf::MemoryUtilization),
            ("ENC Utilization Samples", SeriesOf::EncoderUtilization),
            ("DEC Utilization Samples", SeriesOf::DecoderUtilization),
        ] {
            samples::write(log, label, card, of);
        }
    }
}

fn ecc(log: &mut Log, card: &dyn Card) {
    log.heading(1, "ECC Mode");
    log.item(2, "Current", card, Item::EccCurrent);
    log.item(2, "Pending", card, Item::EccPending);
    log.heading(1, "ECC Errors");
    for (label, since) in [
        ("Volatile", CountedSince::Volatile),
        ("Aggregate", CountedSince::Aggregate),
    ] {
        log.heading(2, label);
        for (label, kind, place) in [
            ("SRAM Correctable", ErrorKind::Corrected, ErrorPlace::Sram),
            (
                "SRAM Uncorrectable",
                ErrorKind::Uncorrected,
                ErrorPlace::Sram,
            ),
            (
                "DRAM Correctable",
                ErrorKind::Corrected,
                ErrorPlace::DeviceMemory,
            ),
            (
                "DRAM Uncorrectable",
                ErrorKind::Uncorrected,
                ErrorPlace::DeviceMemory,
            ),
        ] {
            log.item(3, label, card, Item::EccErrors(kind, since, place));
        }
    }
}

/// A card that knows how far it is from its limits shows that; an older one shows the limits.
fn temperature(log: &mut Log, card: &dyn Card) {
    let margins: &[(&str, TemperatureOf)] = &[
        ("GPU T.Limit Temp", TemperatureOf::Margin),
        ("GPU Shutdown T.Limit Temp", TemperatureOf::ShutdownMargin),
        ("GPU Slowdown T.Limit Temp", TemperatureOf::SlowdownMargin),
        (
            "GPU Max Operating T.Limit Temp",
            TemperatureOf::GpuMaxOperatingMargin,
        ),
        ("Memory Current Temp", TemperatureOf::Memory),
        (
            "Memory Max Operating T.Limit Temp",
            TemperatureOf::MemoryMaxOperatingMargin,
        ),
    ];
    let limits: &[(&str, TemperatureOf)] = &[
        ("GPU Shutdown Temp", TemperatureOf::Shutdown),
        ("GPU Slowdown Temp", TemperatureOf::Slowdown),
        ("GPU Max Operating Temp", TemperatureOf::GpuMaxOperating),
        ("Memory Current Temp", TemperatureOf::Memory),
        (
            "Memory Max Operating Temp",
            TemperatureOf::MemoryMaxOperating,
        ),
    ];
    let has_margins = card
        .read(Item::Temperature(TemperatureOf::ShutdownMargin))
        .is_ok();
    log.heading(1, "Temperature");
    log.item(
        2,
        "GPU Current Temp",
        card,
        Item::Temperature(TemperatureOf::Gpu),
    );
    for (label, of) in if has_margins { margins } else { limits } {
        log.item(2, label, card, Item::Temperature(*of));
    }
}

fn power(log: &mut Log, card: &dyn Card, with_samples: bool) {
    log.heading(1, "GPU Power Readings");
    let average = Item::Power(PowerOf::Average);
    let instant = Item::Power(PowerOf::Instant);
    if card.read(average).is_ok() || card.read(instant).is_ok() {
        log.item(2, "Average Power Draw", card, average);
        log.item(2, "Instantaneous Power Draw", card, instant);
    } else {
        log.item(2, "Power Draw", card, Item::Power(PowerOf::Usage));
    }
    for (label, of) in [
        ("Current Power Limit", LimitOf::Enforced),
        ("Requested Power Limit", LimitOf::Requested),
        ("Default Power Limit", LimitOf::Default),
        ("Min Power Limit", LimitOf::Min),
        ("Max Power Limit", LimitOf::Max),
    ] {
        log.item(2, label, card, Item::Limit(of));
    }
    if with_samples {
        samples::write(log, "Power Samples", card, SeriesOf::Power);
    }
    // The blank at the end is the real tool's.
    log.heading(1, "GPU Memory Power Readings ");
    log.item(
        2,
        "Average Power Draw",
        card,
        Item::Power(PowerOf::MemoryAverage),
    );
    log.item(
        2,
        "Instantaneous Power Draw",
        card,
        Item::Power(PowerOf::MemoryInstant),
    );
}

/// Clocks below one heading: its label, which clocks, and of what.
type ClockGroup<'a> = (&'a str, ClockOf, &'a [(&'a str, Domain)]);

fn clocks(log: &mut Log, card: &dyn Card, with_samples: bool) {
    let graphics = ("Graphics", Domain::Graphics);
    let sm = ("SM", Domain::Sm);
    let memory = ("Memory", Domain::Memory);
    let video = ("Video", Domain::Video);
    let groups: [ClockGroup<'_>; 5] = [
        ("Clocks", ClockOf::Current, &[graphics, sm, memory, video]),
        (
            "Applications Clocks",
            ClockOf::Application,
            &[graphics, memory],
        ),
        (
            "Default Applications Clocks",
            ClockOf::DefaultApplication,
            &[graphics, memory],
        ),
        ("Max Clocks", ClockOf::Max, &[graphics, sm, memory, video]),
        (
            "Max Customer Boost Clocks",
            ClockOf::MaxCustomerBoost,
            &[graphics],
        ),
    ];
    for (label, of, domains) in groups {
        log.heading(1, label);
        for (label, domain) in domains {
            log.item(2, label, card, Item::Clock(of, *domain));
        }
    }
    if with_samples {
        samples::write(log, "SM Clock Samples", card, SeriesOf::SmClock);
        samples::write(log, "Memory Clock Samples", card, SeriesOf::MemoryClock);
    }
}

fn supported_clocks(log: &mut Log, card: &dyn Card) {
    let memory_clocks_mhz = match card.memory_clocks_mhz() {
        Ok(clocks_mhz) if !clocks_mhz.is_empty() => clocks_mhz,
        Ok(_) => {
            return log.line(1, "Supported Clocks", Failure::NotSupported.words());
        }
        Err(failure) => return log.line(1, "Supported Clocks", failure.words()),
    };
    log.heading(1, "Supported Clocks");
    for memory_mhz in memory_clocks_mhz {
        log.line(2, "Memory", &format!("{memory_mhz} MHz"));
        match card.graphics_clocks_mhz(memory_mhz) {
            Ok(clocks_mhz) => {
                for graphics_mhz in clocks_mhz {
                    log.line(3, "Graphics", &format!("{graphics_mhz} MHz"));
                }
            }
            Err(failure) => log.line(3, "Graphics", failure.words()),
        }
    }
}

fn processes(log: &mut Log, card: &dyn Card) {
    match card.processes() {
        Err(failure) => log.line(1, "Processes", failure.words()),
        Ok(processes) if processes.is_empty() => log.line(1, "Processes", "None"),
        Ok(processes) => {
            log.heading(1, "Processes");
            for process in processes {
                // No card here is split into instances.
                log.line(2, "GPU instance ID", "N/A");
                log.line(2, "Compute instance ID", "N/A");
                log.line(2, "Process ID", &process.pid.to_string());
                log.line(3, "Type", "C");
                let name = process
                    .name
                    .unwrap_or_else(|failure| failure.words().to_owned());
                log.line(3, "Name", &name);
                let used = process.used_memory.map_or_else(
                    |failure| failure.words().to_owned(),
                    |used| used.with_unit(),
                );
                log.line(3, "Used GPU Memory", &used);
            }
        }
    }
}
