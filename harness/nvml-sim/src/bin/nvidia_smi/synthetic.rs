//! Two cards with fixed values, for the tests of what is printed. They are emulated: their serial
//! numbers begin with `EMU`, as those of every emulated GPU do.

use std::collections::BTreeMap;

use crate::card::{Card, Process, Series, SeriesOf, System};
use crate::control::Setting;
use crate::exit::Failure;
use crate::item::{
    ClockOf, CountedSince, Domain, ErrorKind, ErrorPlace, Item, LimitOf, MemoryOf, PowerOf, Reason,
    TemperatureOf, UnitOf,
};
use crate::value::{Reading, Value, Words};

const MIB: u64 = 1 << 20;

/// A card whose values never change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Synthetic {
    values: BTreeMap<Item, Value>,
    pub(crate) processes: Vec<Process>,
    clocks_mhz: Vec<(u32, Vec<u32>)>,
    power_samples: Series,
    /// Why every setting is refused, if it is.
    pub(crate) refusal: Option<Failure>,
    /// What was set, in order.
    pub(crate) settings: Vec<Setting>,
    /// Every read fails like this, if set.
    pub(crate) lost: Option<Failure>,
}

impl Card for Synthetic {
    fn read(&self, item: Item) -> Reading {
        if let Some(failure) = self.lost {
            return Err(failure);
        }
        if let Item::EventReason(reason) = item {
            let Some(Value::Mask(bits)) = self.values.get(&Item::EventReasons) else {
                return Err(Failure::NotSupported);
            };
            return Ok(Value::Switch(Words::Active, bits & reason.bit() != 0));
        }
        self.values.get(&item).cloned().ok_or(Failure::NotSupported)
    }

    fn processes(&self) -> Result<Vec<Process>, Failure> {
        self.lost.map_or_else(|| Ok(self.processes.clone()), Err)
    }

    fn memory_clocks_mhz(&self) -> Result<Vec<u32>, Failure> {
        Ok(self.clocks_mhz.iter().map(|(memory, _)| *memory).collect())
    }

    fn graphics_clocks_mhz(&self, memory_mhz: u32) -> Result<Vec<u32>, Failure> {
        self.clocks_mhz
            .iter()
            .find(|(memory, _)| *memory == memory_mhz)
            .map(|(_, graphics)| graphics.clone())
            .ok_or(Failure::NotFound)
    }

    fn series(&self, of: SeriesOf) -> Result<Series, Failure> {
        match of {
            SeriesOf::Power if !self.power_samples.is_empty() => Ok(self.power_samples.clone()),
            _ => Err(Failure::NotFound),
        }
    }

    fn set(&mut self, setting: Setting) -> Result<(), Failure> {
        if let Some(failure) = self.refusal {
            return Err(failure);
        }
        self.settings.push(setting);
        Ok(())
    }
}

impl Synthetic {
    /// A V100 of 2020: no average power, no memory temperature, no MIG.
    pub(crate) fn v100() -> Self {
        let mut card = Self {
            clocks_mhz: vec![(877, vec![1380, 1372, 1365])],
            ..Self::default()
        };
        card.identity(0, "Tesla V100-PCIE-32GB", "00000000:3B:00.0", (7, 0));
        card.power(23_480, [250_000, 250_000, 250_000, 100_000, 250_000]);
        card.clocks([135, 135, 877, 555], [1230, 877], [1380, 877]);
        card.memory(32_510, 0);
        card.put(Item::Persistence, Value::Switch(Words::Enabled, false));
        card.put(Item::EccCurrent, Value::Switch(Words::Enabled, false));
        card.put(Item::Temperature(TemperatureOf::Gpu), Value::Celsius(22));
        card.put(
            Item::Temperature(TemperatureOf::Shutdown),
            Value::Celsius(90),
        );
        card.put(
            Item::Temperature(TemperatureOf::Slowdown),
            Value::Celsius(87),
        );
        card.put(Item::EventReasons, Value::Mask(Reason::Idle.bit()));
        card
    }

