//! A card that NVML shows: each item is one call.

use nvml_wrapper::enum_wrappers::device::{
    Brand, Clock, ClockId, ComputeMode, EccCounter, MemoryError, MemoryLocation, PerformancePolicy,
    PerformanceState, Sampling, TemperatureSensor, TemperatureThreshold,
};
use nvml_wrapper::enums::device::{GpuLockedClocksSetting, SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id;
use nvml_wrapper::{Device, Nvml};

use crate::card::{Card, Process, Series, SeriesOf, System};
use crate::control::Setting;
use crate::exit::Failure;
use crate::item::{
    ClockOf, CountedSince, Domain, ErrorKind, ErrorPlace, Item, LimitOf, MemoryOf, PowerOf, Reason,
    TemperatureOf, UnitOf,
};
use crate::raw::{self, Engine, Scope, ask};
use crate::value::{BYTES_PER_MIB, Reading, Value, Words};

/// Bytes of a process name that are asked for.
const NAME_BYTES: usize = 1024;

/// One device of the library.
pub(crate) struct NvmlCard<'nvml> {
    nvml: &'nvml Nvml,
    device: Device<'nvml>,
}

impl<'nvml> NvmlCard<'nvml> {
    /// The device in this place.
    pub(crate) fn open(nvml: &'nvml Nvml, index: u32) -> Result<Self, Failure> {
        let device = nvml.device_by_index(index)?;
        Ok(Self { nvml, device })
    }

    /// A signed or unsigned whole number out of a field.
    fn field(&self, id: u32) -> Result<i64, Failure> {
        let values = ask(self.device.field_values_for(&[FieldId(id)]))?;
        let sample = values.into_iter().next().ok_or(Failure::Unknown)??;
        match sample.value? {
            SampleValue::U32(number) => Ok(i64::from(number)),
            SampleValue::U64(number) => i64::try_from(number).map_err(|_| Failure::Unknown),
            SampleValue::I64(number) => Ok(number),
            SampleValue::F64(_) => Err(Failure::Unknown),
        }
    }

    fn field_mw(&self, id: u32) -> Reading {
        let milliwatts = u64::try_from(self.field(id)?).map_err(|_| Failure::Unknown)?;
        Ok(Value::Milliwatts(milliwatts))
    }

    fn identity(&self, item: Item) -> Reading {
        let device = &self.device;
        Ok(match item {
            Item::Index => Value::Count(u64::from(device.index()?)),
            Item::Name => Value::Text(ask(device.name())?),
            Item::Brand => Value::Text(brand(ask(device.brand())?)),
            Item::Architecture => Value::Text(format!("{:?}", ask(device.architecture())?)),
            Item::Serial => Value::Text(ask(device.serial())?),
            Item::Uuid => Value::Text(ask(device.uuid())?),
            Item::MinorNumber => Value::Count(u64::from(ask(device.minor_number())?)),
            Item::Vbios => Value::Text(ask(device.vbios_version())?),
            Item::BoardId => Value::Hexadecimal(ask(device.board_id())?, 1),
            Item::BoardPartNumber => Value::Text(ask(device.board_part_number())?),
            Item::MultiGpuBoard => Value::Switch(Words::Yes, ask(device.is_multi_gpu_board())?),
            Item::InforomImage => Value::Text(ask(device.info_rom_image_version())?),
            Item::BusId => Value::Text(ask(device.pci_info())?.bus_id),
            Item::PciDomain => Value::Hexadecimal(ask(device.pci_info())?.domain, 4),
            Item::PciBus => Value::Hexadecimal(ask(device.pci_info())?.bus, 2),
            Item::PciDevice => Value::Hexadecimal(ask(device.pci_info())?.device, 2),
            Item::PciDeviceId => Value::Hexadecimal(ask(device.pci_info())?.pci_device_id, 8),
            Item::PciSubsystemId => {
                let number = ask(device.pci_info())?.pci_sub_system_id;
                Value::Hexadecimal(number.ok_or(Failure::NotSupported)?, 8)
            }
            Item::ComputeCapability => {
                let capability = ask(device.cuda_compute_capability())?;
                Value::Text(format!("{}.{}", capability.major, capability.minor))
            }
            _ => return Err(Failure::NotSupported),
        })
    }

