//! A board as data: every number of its physics, each with its source.
//!
//! One TOML file describes one board; those of this project are in `profiles/` and are compiled in.
//! [`Board::from_toml`] reads any other. Whatever stands in the file is checked before it is used.

mod catalog;
mod check;
mod clocks;
mod sourced;

use std::collections::BTreeMap;

use model::cost::Pipe;
use serde::{Deserialize, Serialize};

pub use catalog::BoardError;
pub use sourced::{Sourced, Spread};

/// Generation of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// V100.
    Volta,
    /// A100.
    Ampere,
    /// H100, H200.
    Hopper,
}

/// A board: what its profile says, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Name of the profile.
    pub slug: String,
    /// Shorter names by which the board is found too.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Product name as the driver gives it.
    pub product_name: String,
    /// Generation of the chip.
    pub architecture: Architecture,
    /// What the driver says of the chip beside clocks and power.
    pub identity: Identity,
    /// Limits of power and temperature.
    pub limits: Limits,
    /// Clocks and how fast they change.
    pub clocks: Clocks,
    /// Voltage of the core over its clock.
    pub voltage: VoltageCurve,
    /// Where the power goes.
    pub power: PowerProfile,
    /// How fast the board computes and moves bytes.
    pub throughput: Throughput,
    /// How heat leaves the chip.
    pub thermal: ThermalProfile,
    /// How the power limit is kept.
    pub governor: GovernorProfile,
    /// What the sensors make of the truth.
    pub sensors: SensorProfile,
}

/// What the driver says of the chip beside clocks and power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Memory in MiB.
    pub memory_mib: Sourced<u64>,
    /// Width of the memory bus in bits.
    pub memory_bus_bits: Sourced<u32>,
    /// Multiprocessors.
    pub multiprocessors: Sourced<u32>,
    /// CUDA cores.
    pub cuda_cores: Sourced<u32>,
    /// Compute capability, major and minor.
    pub compute_capability: Sourced<[u32; 2]>,
    /// PCI device and vendor id, as NVML packs them.
    pub pci_device_id: Sourced<u32>,
    /// Generation and lanes of the PCIe link.
    pub pcie_link: Sourced<[u32; 2]>,
}

/// Limits of power and temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Lowest power limit that can be set, in watts.
    pub power_min_w: Sourced<f64>,
    /// Power limit after a reset, in watts.
    pub power_default_w: Sourced<f64>,
    /// Highest power limit that can be set, in watts.
    pub power_max_w: Sourced<f64>,
    /// Temperature at which software begins to lower the clock, in °C.
    pub max_operating_c: Sourced<f64>,
    /// Temperature at which hardware lowers the clock, in °C.
    pub slowdown_c: Sourced<f64>,
    /// Temperature at which the board switches itself off, in °C.
    pub shutdown_c: Sourced<f64>,
    /// Highest temperature of the memory, in °C.
    pub memory_max_c: Sourced<f64>,
}

/// Clocks and how fast they change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    /// Lowest core clock in MHz; the board idles at it without a context.
    pub core_min_mhz: Sourced<u32>,
    /// Highest core clock in MHz.
    pub core_max_mhz: Sourced<u32>,
    /// Step of the core clock in MHz; fractions are cut off (7.5 gives steps of 7 and 8).
    pub core_step_mhz: Sourced<f64>,
    /// Lowest clock of the predecessor's studies in MHz.
    pub study_min_mhz: Sourced<u32>,
    /// Application clock after a reset, in MHz.
    pub default_application_mhz: Sourced<u32>,
    /// Highest clock while tensor pipes are busy, in MHz; absent where there is no such limit.
    #[serde(default)]
    pub tensor_max_mhz: Option<Sourced<u32>>,
    /// Memory clocks in MHz, ascending; work runs at the last unless another is locked.
    pub memory_mhz: Sourced<Vec<u32>>,
    /// Median time until a new clock is in force, in ms.
    pub switch_median_ms: Sourced<f64>,
    /// Standard deviation of the logarithm of that time.
    pub switch_log_sd: Sourced<f64>,
    /// Share of switches that take much longer.
    pub switch_tail_share: Sourced<f64>,
    /// Shortest and longest time of those, in ms.
    pub switch_tail_ms: Sourced<[f64; 2]>,
}

