//! Things that go wrong, on a schedule.
//!
//! A [`FaultPlan`] says what is wrong from when to when. Faults of sensors and clocks change what a
//! [`Gpu`] shows; faults of calls are answered by whoever offers the calls.

use model::units::Nanos;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gpu::Gpu;
pub(crate) use crate::sensors::SensorFaults;
use crate::sensors::{Frozen, energy_mj};

/// Something that is wrong with a card itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SensorFault {
    /// Readings stay as they are.
    FrozenSensor,
    /// The energy counter begins again at zero.
    CounterReset,
    /// The energy counter falls back by so much.
    CounterBackwards {
        /// How far, in mJ.
        by_mj: u64,
    },
    /// Locked clocks do not hold.
    ClockNotHonoured,
    /// Memory errors, corrected and uncorrected.
    Ecc {
        /// Corrected ones.
        single: u64,
        /// Uncorrected ones.
        double: u64,
    },
}

/// Something that is wrong, with what it takes to act it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum FaultKind {
    /// A call answers with an error.
    Error {
        /// Name of the call, as `nvmlDeviceGetPowerUsage`; `*` is every call.
        call: String,
        /// Number of the error (`nvmlReturn_t`).
        code: u32,
        /// So many calls of a process are answered before the first that fails.
        #[serde(default)]
        after_calls: u64,
        /// So many calls of a process fail, and the ones after them are answered; without it, all.
        #[serde(default)]
        for_calls: Option<u64>,
    },
    /// Every call about the card answers that it is lost (15).
    GpuLost,
    /// Control is refused from now on.
    PermissionWithdrawn,
    /// A process of somebody else uses the card.
    ForeignProcess {
        /// Its process id.
        pid: u32,
        /// Memory that it holds, in MiB.
        memory_mib: u64,
    },
    /// Readings stay as they are.
    FrozenSensor,
    /// The energy counter begins again at zero.
    CounterReset,
    /// The energy counter falls back.
    CounterBackwards {
        /// How far, in mJ.
        by_mj: u64,
    },
    /// Locked clocks do not hold.
    ClockNotHonoured,
    /// Memory errors.
    Ecc {
        /// Corrected ones.
        single: u64,
        /// Uncorrected ones.
        double: u64,
    },
    /// An event that the driver would log as Xid.
    Xid {
        /// Its number.
        code: u64,
    },
}

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduledFault {
    /// When it begins, in seconds after the origin.
    pub at_s: f64,
    /// How long it lasts, in seconds; absent, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// Which card.
    #[serde(default)]
    pub gpu: u32,
    /// What it is.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// Faults in the order of their beginnings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    faults: Vec<ScheduledFault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    #[serde(default)]
    fault: Vec<ScheduledFault>,
}

/// A fault plan that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultError {
    /// The text is no fault plan.
    #[error("{reason}; expected [[fault]] tables with at_s, for_s, gpu and kind")]
    Syntax {
        /// What the parser said.
        reason: String,
    },
    /// A value that no fault can have.
    #[error("fault[{index}].{key} = {value}: expected {expected}")]
    Value {
        /// Which fault, from 0.
        index: usize,
        /// Its key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl FaultPlan {
    /// Reads a plan from TOML.
    ///
    /// # Errors
    /// Where it is no plan or a time is no time.
    pub fn from_toml(text: &str) -> Result<Self, FaultError> {
        let file: FaultFile = toml::from_str(text).map_err(|error| FaultError::Syntax {
            reason: error.to_string().trim().to_owned(),
        })?;
        for (index, fault) in file.fault.iter().enumerate() {
            let times = [("at_s", Some(fault.at_s)), ("for_s", fault.for_s)];
            for (key, seconds) in times {
                if seconds.is_some_and(|s| !(0.0..=1e9).contains(&s)) {
                    return Err(FaultError::Value {
                        index,
                        key,
                        value: seconds.unwrap_or_default().to_string(),
                        expected: "seconds, 0 or more",
                    });
                }
            }
        }
        let mut faults = file.fault;
        faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Ok(Self { faults })
    }

    /// Every fault, in the order of their beginnings.
    pub fn faults(&self) -> &[ScheduledFault] {
        &self.faults
    }

    /// Whether nothing goes wrong.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong with a card at a time after the origin.
    pub fn active(&self, gpu: u32, after_origin: Nanos) -> impl Iterator<Item = &FaultKind> {
        let seconds = model::units::Seconds::from(after_origin).get();
        self.faults
            .iter()
            .take_while(move |fault| fault.at_s <= seconds)
            .filter(move |fault| fault.gpu == gpu)
            .filter(move |fault| {
                fault
                    .for_s
                    .is_none_or(|length| seconds < fault.at_s + length)
            })
            .map(|fault| &fault.kind)
    }

    /// The number of the error that a call answers with, where it has to fail. `calls_before` is how
    /// often the process made this call for this card already.
    pub fn error_of(
        &self,
        gpu: u32,
        after_origin: Nanos,
        call: &str,
        calls_before: u64,
    ) -> Option<u32> {
        const GPU_IS_LOST: u32 = 15;
        self.active(gpu, after_origin).find_map(|kind| match kind {
            FaultKind::GpuLost => Some(GPU_IS_LOST),
            FaultKind::Error {
                call: named,
                code,
                after_calls,
                for_calls,
            } if named == "*" || named == call => {
                let failed_before = calls_before.checked_sub(*after_calls)?;
                for_calls
                    .is_none_or(|count| failed_before < count)
                    .then_some(*code)
            }
            _ => None,
        })
    }
}