    fn mode(&self, item: Item) -> Reading {
        let device = &self.device;
        let enabled = |on: bool| Value::Switch(Words::Enabled, on);
        Ok(match item {
            Item::DisplayActive => enabled(ask(device.is_display_active())?),
            Item::Persistence => enabled(ask(device.is_in_persistent_mode())?),
            Item::MigCurrent => enabled(ask(device.mig_mode())?.current == 1),
            Item::MigPending => enabled(ask(device.mig_mode())?.pending == 1),
            Item::EccCurrent => enabled(ask(device.is_ecc_enabled())?.currently_enabled),
            Item::EccPending => enabled(ask(device.is_ecc_enabled())?.pending_enabled),
            Item::AccountingMode => enabled(ask(device.is_accounting_enabled())?),
            Item::AccountingBuffer => {
                Value::Count(u64::from(ask(device.accounting_buffer_size())?))
            }
            Item::PowerManagement => enabled(ask(self.power_management())?),
            Item::ComputeMode => Value::Text(
                match ask(device.compute_mode())? {
                    ComputeMode::Default => "Default",
                    ComputeMode::ExclusiveThread => "Exclusive_Thread",
                    ComputeMode::Prohibited => "Prohibited",
                    ComputeMode::ExclusiveProcess => "Exclusive_Process",
                }
                .to_owned(),
            ),
            Item::PerformanceState => Value::Text(state(ask(device.performance_state())?)),
            _ => return Err(Failure::NotSupported),
        })
    }

    fn power_management(&self) -> Result<bool, NvmlError> {
        #[expect(deprecated, reason = "it is what power.management shows")]
        self.device.is_power_management_algo_active()
    }

    fn link(&self, item: Item) -> Reading {
        let device = &self.device;
        let count = |number: u32| Value::Count(u64::from(number));
        Ok(match item {
            Item::LinkGenerationCurrent => count(ask(device.current_pcie_link_gen())?),
            Item::LinkGenerationMax => count(ask(device.max_pcie_link_gen())?),
            Item::LinkWidthCurrent => Value::Lanes(ask(device.current_pcie_link_width())?),
            Item::LinkWidthMax => Value::Lanes(ask(device.max_pcie_link_width())?),
            Item::PcieReplays => count(ask(device.pcie_replay_counter())?),
            Item::PcieTransmit => {
                Value::KilobytesPerSecond(ask(device
                    .pcie_throughput(nvml_wrapper::enum_wrappers::device::PcieUtilCounter::Send))?)
            }
            Item::PcieReceive => Value::KilobytesPerSecond(ask(device
                .pcie_throughput(nvml_wrapper::enum_wrappers::device::PcieUtilCounter::Receive))?),
            _ => return Err(Failure::NotSupported),
        })
    }

    /// Time that a reason held the clocks down. Drivers before 555 have only the violation times.
    fn event_time(&self, reason: Reason) -> Reading {
        let (id, policy) = match reason {
            Reason::SoftwarePowerCap => (
                field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP,
                Some(PerformancePolicy::Power),
            ),
            Reason::SyncBoost => (
                field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST,
                Some(PerformancePolicy::SyncBoost),
            ),
            Reason::SoftwareThermal => (
                field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
                Some(PerformancePolicy::Thermal),
            ),
            Reason::HardwareThermal => (
                field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
                None,
            ),
            Reason::HardwarePowerBrake => (
                field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
                None,
            ),
            Reason::Idle
            | Reason::ApplicationClocks
            | Reason::HardwareSlowdown
            | Reason::DisplayClock => return Err(Failure::NotSupported),
        };
        let held_ns = match (self.field(id), policy) {
            (Ok(held_ns), _) => u64::try_from(held_ns).map_err(|_| Failure::Unknown)?,
            (Err(Failure::GpuLost), _) => return Err(Failure::GpuLost),
            (Err(_), None) => return Err(Failure::NotSupported),
            (Err(_), Some(policy)) => ask(self.device.violation_status(policy))?.violation_time,
        };
        Ok(Value::Microseconds(held_ns / 1000))
    }

    fn memory(&self, of: MemoryOf) -> Reading {
        Ok(Value::Bytes(match of {
            MemoryOf::Total => ask(self.device.memory_info())?.total,
            MemoryOf::Reserved => ask(self.device.memory_info())?.reserved,
            MemoryOf::Used => ask(self.device.memory_info())?.used,
            MemoryOf::Free => ask(self.device.memory_info())?.free,
            MemoryOf::WindowTotal => ask(self.device.bar1_memory_info())?.total,
            // The one size that the real tool was seen to round down.
            MemoryOf::WindowUsed => {
                let used = ask(self.device.bar1_memory_info())?.used;
                used - used % BYTES_PER_MIB
            }
            MemoryOf::WindowFree => ask(self.device.bar1_memory_info())?.free,
        }))
    }