/// Voltage of the core over its clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "shape", rename_all = "snake_case")]
pub enum VoltageCurve {
    /// Straight lines between points of (MHz, V); constant outside them.
    Points {
        /// The points, ascending.
        points: Sourced<Vec<[f64; 2]>>,
    },
    /// Constant up to the knee, from there a power of the clock to the highest one.
    Knee {
        /// Clock of the knee in MHz.
        knee_mhz: Sourced<f64>,
        /// Voltage at and below the knee.
        knee_v: Sourced<f64>,
        /// Voltage at the highest clock.
        max_v: Sourced<f64>,
        /// Exponent above the knee: 2 is a parabola.
        exponent: Sourced<f64>,
    },
}

/// Where the power goes. Energies of the core hold at 1 V and scale with the square of the voltage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerProfile {
    /// Regulators, fan control and everything that never changes, in watts.
    pub fixed_w: Sourced<f64>,
    /// Memory without traffic, in watts.
    pub memory_idle_w: Sourced<f64>,
    /// Leakage at 1 V and the reference temperature, in watts.
    pub leakage_w: Sourced<f64>,
    /// Temperature at which the leakage holds, in °C.
    pub leakage_reference_c: Sourced<f64>,
    /// Relative growth of the leakage for each kelvin.
    pub leakage_per_k: Sourced<f64>,
    /// Clock tree while nothing is computed, in mW for each MHz at 1 V.
    pub idle_clock_mw_per_mhz: Sourced<f64>,
    /// Schedulers and clock tree beyond that while multiprocessors are busy, likewise.
    pub busy_clock_mw_per_mhz: Sourced<f64>,
    /// Energy of an operation at 1 V by pipe, in pJ.
    pub operation_pj: BTreeMap<Pipe, Sourced<f64>>,
    /// Share of that energy that operands of zeros still take.
    pub zero_toggle_share: Sourced<f64>,
    /// Share of the energy of bytes through the second-level cache that constant data still take.
    pub constant_traffic_share: Sourced<f64>,
    /// Share of the energy of bytes of memory that constant data still take: rows are opened and
    /// written whatever is in them.
    pub constant_dram_share: Sourced<f64>,
    /// Energy of a byte between multiprocessor and second-level cache at 1 V, in pJ.
    pub cache_pj_per_byte: Sourced<f64>,
    /// Energy of a byte of memory traffic, whatever the core voltage, in pJ.
    pub dram_pj_per_byte: Sourced<f64>,
}

/// How fast the board computes and moves bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Operations of the whole board for each core clock, by pipe; a pipe that is absent hands its
    /// work to FP32.
    pub operations_per_clock: BTreeMap<Pipe, Sourced<f64>>,
    /// Share of that rate that large kernels reach, by pipe.
    pub efficiency: BTreeMap<Pipe, Sourced<f64>>,
    /// Memory bandwidth that streaming kernels reach at the highest memory clock, in GB/s.
    pub dram_gb_per_s: Sourced<f64>,
    /// Memory bandwidth by the data sheet, in GB/s; utilisations are shares of it.
    pub dram_peak_gb_per_s: Sourced<f64>,
    /// Memory bytes for each core clock that the way from the multiprocessors can carry.
    pub dram_bytes_per_clock: Sourced<f64>,
    /// Bytes between multiprocessors and second-level cache for each core clock.
    pub cache_bytes_per_clock: Sourced<f64>,
    /// Time between two kernels on the device, in µs.
    pub kernel_gap_us: Sourced<f64>,
    /// How much of the shorter of two demands is not hidden behind the longest: 0 to 1.
    pub exposed_share: Sourced<f64>,
    /// Relative scatter of the time of a phase from one execution to the next.
    pub time_sd: Sourced<f64>,
}

