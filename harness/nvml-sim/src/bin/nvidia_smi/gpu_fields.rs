//! The fields of `--query-gpu`, in the order of the real tool's help. Names, units and the head of
//! each column are those of driver 580.159.04 on an H100, where they were printed one by one.

use crate::field::{Field, Source, in_unit, plain};
use crate::item::{
    ClockOf, CountedSince, Domain, ErrorKind, ErrorPlace, Item, LimitOf, MemoryOf, PowerOf, Reason,
    TemperatureOf, UnitOf,
};

/// Every group.
pub(crate) const ALL: &[&[Field]] = &[
    &IDENTITY,
    &LINK,
    &MODES,
    &PERFORMANCE,
    &MEMORY,
    &ERRORS,
    &TEMPERATURE_AND_POWER,
    &CLOCKS,
    &KNOWN_ELSEWHERE,
];

const fn item(names: &'static [&'static str], item: Item) -> Field {
    plain(names, Source::Item(item))
}

const fn mebibytes(names: &'static [&'static str], of: MemoryOf) -> Field {
    in_unit("MiB", names, Source::Item(Item::Memory(of)))
}

const fn share(names: &'static [&'static str], of: UnitOf) -> Field {
    in_unit("%", names, Source::Item(Item::Utilization(of)))
}

const fn watts(names: &'static [&'static str], item: Item) -> Field {
    in_unit("W", names, Source::Item(item))
}

const fn megahertz(names: &'static [&'static str], of: ClockOf, domain: Domain) -> Field {
    in_unit("MHz", names, Source::Item(Item::Clock(of, domain)))
}

const fn held_back(names: &'static [&'static str], reason: Reason) -> Field {
    in_unit("us", names, Source::Item(Item::EventTime(reason)))
}

const fn reason(names: &'static [&'static str], reason: Reason) -> Field {
    plain(names, Source::Item(Item::EventReason(reason)))
}

const fn errors(
    names: &'static [&'static str],
    kind: ErrorKind,
    since: CountedSince,
    place: ErrorPlace,
) -> Field {
    plain(names, Source::Item(Item::EccErrors(kind, since, place)))
}

const IDENTITY: [Field; 13] = [
    plain(&["timestamp"], Source::Timestamp),
    plain(&["driver_version"], Source::DriverVersion),
    plain(&["count"], Source::DeviceCount),
    item(&["name", "gpu_name"], Item::Name),
    item(&["serial", "gpu_serial"], Item::Serial),
    item(&["uuid", "gpu_uuid"], Item::Uuid),
    item(&["pci.bus_id", "gpu_bus_id"], Item::BusId),
    item(&["pci.domain"], Item::PciDomain),
    item(&["pci.bus"], Item::PciBus),
    item(&["pci.device"], Item::PciDevice),
    item(&["pci.device_id"], Item::PciDeviceId),
    item(&["pci.sub_device_id"], Item::PciSubsystemId),
    item(&["index"], Item::Index),
];

const LINK: [Field; 6] = [
    item(&["pcie.link.gen.current"], Item::LinkGenerationCurrent),
    item(&["pcie.link.gen.gpucurrent"], Item::LinkGenerationCurrent),
    item(&["pcie.link.gen.max"], Item::LinkGenerationMax),
    item(&["pcie.link.gen.gpumax"], Item::LinkGenerationMax),
    item(&["pcie.link.width.current"], Item::LinkWidthCurrent),
    item(&["pcie.link.width.max"], Item::LinkWidthMax),
];

const MODES: [Field; 12] = [
    item(&["display_active"], Item::DisplayActive),
    item(&["persistence_mode"], Item::Persistence),
    item(&["accounting.mode"], Item::AccountingMode),
    item(&["accounting.buffer_size"], Item::AccountingBuffer),
    item(&["vbios_version"], Item::Vbios),
    item(&["inforom.img", "inforom.image"], Item::InforomImage),
    item(&["compute_mode"], Item::ComputeMode),
    item(&["compute_cap"], Item::ComputeCapability),
    item(&["ecc.mode.current"], Item::EccCurrent),
    item(&["ecc.mode.pending"], Item::EccPending),
    item(&["mig.mode.current"], Item::MigCurrent),
    item(&["mig.mode.pending"], Item::MigPending),
];

