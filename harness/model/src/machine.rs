//! What a run was measured on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reason::Absence;

/// The machine and the device of a run, as far as they could be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Harness and version, for example `joulebench 0.1.0`.
    pub harness: String,
    /// Operating system and kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpu_count: u32,
    /// Main memory in MiB.
    pub memory_mib: u64,
    /// The measured device.
    pub device: Device,
    /// Sensors that give no reading on this device, and why. Keys are sample columns.
    pub absent: BTreeMap<String, Absence>,
}

/// The measured device. Texts that a device does not have are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// `nvml`, `cpu` or `emulated`.
    pub kind: crate::plan::DeviceKind,
    /// Product name, for example `NVIDIA H200`.
    pub name: String,
    /// SHA-256 (16 hex digits) of the serial identity: tells boards apart without naming them.
    pub board_id: Option<String>,
    /// Driver version.
    pub driver: Option<String>,
    /// CUDA version of the driver.
    pub cuda: Option<String>,
    /// Firmware of the board.
    pub vbios: Option<String>,
    /// Memory of the device in MiB.
    pub memory_mib: Option<u64>,
    /// Power limit in force.
    pub power_limit_mw: Option<u64>,
    /// Highest clock of the multiprocessors.
    pub max_sm_clock_mhz: Option<u32>,
    /// Highest clock of the memory.
    pub max_memory_clock_mhz: Option<u32>,
    /// Whether error correction is on.
    pub ecc: Option<bool>,
    /// Whether the board is split into instances.
    pub mig: Option<bool>,
    /// Whether the driver stays loaded without clients.
    pub persistence: Option<bool>,
    /// Where RAPL wraps, in µJ, for the package energy of a processor.
    pub package_energy_range_uj: Option<u64>,
    /// True energy of the emulated load over the window, where the device knows it, in mJ.
    pub true_window_energy_mj: Option<f64>,
}