impl ScheduledFault {
    /// What happens to the card itself, where something does.
    pub fn sensor_fault(&self) -> Option<SensorFault> {
        Some(match self.kind {
            FaultKind::FrozenSensor => SensorFault::FrozenSensor,
            FaultKind::CounterReset => SensorFault::CounterReset,
            FaultKind::CounterBackwards { by_mj } => SensorFault::CounterBackwards { by_mj },
            FaultKind::ClockNotHonoured => SensorFault::ClockNotHonoured,
            FaultKind::Ecc { single, double } => SensorFault::Ecc { single, double },
            _ => return None,
        })
    }
}

impl Gpu {
    /// Something goes wrong with the card from now on, or is over. A counter that jumped stays where
    /// it is, and errors stay counted.
    pub fn inject(&mut self, fault: SensorFault, on: bool) {
        match fault {
            SensorFault::FrozenSensor => {
                self.faults.frozen = None;
                self.faults.frozen = on.then(|| Frozen::now(self));
            }
            SensorFault::CounterReset if on => {
                let shown = energy_mj(self, self.now()).get();
                self.faults.energy_jump_mj -= counted(shown);
            }
            SensorFault::CounterBackwards { by_mj } if on => {
                self.faults.energy_jump_mj -= counted(by_mj);
            }
            SensorFault::ClockNotHonoured => self.set_clock_honoured(!on),
            SensorFault::Ecc { single, double } if on => {
                self.faults.ecc_single += single;
                self.faults.ecc_double += double;
            }
            SensorFault::CounterReset
            | SensorFault::CounterBackwards { .. }
            | SensorFault::Ecc { .. } => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "energies are far below 2^53 mJ")]
fn counted(mj: u64) -> f64 {
    mj as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_is_wrong_and_when() {
        let plan = FaultPlan::from_toml(
            "[[fault]]\nat_s = 2.0\nfor_s = 1.0\nkind = \"gpu_lost\"\n\
             [[fault]]\nat_s = 1.0\ngpu = 1\nkind = \"error\"\ncall = \"nvmlDeviceGetPowerUsage\"\ncode = 999\n",
        )
        .unwrap();
        let error = |gpu, seconds, call| plan.error_of(gpu, Nanos::from_seconds(seconds), call, 0);
        assert_eq!(error(0, 1.9, "nvmlDeviceGetName"), None);
        assert_eq!(error(0, 2.0, "nvmlDeviceGetName"), Some(15));
        assert_eq!(error(0, 3.0, "nvmlDeviceGetName"), None);
        assert_eq!(error(1, 2.0, "nvmlDeviceGetPowerUsage"), Some(999));
        assert_eq!(error(1, 2.0, "nvmlDeviceGetName"), None);
    }

    #[test]
    fn calls_may_be_counted_instead_of_seconds() {
        let plan = FaultPlan::from_toml(
            "[[fault]]\nat_s = 0.0\nkind = \"error\"\ncall = \"nvmlDeviceGetName\"\ncode = 7\n\
             after_calls = 2\nfor_calls = 3\n",
        )
        .unwrap();
        let failing: Vec<u64> = (0..10)
            .filter(|before| {
                plan.error_of(0, Nanos::new(0), "nvmlDeviceGetName", *before)
                    .is_some()
            })
            .collect();
        assert_eq!(failing, [2, 3, 4]);
    }

    #[test]
    fn a_bad_plan_is_refused_with_key_and_expectation() {
        let error =
            FaultPlan::from_toml("[[fault]]\nat_s = -1.0\nkind = \"gpu_lost\"\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "fault[0].at_s = -1: expected seconds, 0 or more"
        );
        let error = FaultPlan::from_toml("[[fault]]\nat_s = 1.0\nkind = \"meteor\"\n").unwrap_err();
        assert!(error.to_string().contains("meteor"), "{error}");
    }
}
