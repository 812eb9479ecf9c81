//! One reading of a device, exactly as its driver gave it, and the dictionary of its columns.

use serde::{Deserialize, Serialize};

use crate::units::{Megahertz, Microjoules, Millijoules, Milliwatts, Nanos};

/// All sensors of a device, read in one go. A reading that could not be taken is `None`; why
/// stands in [`crate::machine::Machine::absent`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When the read began, on the monotonic clock.
    pub at_ns: Nanos,
    /// How long the read took.
    pub read_ns: Nanos,
    /// How long after its deadline the read began; a missed period shows here.
    pub late_ns: Nanos,
    /// Energy of the board since the driver was loaded (`nvmlDeviceGetTotalEnergyConsumption`).
    pub energy_mj: Option<Millijoules>,
    /// Energy of the processor packages since boot (powercap RAPL, sum of the packages).
    pub package_energy_uj: Option<Microjoules>,
    /// `nvmlDeviceGetPowerUsage`: on Ampere (except GA100) and newer a mean over 1 s.
    pub power_mw: Option<Milliwatts>,
    /// NVML field 185, mean over 1 s.
    pub power_average_mw: Option<Milliwatts>,
    /// NVML field 186, the newest reading of the power sensor.
    pub power_instant_mw: Option<Milliwatts>,
    /// NVML field 185 with the memory scope: mean power of the memory over 1 s.
    pub memory_power_mw: Option<Milliwatts>,
    /// Clock of the streaming multiprocessors.
    pub sm_clock_mhz: Option<Megahertz>,
    /// Clock of the memory.
    pub memory_clock_mhz: Option<Megahertz>,
    /// Temperature of the chip in degrees Celsius.
    pub temperature_c: Option<i64>,
    /// Bits of `nvmlClocksEventReasons`: why the clock is not at its maximum.
    pub event_reasons: Option<u64>,
    /// GPM metric 2: share of time in which the multiprocessors were busy.
    pub sm_util_pct: Option<f64>,
    /// GPM metric 3: share of the warp slots that were occupied.
    pub sm_occupancy_pct: Option<f64>,
    /// GPM metric 5: share of time in which any tensor pipe was busy.
    pub tensor_util_pct: Option<f64>,
    /// GPM metric 10: share of the memory bandwidth in use.
    pub dram_util_pct: Option<f64>,
}

/// How a column is stored.
#[derive(Clone, Copy)]
pub enum Access {
    /// A 64-bit integer.
    Integer {
        /// Takes the value out of a sample.
        get: fn(&Sample) -> Option<i64>,
        /// Puts a value into a sample.
        set: fn(&mut Sample, Option<i64>),
    },
    /// A 64-bit float.
    Float {
        /// Takes the value out of a sample.
        get: fn(&Sample) -> Option<f64>,
        /// Puts a value into a sample.
        set: fn(&mut Sample, Option<f64>),
    },
}

/// A column of the samples table.
#[derive(Clone, Copy)]
pub struct SampleColumn {
    /// Name with its unit.
    pub name: &'static str,
    /// Unit, `1` for bit masks.
    pub unit: &'static str,
    /// One sentence for the data dictionary.
    pub description: &'static str,
    /// How it is stored.
    pub access: Access,
}

impl SampleColumn {
    /// Whether the column can hold no value; the three stamps always have one.
    pub fn is_optional(&self) -> bool {
        !self.name.ends_with("_ns")
    }
}

macro_rules! stamp {
    ($field:ident, $description:literal) => {
        SampleColumn {
            name: stringify!($field),
            unit: "ns",
            description: $description,
            access: Access::Integer {
                get: |sample| i64::try_from(sample.$field.get()).ok(),
                set: |sample, value| {
                    sample.$field = Nanos::new(unsigned(value).unwrap_or_default())
                },
            },
        }
    };
}

macro_rules! reading {
    ($field:ident: $type:ident($int:ty), $unit:literal, $description:literal) => {
        SampleColumn {
            name: stringify!($field),
            unit: $unit,
            description: $description,
            access: Access::Integer {
                get: |sample| {
                    sample
                        .$field
                        .and_then(|reading| i64::try_from(reading.get()).ok())
                },
                set: |sample, value| {
                    sample.$field = unsigned(value)
                        .and_then(|v| <$int>::try_from(v).ok())
                        .map($type::new);
                },
            },
        }
    };
}