const PERFORMANCE: [Field; 17] = [
    in_unit("%", &["fan.speed"], Source::Item(Item::FanSpeed)),
    item(&["pstate"], Item::PerformanceState),
    item(
        &[
            "clocks_event_reasons.supported",
            "clocks_throttle_reasons.supported",
        ],
        Item::EventReasonsSupported,
    ),
    item(
        &[
            "clocks_event_reasons.active",
            "clocks_throttle_reasons.active",
        ],
        Item::EventReasons,
    ),
    reason(
        &[
            "clocks_event_reasons.gpu_idle",
            "clocks_throttle_reasons.gpu_idle",
        ],
        Reason::Idle,
    ),
    reason(
        &[
            "clocks_event_reasons.applications_clocks_setting",
            "clocks_throttle_reasons.applications_clocks_setting",
        ],
        Reason::ApplicationClocks,
    ),
    reason(
        &[
            "clocks_event_reasons.sw_power_cap",
            "clocks_throttle_reasons.sw_power_cap",
        ],
        Reason::SoftwarePowerCap,
    ),
    reason(
        &[
            "clocks_event_reasons.hw_slowdown",
            "clocks_throttle_reasons.hw_slowdown",
        ],
        Reason::HardwareSlowdown,
    ),
    reason(
        &[
            "clocks_event_reasons.hw_thermal_slowdown",
            "clocks_throttle_reasons.hw_thermal_slowdown",
        ],
        Reason::HardwareThermal,
    ),
    reason(
        &[
            "clocks_event_reasons.hw_power_brake_slowdown",
            "clocks_throttle_reasons.hw_power_brake_slowdown",
        ],
        Reason::HardwarePowerBrake,
    ),
    reason(
        &[
            "clocks_event_reasons.sw_thermal_slowdown",
            "clocks_throttle_reasons.sw_thermal_slowdown",
        ],
        Reason::SoftwareThermal,
    ),
    reason(
        &[
            "clocks_event_reasons.sync_boost",
            "clocks_throttle_reasons.sync_boost",
        ],
        Reason::SyncBoost,
    ),
    held_back(
        &["clocks_event_reasons_counters.sw_power_cap"],
        Reason::SoftwarePowerCap,
    ),
    held_back(
        &["clocks_event_reasons_counters.sync_boost"],
        Reason::SyncBoost,
    ),
    held_back(
        &["clocks_event_reasons_counters.sw_thermal_slowdown"],
        Reason::SoftwareThermal,
    ),
    held_back(
        &["clocks_event_reasons_counters.hw_thermal_slowdown"],
        Reason::HardwareThermal,
    ),
    held_back(
        &["clocks_event_reasons_counters.hw_power_brake_slowdown"],
        Reason::HardwarePowerBrake,
    ),
];

const MEMORY: [Field; 10] = [
    mebibytes(&["memory.total"], MemoryOf::Total),
    mebibytes(&["memory.reserved"], MemoryOf::Reserved),
    mebibytes(&["memory.used"], MemoryOf::Used),
    mebibytes(&["memory.free"], MemoryOf::Free),
    share(&["utilization.gpu"], UnitOf::Gpu),
    share(&["utilization.memory"], UnitOf::Memory),
    share(&["utilization.encoder"], UnitOf::Encoder),
    share(&["utilization.decoder"], UnitOf::Decoder),
    share(&["utilization.jpeg"], UnitOf::Jpeg),
    share(&["utilization.ofa"], UnitOf::OpticalFlow),
];

