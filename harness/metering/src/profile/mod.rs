//! What a device's sensors are like, as a calibration found them.

mod text;

use serde::{Deserialize, Serialize};

use crate::class::{BoardClass, Transfer};
use crate::instrument::{Basis, CounterModel, Drift, Instrument, PowerModel};
use crate::quantity::{Identified, Quantity};
use crate::series::{Field, count, mean_and_deviation};

/// Version of the format of a stored profile. 1: first.
pub const PROFILE_VERSION: u32 = 1;

/// The sensors of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorProfile {
    /// [`PROFILE_VERSION`].
    pub version: u32,
    /// The energy counter.
    pub counter: CounterProfile,
    /// Every other field that was recorded.
    pub fields: Vec<FieldProfile>,
    /// Counter against the power field with the shortest window, phase by phase.
    pub agreement: Vec<PhaseAgreement>,
    /// What it costs to read all sensors once.
    pub read_cost: Identified<ReadCost>,
    /// The clock after a step of the load.
    pub clock: StepResponse,
    /// The temperature after a step of the load.
    pub temperature: StepResponse,
    /// How the temperature falls after a step down.
    pub cooling: Identified<Cooling>,
}

/// The energy counter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterProfile {
    /// Time between two ticks, in ms.
    pub period_ms: Identified,
    /// Distance of ticks, as first seen, from the line through them: median and 95 %, in ms. Most of
    /// it is the time between readings.
    pub phase_jitter_ms: Identified<[f64; 2]>,
    /// Ticks between the first and the last that no reading showed.
    pub unseen_ticks: Identified<u32>,
    /// Least step, in J.
    pub resolution_j: Identified,
    /// How late energy is counted, in ms.
    pub latency_ms: Identified,
}

/// A field that shows a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldProfile {
    /// Which field.
    pub field: Field,
    /// Time between two refreshes, in ms.
    pub update_period_ms: Identified,
    /// Whether refreshes keep a beat of their own; if not, whoever asks causes them.
    pub is_regular: bool,
    /// Time over which a refresh averages, in ms.
    pub window_ms: Identified,
    /// Time from the end of that window to the refresh, in ms.
    pub lag_ms: Identified,
    /// Window by period: 1 sees everything, 0.25 a quarter.
    pub duty: Identified,
    /// Least step, in the field's unit.
    pub resolution: Identified,
    /// Time from a step of the load to 10, 50 and 90 % of the field's change, in ms.
    pub rise_ms: Identified<[f64; 3]>,
}

/// What the load was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadPhase {
    /// Nothing ran.
    Idle,
    /// One load without a break.
    Steady,
    /// A square wave.
    Pulsed,
}

impl LoadPhase {
    /// The phase as tables have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Steady => "steady",
            Self::Pulsed => "pulsed",
        }
    }
}

/// Counter against power in one phase, from tick to tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseAgreement {
    /// What the load was like.
    pub phase: LoadPhase,
    /// First and last tick, in seconds from the first sample.
    pub span_s: [f64; 2],
    /// Mean time between begins of pulses, in ms; of pulsed phases.
    pub pulse_period_ms: Option<f64>,
    /// Mean power by the counter, in W.
    pub counter_w: f64,
    /// Standard deviation of the counter's steps, in W.
    pub counter_step_deviation_w: f64,
    /// Time-weighted mean of the power field, in W.
    pub field_w: f64,
    /// Standard deviation of the field's refreshes, in W.
    pub field_deviation_w: f64,
    /// Field by counter, less one, in %.
    pub difference_percent: Quantity,
}

/// What it costs to read all sensors once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadCost {
    /// Median, in µs.
    pub median_us: f64,
    /// 99 % take no longer, in µs.
    pub p99_us: f64,
}

/// How a field follows a step of the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepResponse {
    /// Time from load on to 50 and 90 % of the change, in ms.
    pub on_ms: Identified<[f64; 2]>,
    /// Time from load off to 50 and 90 % of the change, in ms.
    pub off_ms: Identified<[f64; 2]>,
}

