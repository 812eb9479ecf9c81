//! Why a reading, a run or a number is missing. Missing data is a reason, never a zero.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident => $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$item])* #[doc = $text] $variant,)*
        }

        impl $name {
            /// Every code, in the order of severity tables.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands in data.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// The code in one sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

reasons! {
    /// Why a sensor of a device gives no reading.
    Absence {
        NotSupported => "not_supported", "the device or its driver does not offer this reading";
        NoPermission => "no_permission", "the reading exists but this user may not take it";
        NoDevice => "no_device", "no device of this kind is present";
        ReadFailed => "read_failed", "the driver answered with an error at this moment";
    }
}

reasons! {
    /// What is wrong with a run. A run with any of these is left out of the estimates and listed.
    RunFault {
        WorkerNotStarted => "worker_not_started", "the worker's command could not be started";
        WorkerCrashed => "worker_crashed", "the worker ended before it said done";
        WorkerTimeout => "worker_timeout", "the worker said nothing for longer than the plan allows";
        WorkerGarbage => "worker_garbage", "the worker printed a line that is not a mark, or marks out of order";
        WorkerFailed => "worker_failed", "the worker itself reported a failure";
        DeviceLost => "device_lost", "the device stopped answering during the run";
        WorkMismatch => "work_mismatch", "the work that the worker claims is not the work that the point asks for";
        WrongDevice => "wrong_device", "the worker computed elsewhere than on the measured device";
        NoWork => "no_work", "no phase of work ended inside the window";
        CounterBackwards => "counter_backwards", "the energy counter went backwards inside the window";
        CounterFrozen => "counter_frozen", "the energy counter did not tick inside the window";
        CounterDisagreesWithPower => "counter_disagrees_with_power", "counter and integrated power differ by more than 2 % and their uncertainties";
        ForeignProcess => "foreign_process", "another process used the device before or during the window";
        ClockNotHeld => "clock_not_held", "the clock was within a step of the request for less than 99 % of the window";
        Throttled => "throttled", "heat or the power supply slowed the device down inside the window";
        MissedSamples => "missed_samples", "readings of the window are missing for longer than the protocol allows";
        SensorFrozen => "sensor_frozen", "a sensor showed one value for the whole window while another one moved";
        TemperatureOutOfBand => "temperature_out_of_band", "the device did not reach the temperature of its block";
        HostSuspended => "host_suspended", "the host was suspended during the run";
        ClockStepped => "clock_stepped", "the host's wall clock was set during the run";
        WorkInconsistent => "work_inconsistent", "the same work gave another output than in an earlier run";
    }
}

reasons! {
    /// What a reader must know of a run that is good all the same: it enters the estimates.
    RunFlag {
        NoSteadyState => "no_steady_state", "the window did not settle, though it was prolonged; all of it is reported";
        NotSoaked => "not_soaked", "the pre-soak ended before the temperature stood still, or could not be judged";
        PowerCapped => "power_capped", "the power limit held the clock down inside the window";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_serialised_names() {
        for fault in RunFault::ALL {
            let json = serde_json::to_string(fault).expect("a fault serialises");
            assert_eq!(json, format!("\"{}\"", fault.code()));
        }
        for flag in RunFlag::ALL {
            let json = serde_json::to_string(flag).expect("a flag serialises");
            assert_eq!(json, format!("\"{}\"", flag.code()));
        }
        for absence in Absence::ALL {
            let json = serde_json::to_string(absence).expect("an absence serialises");
            assert_eq!(json, format!("\"{}\"", absence.code()));
        }
    }
}
