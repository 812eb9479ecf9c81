//! What can be wrong with a run, as codes with data.

use std::fmt;

use model::units::Nanos;
use serde::{Deserialize, Serialize};

use crate::series::Field;

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is recorded beside the run.
    Note,
    /// The run is kept, listed, left out of estimates and taken again.
    Quarantine,
}

/// Which limit held the clock down, by the bits of `nvmlClocksEventReasons`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The software's power cap: bit 0x4.
    PowerCap,
    /// The hardware's slowdown, whatever its cause: bit 0x8.
    HardwareSlowdown,
    /// The software's thermal slowdown: bit 0x20.
    SoftwareThermal,
    /// The hardware's thermal slowdown: bit 0x40.
    HardwareThermal,
    /// An external power brake: bit 0x80.
    PowerBrake,
}

impl Limit {
    /// All, in the order of their bits.
    pub const ALL: [Self; 5] = [
        Self::PowerCap,
        Self::HardwareSlowdown,
        Self::SoftwareThermal,
        Self::HardwareThermal,
        Self::PowerBrake,
    ];

    /// Its bit in `nvmlClocksEventReasons`.
    pub const fn bit(self) -> u64 {
        match self {
            Self::PowerCap => 0x4,
            Self::HardwareSlowdown => 0x8,
            Self::SoftwareThermal => 0x20,
            Self::HardwareThermal => 0x40,
            Self::PowerBrake => 0x80,
        }
    }

    /// A board at its power cap is what some points ask for; heat and brakes never are.
    pub const fn severity(self) -> Severity {
        match self {
            Self::PowerCap => Severity::Note,
            _ => Severity::Quarantine,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::PowerCap => "the power cap",
            Self::HardwareSlowdown => "the hardware's slowdown",
            Self::SoftwareThermal => "the software's thermal slowdown",
            Self::HardwareThermal => "the hardware's thermal slowdown",
            Self::PowerBrake => "an external power brake",
        }
    }
}

/// Something that was found in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "code", rename_all = "snake_case")]
pub enum Finding {
    /// The clock was not where it was asked to be.
    ClockNotHeld {
        /// What was asked for, in MHz.
        requested_mhz: u32,
        /// Share of the window within one step of it.
        residency: f64,
        /// Time-weighted mean, in MHz.
        mean_mhz: f64,
    },
    /// A limit held the clock down.
    Limited {
        /// Which.
        limit: Limit,
        /// Share of the window.
        share: f64,
    },
    /// The driver counted time for which a limit held the clock down.
    ViolationTime {
        /// For power, in seconds.
        power_s: f64,
        /// For heat, in seconds.
        thermal_s: f64,
    },
    /// Readings are missing.
    MissedSamples {
        /// How many.
        missed: u64,
        /// Share of those that should be there.
        share: f64,
        /// Longest time between two readings, in seconds.
        longest_gap_s: f64,
    },
    /// A field stood still for longer than its noise and its refreshes allow.
    SensorFrozen {
        /// Which.
        field: Field,
        /// For how long, in seconds.
        for_s: f64,
    },
    /// The counter did not tick.
    CounterFrozen {
        /// For how long, in seconds.
        for_s: f64,
    },
    /// The counter fell.
    CounterBackwards {
        /// When.
        at_ns: Nanos,
        /// By how much, in mJ.
        by_mj: u64,
    },
    /// The counter began anew.
    CounterReset {
        /// When.
        at_ns: Nanos,
        /// What it showed before, in mJ.
        from_mj: u64,
    },
    /// The chip was colder or warmer than the plan allows.
    TemperatureOutOfBand {
        /// Lowest and highest reading in the window, in °C.
        seen_c: [i64; 2],
        /// What the plan allows, in °C.
        allowed_c: [i64; 2],
    },
    /// The window began colder or warmer than its block's.
    StartTemperature {
        /// First reading in the window, in °C.
        seen_c: i64,
        /// What the block asks for, in °C.
        target_c: i64,
        /// By how much it may differ, in K.
        tolerance_k: i64,
    },
    /// Another process used the device.
    ForeignProcess {
        /// Its id.
        pid: u32,
        /// Of which device.
        device_uuid: String,
    },
    /// The machine slept.
    HostSuspended {
        /// For how long, in seconds.
        for_s: f64,
    },
    /// The wall clock was set.
    ClockStepped {
        /// By how much, in seconds; forwards is positive.
        by_s: f64,
    },
    /// A field that was asked for is missing throughout the window.
    NotRead {
        /// Which.
        field: Field,
    },
}