    /// An H100 NVL at work, with a process on it.
    pub(crate) fn h100() -> Self {
        let mut card = Self {
            clocks_mhz: vec![(2619, vec![1785, 1770]), (1593, vec![1785])],
            power_samples: vec![(0, 61_000), (20_000, 352_500), (40_000, 353_100)],
            processes: vec![Process {
                pid: 4711,
                name: Ok("python".to_owned()),
                used_memory: Ok(Value::Bytes(418 * MIB)),
                sm_percent: Some(98),
                memory_percent: Some(41),
            }],
            ..Self::default()
        };
        card.identity(1, "NVIDIA H100 NVL", "00000000:E1:00.0", (9, 0));
        card.power(352_870, [400_000, 400_000, 400_000, 200_000, 400_000]);
        card.put(Item::Power(PowerOf::Average), Value::Milliwatts(352_870));
        card.put(Item::Power(PowerOf::Instant), Value::Milliwatts(353_100));
        card.put(
            Item::Power(PowerOf::MemoryAverage),
            Value::Milliwatts(61_200),
        );
        card.clocks([1575, 1575, 2619, 1365], [1785, 2619], [1785, 2619]);
        card.memory(95_830, 419);
        card.put(Item::Persistence, Value::Switch(Words::Enabled, true));
        card.put(Item::EccCurrent, Value::Switch(Words::Enabled, true));
        card.put(Item::EccPending, Value::Switch(Words::Enabled, true));
        for (kind, count) in [(ErrorKind::Corrected, 2), (ErrorKind::Uncorrected, 0)] {
            for since in [CountedSince::Volatile, CountedSince::Aggregate] {
                for place in [ErrorPlace::Total, ErrorPlace::DeviceMemory] {
                    card.put(Item::EccErrors(kind, since, place), Value::Count(count));
                }
                card.put(
                    Item::EccErrors(kind, since, ErrorPlace::Sram),
                    Value::Count(0),
                );
            }
        }
        card.put(Item::MigCurrent, Value::Switch(Words::Enabled, false));
        card.put(Item::MigPending, Value::Switch(Words::Enabled, false));
        for (of, degrees) in [
            (TemperatureOf::Gpu, 63),
            (TemperatureOf::Memory, 71),
            (TemperatureOf::Margin, 24),
            (TemperatureOf::ShutdownMargin, -8),
            (TemperatureOf::SlowdownMargin, -2),
            (TemperatureOf::GpuMaxOperatingMargin, 0),
            (TemperatureOf::MemoryMaxOperatingMargin, 0),
        ] {
            card.put(Item::Temperature(of), Value::Celsius(degrees));
        }
        card.put(Item::Utilization(UnitOf::Gpu), Value::Percent(100));
        card.put(Item::Utilization(UnitOf::Memory), Value::Percent(44));
        card.put(Item::PcieTransmit, Value::KilobytesPerSecond(1749));
        card.put(Item::PcieReceive, Value::KilobytesPerSecond(504));
        card.put(
            Item::EventReasons,
            Value::Mask(Reason::SoftwarePowerCap.bit()),
        );
        card.put(
            Item::EventTime(Reason::SoftwarePowerCap),
            Value::Microseconds(1_250_000),
        );
        card
    }

    /// The machine that holds both.
    pub(crate) fn system() -> System {
        System {
            driver_version: "570.124.06".to_owned(),
            cuda_version: 12_080,
            nvml_version: "12.570.124.06".to_owned(),
            count: 2,
        }
    }

    /// Replaces one value.
    pub(crate) fn put(&mut self, item: Item, value: Value) {
        self.values.insert(item, value);
    }

    fn identity(&mut self, index: u32, name: &str, bus_id: &str, capability: (u32, u32)) {
        let text = |text: &str| Value::Text(text.to_owned());
        self.put(Item::Index, Value::Count(u64::from(index)));
        self.put(Item::Name, text(name));
        self.put(Item::Brand, text("NVIDIA"));
        self.put(Item::Serial, text(&format!("EMU000000000{index}")));
        self.put(
            Item::Uuid,
            text(&format!("GPU-0000000{index}-0000-4000-a000-000000000000")),
        );
        self.put(Item::MinorNumber, Value::Count(u64::from(index)));
        self.put(Item::BusId, text(bus_id));
        self.put(
            Item::ComputeCapability,
            text(&format!("{}.{}", capability.0, capability.1)),
        );
        self.put(Item::ComputeMode, text("Default"));
        self.put(Item::PerformanceState, text("P0"));
        self.put(Item::DisplayActive, Value::Switch(Words::Enabled, false));
        self.put(Item::Utilization(UnitOf::Gpu), Value::Percent(0));
        self.put(Item::Utilization(UnitOf::Memory), Value::Percent(0));
        self.put(Item::Utilization(UnitOf::Encoder), Value::Percent(0));
        self.put(Item::Utilization(UnitOf::Decoder), Value::Percent(0));
        self.put(Item::LinkGenerationCurrent, Value::Count(4));
        self.put(Item::LinkGenerationMax, Value::Count(4));
        self.put(Item::LinkWidthCurrent, Value::Lanes(16));
        self.put(Item::LinkWidthMax, Value::Lanes(16));
    }

    fn power(&mut self, usage_mw: u64, limits_mw: [u64; 5]) {
        self.put(Item::PowerManagement, Value::Switch(Words::Enabled, true));
        self.put(Item::Power(PowerOf::Usage), Value::Milliwatts(usage_mw));
        let limits = [
            LimitOf::Requested,
            LimitOf::Enforced,
            LimitOf::Default,
            LimitOf::Min,
            LimitOf::Max,
        ];
        for (of, limit_mw) in limits.into_iter().zip(limits_mw) {
            self.put(Item::Limit(of), Value::Milliwatts(limit_mw));
        }
    }

    fn clocks(&mut self, current: [u32; 4], application: [u32; 2], max: [u32; 2]) {
        let domains = [Domain::Graphics, Domain::Sm, Domain::Memory, Domain::Video];
        for (domain, mhz) in domains.into_iter().zip(current) {
            self.put(Item::Clock(ClockOf::Current, domain), Value::Megahertz(mhz));
        }
        for of in [ClockOf::Application, ClockOf::DefaultApplication] {
            for (domain, mhz) in [Domain::Graphics, Domain::Memory]
                .into_iter()
                .zip(application)
            {
                self.put(Item::Clock(of, domain), Value::Megahertz(mhz));
            }
        }
        for (domain, mhz) in [
            (Domain::Graphics, max[0]),
            (Domain::Sm, max[0]),
            (Domain::Memory, max[1]),
        ] {
            self.put(Item::Clock(ClockOf::Max, domain), Value::Megahertz(mhz));
        }
    }

    fn memory(&mut self, total_mib: u64, used_mib: u64) {
        self.put(Item::Memory(MemoryOf::Total), Value::Bytes(total_mib * MIB));
        self.put(Item::Memory(MemoryOf::Used), Value::Bytes(used_mib * MIB));
        self.put(
            Item::Memory(MemoryOf::Free),
            Value::Bytes((total_mib - used_mib) * MIB),
        );
    }
}
