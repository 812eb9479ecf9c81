//! What is known of a run beside its samples, and what it may be.

use model::units::Nanos;
use serde::{Deserialize, Serialize};

/// Readings of three clocks of one machine at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockReading {
    /// `CLOCK_MONOTONIC`: stands still while the machine sleeps.
    pub monotonic_ns: Nanos,
    /// `CLOCK_BOOTTIME`: goes on.
    pub boot_ns: Nanos,
    /// `CLOCK_REALTIME`: can be set.
    pub real_ns: Nanos,
}

/// A process that was seen on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSeen {
    /// Its id.
    pub pid: u32,
    /// The device, by its UUID.
    pub device_uuid: String,
}

/// Time for which limits held the clock down, as the driver counts it since it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViolationCounters {
    /// For power.
    pub power_ns: Nanos,
    /// For heat.
    pub thermal_ns: Nanos,
}

/// What is known of a run beside its samples. What is absent is not judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// Begin and end of the window.
    pub window: [Nanos; 2],
    /// Time between two samples that was asked for.
    pub sample_period: Nanos,
    /// Tick of the counter, in seconds.
    pub tick_s: f64,
    /// Clock that was asked for in MHz, and the step of the board's clocks.
    pub requested_clock_mhz: Option<(u32, u32)>,
    /// Temperatures that the plan allows, in °C.
    pub allowed_temperature_c: Option<[i64; 2]>,
    /// Temperature at which the window should begin in °C, and by how much it may differ in K.
    pub start_temperature_c: Option<(i64, i64)>,
    /// The measured device.
    pub device_uuid: String,
    /// The harness's and the worker's own processes.
    pub own_pids: Vec<u32>,
    /// Every process that was seen on any device during the run.
    pub processes: Vec<ProcessSeen>,
    /// Clocks of the machine, in the order of time.
    pub clocks: Vec<ClockReading>,
    /// Counters of the driver at the begin and at the end of the window.
    pub violations: Option<[ViolationCounters; 2]>,
}

/// Where findings begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Least share of the window within one step of the requested clock.
    pub residency: f64,
    /// Share of missed samples from which a run is quarantined.
    pub missed_share: f64,
    /// Gap between samples from which a run is quarantined, in seconds.
    pub gap_s: f64,
    /// Share of the window from which a limit is named.
    pub limited_share: f64,
    /// Ticks that may be missing before the counter counts as frozen.
    pub frozen_ticks: f64,
    /// Time that a field with a fine step may stand still, in seconds.
    pub still_s: f64,
    /// Difference of clocks from which they were set or slept, in seconds.
    pub clock_s: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            residency: 0.95,
            missed_share: 0.05,
            gap_s: 1.0,
            limited_share: 0.001,
            frozen_ticks: 5.0,
            still_s: 5.0,
            clock_s: 0.05,
        }
    }
}
