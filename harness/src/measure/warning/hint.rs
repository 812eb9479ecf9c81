//! What to do about a warning.

use super::Warning;
use crate::measure::measurement::Settings;
use crate::measure::repeat::LONGEST_WINDOW_S;

impl Warning {
    /// What to do about it. A hint to use something that is used already is none.
    pub fn hint(&self, settings: &Settings) -> Option<String> {
        let warm = settings.warmup_runs > 0;
        let more_warmup = format!("--warmup {}", settings.warmup_runs.max(1) * 2 + 1);
        match self {
            Self::NoEnergy { reason, .. } => no_energy_hint(reason),
            Self::CommandFailed { .. } => Some("see what it says: --show-output".to_owned()),
            Self::WindowTooShort { .. } => {
                Some("repeat it as often as the sensor needs: --instrument-budget 1%".to_owned())
            }
            Self::BudgetNotMet { share, .. } => Some(format!(
                "windows are planned by one run, and are at most {LONGEST_WINDOW_S:.0} s long: ask for \
                 {:.1}% or more, or force longer ones with --min-window",
                libm::ceil(share * 1_000.0) / 10.0
            )),
            Self::OtherProcesses { .. } => Some(
                "end them (nvidia-smi lists them): their energy is measured with yours".to_owned(),
            ),
            Self::ThermalDrift { .. } => Some(format!("warm the device up first: {more_warmup}")),
            Self::ClockNotSteady { reasons, .. } if reasons.is_empty() => Some(format!(
                "let clocks settle: {more_warmup}; or lock them (nvidia-smi -lgc)"
            )),
            Self::ClockNotSteady { .. } => Some(
                "that is how this board runs this load; say so beside the number, or lock a \
                 lower clock (nvidia-smi -lgc)"
                    .to_owned(),
            ),
            Self::FirstRunApart { .. } if warm => Some(format!("more warm-up: {more_warmup}")),
            Self::FirstRunApart { .. } => {
                Some("caches, clocks or compilation were cold: --warmup 1".to_owned())
            }
            Self::Outliers { .. } => {
                Some("nothing is left out; look for what else ran, or take more runs".to_owned())
            }
            Self::SensorsDisagree { .. } => Some(
                "trust the counter; joulebench calibrate shows what the power sensor of this \
                 board averages"
                    .to_owned(),
            ),
            Self::IdleChanged { .. } => {
                Some("net energy is uncertain by as much; --idle 10 takes a longer look".to_owned())
            }
            Self::DeviceIdle { .. } => {
                Some("does the command use this GPU? see --device-index".to_owned())
            }
            Self::OneRun => Some("an interval needs at least two runs: -n 10".to_owned()),
            Self::PrecisionNotMet { needed, .. } => {
                Some(format!("allow them (--max-runs {needed}), or ask for less"))
            }
        }
    }
}

fn no_energy_hint(reason: &str) -> Option<String> {
    let hint = match reason {
        "no_permission" => "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
        "not_supported" | "no_device" => {
            "time is measured all the same; joulebench doctor says what this machine can measure"
        }
        "counter_frozen" | "counter_backwards" | "read_failed" => {
            "see nvidia-smi -q for the state of the board, and measure again"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