    fn utilization(&self, of: UnitOf) -> Reading {
        let engine = |engine| raw::engine_percent(self.nvml, &self.device, engine);
        Ok(Value::Percent(match of {
            UnitOf::Gpu => ask(self.device.utilization_rates())?.gpu,
            UnitOf::Memory => ask(self.device.utilization_rates())?.memory,
            UnitOf::Encoder => ask(self.device.encoder_utilization())?.utilization,
            UnitOf::Decoder => ask(self.device.decoder_utilization())?.utilization,
            UnitOf::Jpeg => raw::absent_if_missing(engine(Engine::Jpeg))?,
            UnitOf::OpticalFlow => raw::absent_if_missing(engine(Engine::OpticalFlow))?,
        }))
    }

    fn ecc_errors(&self, kind: ErrorKind, since: CountedSince, place: ErrorPlace) -> Reading {
        let kind = match kind {
            ErrorKind::Corrected => MemoryError::Corrected,
            ErrorKind::Uncorrected => MemoryError::Uncorrected,
        };
        let since = match since {
            CountedSince::Volatile => EccCounter::Volatile,
            CountedSince::Aggregate => EccCounter::Aggregate,
        };
        Ok(Value::Count(ask(match place {
            ErrorPlace::Total => self.device.total_ecc_errors(kind, since),
            ErrorPlace::DeviceMemory => {
                self.device
                    .memory_error_counter(kind, since, MemoryLocation::Device)
            }
            ErrorPlace::Sram => self
                .device
                .memory_error_counter(kind, since, MemoryLocation::SRAM),
        })?))
    }

    fn temperature(&self, of: TemperatureOf) -> Reading {
        let limit = |threshold| ask(self.device.temperature_threshold(threshold)).map(i64::from);
        Ok(Value::Celsius(match of {
            TemperatureOf::Gpu => i64::from(ask(self.device.temperature(TemperatureSensor::Gpu))?),
            TemperatureOf::Memory => self.field(field_id::NVML_FI_DEV_MEMORY_TEMP)?,
            TemperatureOf::Shutdown => limit(TemperatureThreshold::Shutdown)?,
            TemperatureOf::Slowdown => limit(TemperatureThreshold::Slowdown)?,
            TemperatureOf::GpuMaxOperating => limit(TemperatureThreshold::GpuMax)?,
            TemperatureOf::MemoryMaxOperating => limit(TemperatureThreshold::MemoryMax)?,
            TemperatureOf::Margin => {
                raw::absent_if_missing(raw::margin_c(self.nvml, &self.device))?
            }
            TemperatureOf::ShutdownMargin => {
                self.signed_field(field_id::NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT)?
            }
            TemperatureOf::SlowdownMargin => {
                self.signed_field(field_id::NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT)?
            }
            TemperatureOf::GpuMaxOperatingMargin => {
                self.signed_field(field_id::NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT)?
            }
            TemperatureOf::MemoryMaxOperatingMargin => {
                self.signed_field(field_id::NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT)?
            }
        }))
    }

    /// A field that may be below zero; some drivers give it in an unsigned 32-bit number.
    fn signed_field(&self, id: u32) -> Result<i64, Failure> {
        let read = raw::field(self.nvml, &self.device, id, Scope::Gpu);
        let number = raw::absent_if_missing(read)?;
        Ok(u32::try_from(number).map_or(number, |bits| i64::from(bits.cast_signed())))
    }

    fn power(&self, of: PowerOf) -> Reading {
        match of {
            PowerOf::Usage => Ok(Value::Milliwatts(u64::from(ask(self
                .device
                .power_usage())?))),
            PowerOf::Average => self.field_mw(field_id::NVML_FI_DEV_POWER_AVERAGE),
            PowerOf::Instant => self.field_mw(field_id::NVML_FI_DEV_POWER_INSTANT),
            PowerOf::MemoryAverage => self.memory_power(field_id::NVML_FI_DEV_POWER_AVERAGE),
            PowerOf::MemoryInstant => self.memory_power(field_id::NVML_FI_DEV_POWER_INSTANT),
        }
    }

    fn memory_power(&self, id: u32) -> Reading {
        let read = raw::field(self.nvml, &self.device, id, Scope::Memory);
        let milliwatts = raw::absent_if_missing(read)?;
        u64::try_from(milliwatts)
            .map(Value::Milliwatts)
            .map_err(|_| Failure::Unknown)
    }