/// A sum of exponentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cooling {
    /// Poles that the recording tells apart, fastest first.
    pub poles: Vec<Pole>,
    /// Share of the fall that is over at the first reading: poles faster than the refresh.
    pub unresolved_share: f64,
    /// Deviation of the readings from the fit, in K.
    pub rms_k: f64,
}

/// One exponential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pole {
    /// Time constant in seconds.
    pub tau_s: Quantity,
    /// Its part of the fall, in K.
    pub amplitude_k: f64,
}

impl SensorProfile {
    /// What is known of a field.
    pub fn field(&self, field: Field) -> Option<&FieldProfile> {
        self.fields.iter().find(|profile| profile.field == field)
    }

    /// The power field with the shortest known window.
    pub fn quickest_power(&self) -> Option<&FieldProfile> {
        self.fields
            .iter()
            .filter(|profile| profile.field.is_board_power())
            .filter_map(|profile| Some((profile.window_ms.known()?.value, profile)))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.field.cmp(&a.1.field)))
            .map(|(_, profile)| profile)
    }

    /// The instrument that this profile makes. What it leaves open comes from the class of the
    /// board, and so do scale and zero: they need an external meter.
    pub fn instrument(&self, class: BoardClass) -> Instrument {
        let default = Instrument::of_class(class);
        let in_s = |known: &Identified, or: Quantity| known.known().map_or(or, |q| q.scaled(1e-3));
        let counter = CounterModel {
            period_s: in_s(&self.counter.period_ms, default.counter.period_s),
            period_within: if self.counter.period_ms.known().is_some() {
                1e-3
            } else {
                default.counter.period_within
            },
            latency_s: in_s(&self.counter.latency_ms, default.counter.latency_s),
            resolution_j: self
                .counter
                .resolution_j
                .known()
                .map_or(default.counter.resolution_j, |q| q.value),
        };
        let power = self.quickest_power().and_then(|profile| {
            Some(PowerModel {
                field: profile.field,
                period_s: profile.update_period_ms.known()?.scaled(1e-3),
                window_s: profile.window_ms.known()?.scaled(1e-3),
                lag_s: profile.lag_ms.known()?.scaled(1e-3),
                resolution_w: profile.resolution.known().map_or(0.5, |q| q.value),
            })
        });
        Instrument {
            basis: Basis::Profile,
            counter,
            power: power.or(default.power),
            drift: self.drift().unwrap_or(default.drift),
            transfer: class.transfer(),
        }
    }

    /// Drift of the scale: scatter of the agreement over idle and steady phases beyond what its own
    /// uncertainty explains; unseen is the standard error of all phases together. `None` with fewer
    /// than three phases.
    fn drift(&self) -> Option<Drift> {
        let quiet: Vec<Quantity> = self
            .agreement
            .iter()
            .filter(|a| a.phase != LoadPhase::Pulsed)
            .map(|a| a.difference_percent.scaled(0.01))
            .collect();
        if quiet.len() < 3 {
            return None;
        }
        let values: Vec<f64> = quiet.iter().map(|q| q.value).collect();
        let variances = || {
            quiet
                .iter()
                .map(|q| q.standard_uncertainty * q.standard_uncertainty)
        };
        let (_, deviation) = mean_and_deviation(&values)?;
        let explained = variances().sum::<f64>() / count(quiet.len());
        let excess = (deviation * deviation - explained).max(0.0);
        let unseen = 1.0 / variances().map(|variance| 1.0 / variance).sum::<f64>();
        Some(Drift {
            standard_uncertainty: excess.sqrt(),
            unseen: unseen.sqrt(),
        })
    }

    /// The same scale and zero with what a meter found.
    pub fn calibrated_instrument(&self, class: BoardClass, transfer: Transfer) -> Instrument {
        self.instrument(class).with_transfer(transfer)
    }
}