const ERRORS: [Field; 12] = [
    errors(
        &[
            "ecc.errors.corrected.volatile.device_memory",
            "ecc.errors.corrected.volatile.dram",
        ],
        ErrorKind::Corrected,
        CountedSince::Volatile,
        ErrorPlace::DeviceMemory,
    ),
    errors(
        &["ecc.errors.corrected.volatile.sram"],
        ErrorKind::Corrected,
        CountedSince::Volatile,
        ErrorPlace::Sram,
    ),
    errors(
        &["ecc.errors.corrected.volatile.total"],
        ErrorKind::Corrected,
        CountedSince::Volatile,
        ErrorPlace::Total,
    ),
    errors(
        &[
            "ecc.errors.corrected.aggregate.device_memory",
            "ecc.errors.corrected.aggregate.dram",
        ],
        ErrorKind::Corrected,
        CountedSince::Aggregate,
        ErrorPlace::DeviceMemory,
    ),
    errors(
        &["ecc.errors.corrected.aggregate.sram"],
        ErrorKind::Corrected,
        CountedSince::Aggregate,
        ErrorPlace::Sram,
    ),
    errors(
        &["ecc.errors.corrected.aggregate.total"],
        ErrorKind::Corrected,
        CountedSince::Aggregate,
        ErrorPlace::Total,
    ),
    errors(
        &[
            "ecc.errors.uncorrected.volatile.device_memory",
            "ecc.errors.uncorrected.volatile.dram",
        ],
        ErrorKind::Uncorrected,
        CountedSince::Volatile,
        ErrorPlace::DeviceMemory,
    ),
    errors(
        &["ecc.errors.uncorrected.volatile.sram"],
        ErrorKind::Uncorrected,
        CountedSince::Volatile,
        ErrorPlace::Sram,
    ),
    errors(
        &["ecc.errors.uncorrected.volatile.total"],
        ErrorKind::Uncorrected,
        CountedSince::Volatile,
        ErrorPlace::Total,
    ),
    errors(
        &[
            "ecc.errors.uncorrected.aggregate.device_memory",
            "ecc.errors.uncorrected.aggregate.dram",
        ],
        ErrorKind::Uncorrected,
        CountedSince::Aggregate,
        ErrorPlace::DeviceMemory,
    ),
    errors(
        &["ecc.errors.uncorrected.aggregate.sram"],
        ErrorKind::Uncorrected,
        CountedSince::Aggregate,
        ErrorPlace::Sram,
    ),
    errors(
        &["ecc.errors.uncorrected.aggregate.total"],
        ErrorKind::Uncorrected,
        CountedSince::Aggregate,
        ErrorPlace::Total,
    ),
];

const TEMPERATURE_AND_POWER: [Field; 12] = [
    item(&["temperature.gpu"], Item::Temperature(TemperatureOf::Gpu)),
    item(
        &["temperature.gpu.tlimit"],
        Item::Temperature(TemperatureOf::Margin),
    ),
    item(
        &["temperature.memory"],
        Item::Temperature(TemperatureOf::Memory),
    ),
    item(&["power.management"], Item::PowerManagement),
    watts(&["power.draw"], Item::Power(PowerOf::Usage)),
    watts(
        &["power.draw.average", "gpu.power.draw.average"],
        Item::Power(PowerOf::Average),
    ),
    watts(
        &["power.draw.instant", "gpu.power.draw.instant"],
        Item::Power(PowerOf::Instant),
    ),
    watts(
        &["power.limit", "gpu.power.requested_limit"],
        Item::Limit(LimitOf::Requested),
    ),
    watts(
        &["enforced.power.limit", "gpu.power.current_limit"],
        Item::Limit(LimitOf::Enforced),
    ),
    watts(
        &["power.default_limit", "gpu.power.default_limit"],
        Item::Limit(LimitOf::Default),
    ),
    watts(
        &["power.min_limit", "gpu.power.min_limit"],
        Item::Limit(LimitOf::Min),
    ),
    watts(
        &["power.max_limit", "gpu.power.max_limit"],
        Item::Limit(LimitOf::Max),
    ),
];