    fn limit(&self, of: LimitOf) -> Reading {
        let device = &self.device;
        let limit_mw = match of {
            LimitOf::Requested => ask(device.power_management_limit())?,
            LimitOf::Enforced => ask(device.enforced_power_limit())?,
            LimitOf::Default => ask(device.power_management_limit_default())?,
            LimitOf::Min => ask(device.power_management_limit_constraints())?.min_limit,
            LimitOf::Max => ask(device.power_management_limit_constraints())?.max_limit,
        };
        Ok(Value::Milliwatts(u64::from(limit_mw)))
    }

    fn clock(&self, of: ClockOf, domain: Domain) -> Reading {
        let clock = match domain {
            Domain::Graphics => Clock::Graphics,
            Domain::Sm => Clock::SM,
            Domain::Memory => Clock::Memory,
            Domain::Video => Clock::Video,
        };
        let device = &self.device;
        Ok(Value::Megahertz(ask(match of {
            ClockOf::Current => device.clock_info(clock),
            ClockOf::Application => device.applications_clock(clock),
            ClockOf::DefaultApplication => device.default_applications_clock(clock),
            ClockOf::Max => device.max_clock_info(clock),
            ClockOf::MaxCustomerBoost => device.clock(clock, ClockId::CustomerMaxBoost),
        })?))
    }

    /// Busy shares of one process, the newest that the driver keeps.
    fn shares(&self, pid: u32) -> (Option<u32>, Option<u32>) {
        let newest = self
            .device
            .process_utilization_stats(None)
            .unwrap_or_default()
            .into_iter()
            .filter(|sample| sample.pid == pid)
            .max_by_key(|sample| sample.timestamp);
        match newest {
            Some(sample) => (Some(sample.sm_util), Some(sample.mem_util)),
            None => (None, None),
        }
    }
}