impl Finding {
    /// The code as it stands in data. Codes that `model::reason::RunFault` has are the same there.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ClockNotHeld { .. } => "clock_not_held",
            Self::Limited { .. } => "limited",
            Self::ViolationTime { .. } => "violation_time",
            Self::MissedSamples { .. } => "missed_samples",
            Self::SensorFrozen { .. } => "sensor_frozen",
            Self::CounterFrozen { .. } => "counter_frozen",
            Self::CounterBackwards { .. } => "counter_backwards",
            Self::CounterReset { .. } => "counter_reset",
            Self::TemperatureOutOfBand { .. } => "temperature_out_of_band",
            Self::StartTemperature { .. } => "start_temperature",
            Self::ForeignProcess { .. } => "foreign_process",
            Self::HostSuspended { .. } => "host_suspended",
            Self::ClockStepped { .. } => "clock_stepped",
            Self::NotRead { .. } => "not_read",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| format!("{:.1} %", share * 100.0);
        match self {
            Self::ClockNotHeld {
                requested_mhz,
                residency,
                mean_mhz,
            } => write!(
                f,
                "clock within a step of {requested_mhz} MHz for {} of the window, mean {mean_mhz:.0} MHz",
                percent(residency)
            ),
            Self::Limited { limit, share } => {
                write!(
                    f,
                    "{} held the clock for {} of the window",
                    limit.name(),
                    percent(share)
                )
            }
            Self::ViolationTime { power_s, thermal_s } => write!(
                f,
                "driver counted {power_s:.3} s below the clock for power and {thermal_s:.3} s for heat"
            ),
            Self::MissedSamples {
                missed,
                share,
                longest_gap_s,
            } => write!(
                f,
                "{missed} samples ({}) missed, longest gap {longest_gap_s:.3} s",
                percent(share)
            ),
            Self::SensorFrozen { field, for_s } => {
                write!(f, "{} stood still for {for_s:.1} s", field.column())
            }
            Self::CounterFrozen { for_s } => write!(f, "energy_mj did not tick for {for_s:.2} s"),
            Self::CounterBackwards { by_mj, .. } => write!(f, "energy_mj fell by {by_mj} mJ"),
            Self::CounterReset { from_mj, .. } => {
                write!(f, "energy_mj began anew after {from_mj} mJ")
            }
            Self::TemperatureOutOfBand { seen_c, allowed_c } => write!(
                f,
                "chip at {} to {} °C, allowed {} to {} °C",
                seen_c[0], seen_c[1], allowed_c[0], allowed_c[1]
            ),
            Self::StartTemperature {
                seen_c,
                target_c,
                tolerance_k,
            } => {
                write!(
                    f,
                    "chip at {seen_c} °C at the begin, asked for {target_c} ± {tolerance_k} °C"
                )
            }
            Self::ForeignProcess { pid, device_uuid } => {
                write!(f, "process {pid} used {device_uuid}")
            }
            Self::HostSuspended { for_s } => write!(f, "the machine slept for {for_s:.1} s"),
            Self::ClockStepped { by_s } => write!(f, "the wall clock was set by {by_s:+.3} s"),
            Self::NotRead { field } => write!(f, "{} was asked for and never read", field.column()),
        }
    }
}

/// A finding with what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// What was found.
    pub finding: Finding,
    /// What follows.
    pub severity: Severity,
}