/// How heat leaves the chip: poles in parallel, each a resistance with a time constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThermalProfile {
    /// Air at the inlet, in °C.
    pub ambient_c: Spread,
    /// Time constants in seconds and resistances in K/W.
    pub poles: Sourced<Vec<[f64; 2]>>,
    /// How much warmer the memory is than the chip, in K for each watt of memory power.
    pub memory_k_per_w: Sourced<f64>,
}

/// How the power limit is kept: a fast loop on power, a slow one on its mean over a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovernorProfile {
    /// Time between two decisions, in ms.
    pub period_ms: Sourced<f64>,
    /// Time constant of the power that the fast loop sees, in ms.
    pub fast_tau_ms: Sourced<f64>,
    /// What the fast loop allows, relative to the limit.
    pub fast_target: Sourced<f64>,
    /// Mean over a second from which the slow loop takes back, relative to the limit.
    pub slow_onset: Sourced<f64>,
    /// How much it takes back for each unit beyond.
    pub slow_gain: Sourced<f64>,
    /// The least that the slow loop allows, relative to the limit.
    pub slow_floor: Sourced<f64>,
}

/// What the sensors make of the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorProfile {
    /// Time between two refreshes of the power fields, in ms.
    pub power_period_ms: Sourced<f64>,
    /// Window over which the instant field averages, in ms.
    pub power_window_ms: Sourced<f64>,
    /// Window of the average field, in ms; absent where the board has none.
    #[serde(default)]
    pub average_window_ms: Option<Sourced<f64>>,
    /// What `nvmlDeviceGetPowerUsage` gives.
    pub power_usage: PowerUsage,
    /// Whether the power of the memory is shown.
    pub memory_power: Sourced<bool>,
    /// Shown power by true power: one draw for each card.
    pub gain: Spread,
    /// Shown power less true power at zero, in watts: one draw for each card.
    pub offset_w: Spread,
    /// Step of the instant field, in watts.
    pub instant_step_w: Sourced<f64>,
    /// Step of the average field, in watts.
    pub average_step_w: Sourced<f64>,
    /// Tick of the energy counter, in ms.
    pub energy_tick_ms: Sourced<f64>,
    /// Time between two refreshes of clocks and temperatures, in ms.
    pub slow_period_ms: Sourced<f64>,
    /// Readings that the driver keeps for `nvmlDeviceGetSamples`.
    pub ring_samples: Sourced<u32>,
    /// Time between two of them, in ms.
    pub ring_period_ms: Sourced<f64>,
    /// Whether the board has GPM.
    pub gpm: Sourced<bool>,
    /// Voltage of a card relative to its curve: one draw for each card.
    pub silicon_voltage: Spread,
}

/// What `nvmlDeviceGetPowerUsage` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerUsage {
    /// The instant field: GA100 and older.
    Instant,
    /// The average field: newer boards.
    Average,
}

impl VoltageCurve {
    /// Voltage at a core clock. `max_mhz` is the highest clock of the board.
    pub fn volts(&self, mhz: f64, max_mhz: f64) -> f64 {
        match self {
            Self::Points { points } => between(&points.value, mhz),
            Self::Knee {
                knee_mhz,
                knee_v,
                max_v,
                exponent,
            } => {
                let rise = above_knee(mhz, knee_mhz.value, max_mhz, exponent.value);
                knee_v.value + (max_v.value - knee_v.value) * rise
            }
        }
    }
}

/// How far the voltage has risen from the knee (0) to the highest clock (1).
pub(crate) fn above_knee(mhz: f64, knee_mhz: f64, max_mhz: f64, exponent: f64) -> f64 {
    let above = (mhz - knee_mhz) / (max_mhz - knee_mhz);
    if above > 0.0 {
        libm::pow(above, exponent)
    } else {
        0.0
    }
}

/// Straight lines between ascending points, constant outside.
fn between(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|[at, _]| *at <= x);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some([x0, y0]), Some([x1, y1])) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some([_, y]), None) => y,
        (None, Some([_, y])) => *y,
        (None, None) => 0.0,
    }
}
