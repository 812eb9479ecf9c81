//! From a recording of a known load to the profile of the sensors.

mod boxcar;
mod counter;
mod field;
mod load;
mod resolution;
mod response;

use model::sample::Sample;
use model::units::Seconds;
use thiserror::Error;

pub use load::BusySpan;

use crate::class::BoardClass;
use crate::instrument::{CounterModel, Instrument};
use crate::profile::{CounterProfile, PROFILE_VERSION, ReadCost, SensorProfile};
use crate::quantity::{Identified, Quantity, Unidentified};
use crate::series::{Field, quantile, seconds_since, sorted};
use crate::window::Ticks;
use field::Seen;
use load::Load;

/// Why nothing can be identified.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum IdentifyError {
    /// Too little was recorded.
    #[error(
        "recording has {samples} samples over {length_s:.1} s, expected at least 100 over 5 s; play the whole schedule"
    )]
    TooShort {
        /// Samples.
        samples: usize,
        /// From the first to the last, in seconds.
        length_s: f64,
    },
    /// Samples are not in the order of time.
    #[error("at_ns of sample {index} lies before that of the one before it; sort the recording")]
    OutOfOrder {
        /// Index of the sample.
        index: usize,
    },
    /// Spans of load are not in the order of time.
    #[error("busy span {index} begins before the one before it ends; sort the spans")]
    SpansOverlap {
        /// Index of the span.
        index: usize,
    },
}

/// The profile of the sensors that made a recording while a known load was played.
///
/// # Errors
/// [`IdentifyError`] where the recording says nothing at all. What it leaves open in parts is an
/// [`Identified::Unknown`] with its reason.
pub fn identify(samples: &[Sample], busy: &[BusySpan]) -> Result<SensorProfile, IdentifyError> {
    let (origin, end_s) = match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => (first.at_ns, seconds_since(first.at_ns, last.at_ns)),
        _ => {
            return Err(IdentifyError::TooShort {
                samples: 0,
                length_s: 0.0,
            });
        }
    };
    if samples.len() < 100 || end_s < 5.0 {
        return Err(IdentifyError::TooShort {
            samples: samples.len(),
            length_s: end_s,
        });
    }
    if let Some(index) = (1..samples.len()).find(|i| samples[*i].at_ns < samples[*i - 1].at_ns) {
        return Err(IdentifyError::OutOfOrder { index });
    }
    if let Some(index) = (1..busy.len()).find(|i| busy[*i].begin_ns < busy[*i - 1].end_ns) {
        return Err(IdentifyError::SpansOverlap { index });
    }
    let load = Load::of(busy, origin, end_s);
    let seen: Vec<Seen> = Field::ALL
        .into_iter()
        .filter_map(|field| Seen::of(samples, field, origin))
        .collect();
    let of = |field: Field| seen.iter().find(|seen| seen.field == field);
    let counter = of(Field::Energy);
    let ticks = counter
        .and_then(|counter| counter.beat.ok())
        .and_then(|beat| Ticks::of(samples, &bare_instrument(beat.period_s), origin));
    let fields = seen
        .iter()
        .filter(|seen| seen.field != Field::Energy)
        .map(|seen| seen.profile(&load, ticks.as_ref()))
        .collect();
    let mut profile = SensorProfile {
        version: PROFILE_VERSION,
        counter: counter.map_or_else(no_counter, |seen| {
            counter::profile(seen, &load, ticks.as_ref())
        }),
        fields,
        agreement: Vec::new(),
        read_cost: read_cost(samples).into(),
        clock: response::response(of(Field::SmClock), &load),
        temperature: response::response(of(Field::Temperature), &load),
        cooling: response::cooling(of(Field::Temperature), &load).into(),
    };
    let quickest = profile
        .quickest_power()
        .map(|quick| {
            (
                quick.field,
                quick.resolution.known().map_or(0.0, |q| q.value),
            )
        })
        .or_else(|| of(Field::Power).map(|_| (Field::Power, 0.0)));
    if let (Some(ticks), Some((field, resolution_w))) = (&ticks, quickest)
        && let Some(seen) = of(field)
    {
        profile.agreement = counter::agreement(ticks, seen, resolution_w, &load);
    }
    Ok(profile)
}

/// An instrument that knows nothing but the counter's tick: counter and power are not yet related.
fn bare_instrument(period_s: Quantity) -> Instrument {
    let default = Instrument::of_class(BoardClass::Other);
    Instrument {
        counter: CounterModel {
            period_s,
            period_within: 1e-3,
            latency_s: Quantity::new(0.0, 0.0),
            resolution_j: default.counter.resolution_j,
        },
        power: None,
        ..default
    }
}

fn no_counter() -> CounterProfile {
    let missing = Unidentified::NotRecorded;
    CounterProfile {
        period_ms: Identified::Unknown(missing),
        phase_jitter_ms: Identified::Unknown(missing),
        unseen_ticks: Identified::Unknown(missing),
        resolution_j: Identified::Unknown(missing),
        latency_ms: Identified::Unknown(missing),
    }
}

fn read_cost(samples: &[Sample]) -> Result<ReadCost, Unidentified> {
    let costs = sorted(
        samples
            .iter()
            .map(|sample| Seconds::from(sample.read_ns).get() * 1e6),
    );
    let (median_us, p99_us) = (quantile(&costs, 0.5), quantile(&costs, 0.99));
    match (median_us, p99_us) {
        (Some(median_us), Some(p99_us)) if p99_us > 0.0 => Ok(ReadCost { median_us, p99_us }),
        _ => Err(Unidentified::NotRecorded),
    }
}
