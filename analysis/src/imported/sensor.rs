//! What is known of sensors, as it lies in `sensor.json`.

use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::estimate::{Estimate, LEVEL, Method, round_for_record};
use crate::quantity::Quantity;

/// Version of `sensor.json`. Changelog: 1 = first.
pub const SENSOR_SCHEMA: u32 = 1;

/// The whole of `sensor.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorReport {
    /// [`SENSOR_SCHEMA`] of the writer.
    pub schema: u32,
    /// Numbers by key.
    pub quantities: Vec<SensorQuantity>,
    /// Stretches of the recordings, for figures.
    pub series: Vec<SensorSeries>,
    /// Recordings that are not there.
    pub unread: Vec<UnreadSource>,
}

/// One number about a sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorQuantity {
    /// Dotted key, for example `pulses_30ms.instant_vs_counter`.
    pub key: String,
    /// One sentence.
    pub description: String,
    /// Name of the recording.
    pub source: String,
    /// Always imported.
    pub provenance: Provenance,
    /// Unit of value and bounds.
    pub unit: String,
    /// The estimate.
    pub value: f64,
    /// Lower bound; absent with a reason.
    pub low: Option<f64>,
    /// Upper bound; absent with a reason.
    pub high: Option<f64>,
    /// Confidence level of the bounds.
    pub level: f64,
    /// Readings that entered.
    pub n: usize,
    /// How it was computed.
    pub method: Method,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// A stretch of a recording: each trace is a list of moments at which its value changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorSeries {
    /// `step` or `pulses`.
    pub key: String,
    /// Name of the recording.
    pub source: String,
    /// Always imported.
    pub provenance: Provenance,
    /// First and last moment of the stretch, from the start of the recording.
    pub span_s: [f64; 2],
    /// Field 186 at each refresh; holds until the next.
    pub instant: Vec<PowerPoint>,
    /// Field 185 at each refresh; holds until the next.
    pub average: Vec<PowerPoint>,
    /// Mean power between two ticks of the counter, at the later tick.
    pub counter: Vec<PowerPoint>,
    /// When the load was on.
    pub busy_s: Vec<[f64; 2]>,
}

/// A power at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPoint {
    /// Seconds from the start of the recording.
    pub time_s: f64,
    /// Watts.
    pub power_w: f64,
}

/// A recording that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadSource {
    /// Name of the recording.
    pub source: String,
    /// Why.
    pub reason: String,
}

impl SensorReport {
    /// The number of a key.
    pub fn get(&self, key: &str) -> Option<&SensorQuantity> {
        self.quantities.iter().find(|quantity| quantity.key == key)
    }
}

impl SensorQuantity {
    /// A number with the interval of its estimate.
    pub(super) fn new<U: Quantity>(
        source: &str,
        key: impl Into<String>,
        unit: &str,
        description: impl Into<String>,
        estimate: &Estimate<U>,
    ) -> Self {
        let number = |quantity: U| round_for_record(quantity.number());
        Self {
            key: key.into(),
            description: description.into(),
            source: source.to_owned(),
            provenance: Provenance::Imported,
            unit: unit.to_owned(),
            value: number(estimate.value),
            low: estimate.interval.ok().map(|interval| number(interval.low)),
            high: estimate.interval.ok().map(|interval| number(interval.high)),
            level: LEVEL,
            n: estimate.n,
            method: estimate.method,
            reason: estimate.interval.err().map(|reason| reason.to_string()),
        }
    }
}