macro_rules! share {
    ($field:ident, $description:literal) => {
        SampleColumn {
            name: stringify!($field),
            unit: "%",
            description: $description,
            access: Access::Float {
                get: |sample| sample.$field,
                set: |sample, value| sample.$field = value,
            },
        }
    };
}

fn unsigned(value: Option<i64>) -> Option<u64> {
    value.and_then(|v| u64::try_from(v).ok())
}

/// Every column of the samples table, in its order on disk.
pub const SAMPLE_COLUMNS: &[SampleColumn] = &[
    stamp!(
        at_ns,
        "start of the read on the machine's monotonic clock; only differences mean anything"
    ),
    stamp!(read_ns, "duration of the read"),
    stamp!(late_ns, "how long after its deadline the read began"),
    reading!(energy_mj: Millijoules(u64), "mJ", "energy of the board since the driver was loaded"),
    reading!(package_energy_uj: Microjoules(u64), "uJ", "energy of the processor packages (RAPL), wraps at the machine's stated range"),
    reading!(power_mw: Milliwatts(u64), "mW", "nvmlDeviceGetPowerUsage"),
    reading!(power_average_mw: Milliwatts(u64), "mW", "NVML field 185, mean power over 1 s"),
    reading!(power_instant_mw: Milliwatts(u64), "mW", "NVML field 186, newest reading of the power sensor"),
    reading!(memory_power_mw: Milliwatts(u64), "mW", "NVML field 185, memory scope, mean power over 1 s"),
    reading!(sm_clock_mhz: Megahertz(u32), "MHz", "clock of the streaming multiprocessors"),
    reading!(memory_clock_mhz: Megahertz(u32), "MHz", "clock of the memory"),
    SampleColumn {
        name: "temperature_c",
        unit: "Cel",
        description: "temperature of the chip",
        access: Access::Integer {
            get: |sample| sample.temperature_c,
            set: |sample, value| sample.temperature_c = value,
        },
    },
    SampleColumn {
        name: "event_reasons",
        unit: "1",
        description: "bits of nvmlClocksEventReasons",
        access: Access::Integer {
            get: |sample| {
                sample
                    .event_reasons
                    .and_then(|bits| i64::try_from(bits).ok())
            },
            set: |sample, value| sample.event_reasons = unsigned(value),
        },
    },
    share!(
        sm_util_pct,
        "GPM metric 2: time in which the multiprocessors were busy"
    ),
    share!(
        sm_occupancy_pct,
        "GPM metric 3: warp slots that were occupied"
    ),
    share!(
        tensor_util_pct,
        "GPM metric 5: time in which any tensor pipe was busy"
    ),
    share!(dram_util_pct, "GPM metric 10: memory bandwidth in use"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_returns_what_it_was_given() {
        for column in SAMPLE_COLUMNS {
            let mut sample = Sample::default();
            match column.access {
                Access::Integer { get, set } => {
                    set(&mut sample, Some(41));
                    assert_eq!(get(&sample), Some(41), "{}", column.name);
                }
                Access::Float { get, set } => {
                    set(&mut sample, Some(4.5));
                    assert_eq!(get(&sample), Some(4.5), "{}", column.name);
                }
            }
            assert_ne!(
                sample,
                Sample::default(),
                "{} must change the sample",
                column.name
            );
        }
    }

    #[test]
    fn absent_readings_stay_absent() {
        let empty = Sample::default();
        for column in SAMPLE_COLUMNS.iter().filter(|column| column.is_optional()) {
            let value = match column.access {
                Access::Integer { get, .. } => get(&empty).is_some(),
                Access::Float { get, .. } => get(&empty).is_some(),
            };
            assert!(!value, "{} of an empty sample", column.name);
        }
    }

    #[test]
    fn column_names_are_unique_and_match_the_serialised_fields() {
        let json = serde_json::to_value(Sample::default()).expect("a sample serialises");
        let fields = json.as_object().expect("a sample is an object");
        assert_eq!(fields.len(), SAMPLE_COLUMNS.len());
        for column in SAMPLE_COLUMNS {
            assert!(
                fields.contains_key(column.name),
                "{} is no field",
                column.name
            );
        }
    }
}