impl Card for NvmlCard<'_> {
    fn read(&self, item: Item) -> Reading {
        let reasons = || raw::event_reasons(self.nvml, &self.device);
        match item {
            Item::Index
            | Item::Name
            | Item::Brand
            | Item::Architecture
            | Item::Serial
            | Item::Uuid
            | Item::MinorNumber
            | Item::Vbios
            | Item::BoardId
            | Item::BoardPartNumber
            | Item::MultiGpuBoard
            | Item::InforomImage
            | Item::BusId
            | Item::PciDomain
            | Item::PciBus
            | Item::PciDevice
            | Item::PciDeviceId
            | Item::PciSubsystemId
            | Item::ComputeCapability => self.identity(item),
            Item::DisplayActive
            | Item::Persistence
            | Item::MigCurrent
            | Item::MigPending
            | Item::EccCurrent
            | Item::EccPending
            | Item::AccountingMode
            | Item::AccountingBuffer
            | Item::PowerManagement
            | Item::ComputeMode
            | Item::PerformanceState => self.mode(item),
            Item::LinkGenerationCurrent
            | Item::LinkGenerationMax
            | Item::LinkWidthCurrent
            | Item::LinkWidthMax
            | Item::PcieReplays
            | Item::PcieTransmit
            | Item::PcieReceive => self.link(item),
            // A board without fans calls the first of them an invalid argument.
            Item::FanSpeed => match ask(self.device.fan_speed(0)) {
                Err(Failure::InvalidArgument) => Err(Failure::NotSupported),
                speed => speed.map(Value::Percent),
            },
            Item::EventReasons => raw::absent_if_missing(reasons()).map(Value::Mask),
            Item::EventReasonsSupported => {
                let read = raw::event_reasons_supported(self.nvml, &self.device);
                raw::absent_if_missing(read).map(Value::Mask)
            }
            Item::EventReason(reason) => raw::absent_if_missing(reasons())
                .map(|bits| Value::Switch(Words::Active, bits & reason.bit() != 0)),
            Item::EventTime(reason) => self.event_time(reason),
            Item::Memory(of) => self.memory(of),
            Item::Utilization(of) => self.utilization(of),
            Item::EccErrors(kind, since, place) => self.ecc_errors(kind, since, place),
            Item::Temperature(of) => self.temperature(of),
            Item::Power(of) => self.power(of),
            Item::Limit(of) => self.limit(of),
            Item::Clock(of, domain) => self.clock(of, domain),
        }
    }

    fn processes(&self) -> Result<Vec<Process>, Failure> {
        let running = ask(self.device.running_compute_processes())?;
        Ok(running
            .into_iter()
            .map(|process| {
                let (sm_percent, memory_percent) = self.shares(process.pid);
                Process {
                    pid: process.pid,
                    name: ask(self.nvml.sys_process_name(process.pid, NAME_BYTES)),
                    used_memory: match process.used_gpu_memory {
                        UsedGpuMemory::Used(bytes) => Ok(Value::Bytes(bytes)),
                        UsedGpuMemory::Unavailable => Err(Failure::NotSupported),
                    },
                    sm_percent,
                    memory_percent,
                }
            })
            .collect())
    }

    fn memory_clocks_mhz(&self) -> Result<Vec<u32>, Failure> {
        descending(ask(self.device.supported_memory_clocks()))
    }

    fn graphics_clocks_mhz(&self, memory_mhz: u32) -> Result<Vec<u32>, Failure> {
        let read = raw::graphics_clocks_mhz(self.nvml, &self.device, memory_mhz);
        descending(raw::absent_if_missing(read))
    }

    fn series(&self, of: SeriesOf) -> Result<Series, Failure> {
        let sampling = match of {
            SeriesOf::Power => Sampling::Power,
            SeriesOf::GpuUtilization => Sampling::GpuUtilization,
            SeriesOf::MemoryUtilization => Sampling::MemoryUtilization,
            SeriesOf::EncoderUtilization => Sampling::EncoderUtilization,
            SeriesOf::DecoderUtilization => Sampling::DecoderUtilization,
            SeriesOf::SmClock => Sampling::ProcessorClock,
            SeriesOf::MemoryClock => Sampling::MemoryClock,
        };
        ask(self.device.samples(sampling, None))?
            .into_iter()
            .map(|sample| match sample.value {
                SampleValue::U32(number) => Ok((sample.timestamp, u64::from(number))),
                SampleValue::U64(number) => Ok((sample.timestamp, number)),
                SampleValue::I64(_) | SampleValue::F64(_) => Err(Failure::Unknown),
            })
            .collect()
    }

    fn set(&mut self, setting: Setting) -> Result<(), Failure> {
        let device = &mut self.device;
        ask(match setting {
            Setting::Persistence(on) => device.set_persistent(on),
            Setting::PowerLimit { milliwatts } => device.set_power_management_limit(milliwatts),
            Setting::LockGraphicsClocks { min_mhz, max_mhz } => {
                device.set_gpu_locked_clocks(GpuLockedClocksSetting::Numeric {
                    min_clock_mhz: min_mhz,
                    max_clock_mhz: max_mhz,
                })
            }
            Setting::ResetGraphicsClocks => device.reset_gpu_locked_clocks(),
            Setting::LockMemoryClocks { min_mhz, max_mhz } => {
                device.set_mem_locked_clocks(min_mhz, max_mhz)
            }
            Setting::ResetMemoryClocks => device.reset_mem_locked_clocks(),
            Setting::ApplicationClocks {
                memory_mhz,
                graphics_mhz,
            } => device.set_applications_clocks(memory_mhz, graphics_mhz),
            Setting::ResetApplicationClocks => device.reset_applications_clocks(),
        })
    }
}

/// The machine around the cards.
pub(crate) fn system(nvml: &Nvml) -> Result<System, Failure> {
    Ok(System {
        driver_version: nvml.sys_driver_version()?,
        cuda_version: nvml.sys_cuda_driver_version()?,
        nvml_version: nvml.sys_nvml_version()?,
        count: nvml.device_count()?,
    })
}

fn descending(clocks_mhz: Result<Vec<u32>, Failure>) -> Result<Vec<u32>, Failure> {
    let mut clocks_mhz = clocks_mhz?;
    clocks_mhz.sort_unstable_by(|left, right| right.cmp(left));
    Ok(clocks_mhz)
}

fn brand(brand: Brand) -> String {
    match brand {
        Brand::Nvidia => "NVIDIA".to_owned(),
        Brand::GeForceRTX => "GeForce RTX".to_owned(),
        Brand::QuadroRTX => "Quadro RTX".to_owned(),
        other => format!("{other:?}"),
    }
}

/// `P0` to `P15`; the wrapper has a word for each number.
fn state(state: PerformanceState) -> String {
    let number = state.as_c();
    if number <= 15 {
        format!("P{number}")
    } else {
        Failure::Unknown.words().to_owned()
    }
}
