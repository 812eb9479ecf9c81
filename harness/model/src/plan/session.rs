//! The device and the times of each run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PlanError, Tier};

/// The device and the times of each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Which kind of device is measured.
    pub device: DeviceKind,
    /// Which of them, from 0.
    #[serde(default)]
    pub device_index: u32,
    /// The board that is emulated, by the name of its profile; needed and allowed for the device
    /// `emulated` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Time between two samples.
    pub sample_period_ms: u32,
    /// Idle baseline before the worker starts, in seconds.
    pub idle_s: f64,
    /// How long the worker warms up before the window, in seconds.
    pub warmup_s: f64,
    /// Shortest window, in seconds; it ends with the iteration that passes this time.
    pub window_s: f64,
    /// Pause after the worker ended, before the second idle baseline, in seconds.
    pub cooldown_s: f64,
    /// Longest silence of the worker before it counts as hung, in seconds.
    pub timeout_s: f64,
}

/// `[session]` as it is written. Times that a tier sets may be left out in a plan that names one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSource {
    /// As [`SessionSettings::device`].
    pub device: DeviceKind,
    /// As [`SessionSettings::device_index`].
    #[serde(default)]
    pub device_index: u32,
    /// As [`SessionSettings::board`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// As [`SessionSettings::sample_period_ms`].
    pub sample_period_ms: u32,
    /// As [`SessionSettings::idle_s`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_s: Option<f64>,
    /// As [`SessionSettings::warmup_s`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_s: Option<f64>,
    /// As [`SessionSettings::window_s`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<f64>,
    /// As [`SessionSettings::cooldown_s`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_s: Option<f64>,
    /// As [`SessionSettings::timeout_s`].
    pub timeout_s: f64,
}

impl SessionSource {
    /// The settings of a plan of this tier, or of a plan without one.
    pub(super) fn validate(self, tier: Option<Tier>) -> Result<SessionSettings, PlanError> {
        let rules = tier.map(Tier::rules);
        let time = |key: &str, given: Option<f64>, demanded: Option<f64>| {
            match (given, demanded) {
            (None, None) => Err(PlanError::new(
                format!("session.{key}"),
                "absent",
                "seconds; only a plan with 'protocol' may leave it out",
            )),
            (None, Some(demanded)) => Ok(demanded),
            (Some(given), Some(demanded)) if given < demanded => Err(PlanError::new(
                format!("session.{key}"),
                given,
                tier.map_or_else(String::new, |tier| {
                    format!(
                        "at least {demanded} s, which protocol '{tier}' demands, or the key to be left out"
                    )
                }),
            )),
            (Some(given), _) => Ok(given),
        }
        };
        let settings = SessionSettings {
            device: self.device,
            device_index: self.device_index,
            board: self.board,
            sample_period_ms: self.sample_period_ms,
            idle_s: time("idle_s", self.idle_s, rules.map(|rules| rules.idle_s))?,
            warmup_s: time("warmup_s", self.warmup_s, rules.map(|rules| rules.warmup_s))?,
            window_s: time("window_s", self.window_s, rules.map(|rules| rules.window_s))?,
            cooldown_s: time(
                "cooldown_s",
                self.cooldown_s,
                rules.map(|rules| rules.cooldown_s),
            )?,
            timeout_s: self.timeout_s,
        };
        settings.validate()?;
        Ok(settings)
    }
}

impl SessionSettings {
    fn validate(&self) -> Result<(), PlanError> {
        if !(1..=1_000).contains(&self.sample_period_ms) {
            return Err(PlanError::new(
                "session.sample_period_ms",
                self.sample_period_ms,
                "a whole number from 1 to 1000",
            ));
        }
        if let Some(board) = &self.board
            && self.device != DeviceKind::Emulated
        {
            return Err(PlanError::new(
                "session.board",
                board,
                format!(
                    "the key to be left out: device '{}' is what it is, only 'emulated' takes a board",
                    self.device
                ),
            ));
        }
        let times = [
            ("session.idle_s", self.idle_s, 0.0, 3_600.0),
            ("session.warmup_s", self.warmup_s, 0.0, 3_600.0),
            ("session.window_s", self.window_s, 0.1, 36_000.0),
            ("session.cooldown_s", self.cooldown_s, 0.0, 3_600.0),
            ("session.timeout_s", self.timeout_s, 0.1, 36_000.0),
        ];
        for (key, seconds, low, high) in times {
            if !(low..=high).contains(&seconds) {
                return Err(PlanError::new(
                    key,
                    seconds,
                    format!("seconds from {low} to {high}"),
                ));
            }
        }
        Ok(())
    }

    /// How long one run takes beyond the loading of the model, in seconds: the sum of its stages.
    pub fn planned_s(&self) -> f64 {
        2.0 * self.idle_s + self.warmup_s + self.window_s + self.cooldown_s
    }
}

/// The kinds of device that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// An NVIDIA GPU through `libnvidia-ml.so.1`.
    Nvml,
    /// This machine's processor, with RAPL energy where it can be read.
    Cpu,
    /// The emulated GPU in virtual time.
    Emulated,
}

impl DeviceKind {
    /// Every kind, in the order of help texts.
    pub const ALL: [Self; 3] = [Self::Nvml, Self::Cpu, Self::Emulated];

    /// The word in plans and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvml => "nvml",
            Self::Cpu => "cpu",
            Self::Emulated => "emulated",
        }
    }

    /// Whether clocks and power limits of such a device can be set. On an NVIDIA GPU the user has to
    /// allow it when the plan is run; the emulated one is nobody else's.
    pub const fn can_be_controlled(self) -> bool {
        matches!(self, Self::Nvml | Self::Emulated)
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