const CLOCKS: [Field; 11] = [
    megahertz(
        &["clocks.current.graphics", "clocks.gr"],
        ClockOf::Current,
        Domain::Graphics,
    ),
    megahertz(
        &["clocks.current.sm", "clocks.sm"],
        ClockOf::Current,
        Domain::Sm,
    ),
    megahertz(
        &["clocks.current.memory", "clocks.mem"],
        ClockOf::Current,
        Domain::Memory,
    ),
    megahertz(
        &["clocks.current.video", "clocks.video"],
        ClockOf::Current,
        Domain::Video,
    ),
    megahertz(
        &["clocks.applications.graphics", "clocks.applications.gr"],
        ClockOf::Application,
        Domain::Graphics,
    ),
    megahertz(
        &["clocks.applications.memory", "clocks.applications.mem"],
        ClockOf::Application,
        Domain::Memory,
    ),
    megahertz(
        &[
            "clocks.default_applications.graphics",
            "clocks.default_applications.gr",
        ],
        ClockOf::DefaultApplication,
        Domain::Graphics,
    ),
    megahertz(
        &[
            "clocks.default_applications.memory",
            "clocks.default_applications.mem",
        ],
        ClockOf::DefaultApplication,
        Domain::Memory,
    ),
    megahertz(
        &["clocks.max.graphics", "clocks.max.gr"],
        ClockOf::Max,
        Domain::Graphics,
    ),
    megahertz(&["clocks.max.sm"], ClockOf::Max, Domain::Sm),
    megahertz(
        &["clocks.max.memory", "clocks.max.mem"],
        ClockOf::Max,
        Domain::Memory,
    ),
];

/// Fields of the real tool that clients ask for in one breath with others. A query with one of
/// them must not fail; the answer says that there is none.
const KNOWN_ELSEWHERE: [Field; 12] = [
    plain(&["pcie.link.gen.hostmax"], Source::NotRead),
    plain(&["display_mode"], Source::NotRead),
    plain(&["driver_model.current"], Source::NotRead),
    plain(&["driver_model.pending"], Source::NotRead),
    plain(
        &["gom.current", "gpu_operation_mode.current"],
        Source::NotRead,
    ),
    plain(
        &["gom.pending", "gpu_operation_mode.pending"],
        Source::NotRead,
    ),
    plain(
        &["retired_pages.single_bit_ecc.count", "retired_pages.sbe"],
        Source::NotRead,
    ),
    plain(
        &["retired_pages.double_bit.count", "retired_pages.dbe"],
        Source::NotRead,
    ),
    plain(&["retired_pages.pending"], Source::NotRead),
    in_unit("W", &["module.power.draw.average"], Source::NotRead),
    in_unit("W", &["module.power.draw.instant"], Source::NotRead),
    plain(&["hostname"], Source::NotRead),
];

#[cfg(test)]
mod tests {
    use crate::field::Query;

    /// Fields that a client of the predecessor framework, of a benchmark suite or of a monitoring
    /// agent asks for.
    const ASKED_FOR: &str = "timestamp,index,name,uuid,serial,pci.bus_id,driver_version,count,\
        power.draw,power.draw.average,power.draw.instant,power.limit,power.default_limit,\
        power.min_limit,power.max_limit,enforced.power.limit,power.management,temperature.gpu,\
        temperature.memory,utilization.gpu,utilization.memory,memory.total,memory.free,\
        memory.used,clocks.sm,clocks.mem,clocks.gr,clocks.video,clocks.current.sm,\
        clocks.current.memory,clocks.current.graphics,clocks.current.video,clocks.max.sm,\
        clocks.max.memory,clocks.max.graphics,clocks.applications.graphics,\
        clocks.applications.memory,clocks.default_applications.graphics,\
        clocks.default_applications.memory,pstate,persistence_mode,ecc.mode.current,\
        mig.mode.current,compute_mode,clocks_event_reasons.active,\
        clocks_throttle_reasons.active,clocks_throttle_reasons.sw_power_cap,\
        clocks_throttle_reasons.hw_slowdown,clocks_event_reasons.sw_thermal_slowdown,fan.speed,\
        pcie.link.gen.current,pcie.link.gen.max,pcie.link.width.current,pcie.link.width.max,\
        compute_cap,vbios_version";

    #[test]
    fn every_field_that_clients_ask_for_is_known() {
        for name in ASKED_FOR.split(',') {
            assert!(Query::Gpu.field(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_old_names_of_the_event_reasons_head_their_columns_with_the_new_ones() {
        let field = Query::Gpu
            .field("clocks_throttle_reasons.active")
            .expect("known");
        assert_eq!(field.heading(), "clocks_event_reasons.active");
    }
}
