//! In what state the device was while the command ran.

use metering::validity::ClockReason;
use model::sample::Sample;
use model::units::Nanos;
use serde::Serialize;

/// Lowest, time-weighted mean and highest value in a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// Lowest.
    pub low: f64,
    /// Mean by time.
    pub mean: f64,
    /// Highest.
    pub high: f64,
}

/// A reason and the share of the window in which it held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReasonShare {
    /// The reason.
    pub reason: ClockReason,
    /// From 0 to 1.
    pub share: f64,
}

/// The state of a device in a window. What it does not show is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Condition {
    /// Clock of the multiprocessors.
    pub sm_clock_mhz: Option<Range>,
    /// Temperature of the chip.
    pub temperature_c: Option<Range>,
    /// Temperature at the end.
    pub end_temperature_c: Option<f64>,
    /// Why the clock was not at its highest, in the order of the bits.
    pub reasons: Vec<ReasonShare>,
}

impl Condition {
    /// Of the samples between two moments.
    pub fn of(samples: &[Sample], begin: Nanos, end: Nanos) -> Self {
        let inside: Vec<&Sample> = samples
            .iter()
            .filter(|sample| sample.at_ns >= begin && sample.at_ns <= end)
            .collect();
        let temperature = |sample: &Sample| sample.temperature_c.map(degrees);
        Self {
            sm_clock_mhz: range(&inside, end, |sample| {
                sample.sm_clock_mhz.map(|clock| f64::from(clock.get()))
            }),
            temperature_c: range(&inside, end, temperature),
            end_temperature_c: inside.last().and_then(|sample| temperature(sample)),
            reasons: reasons(&inside, end),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a temperature is a small number"
)]
const fn degrees(celsius: i64) -> f64 {
    celsius as f64
}

/// Each sample holds until the next; the last until the end.
#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
fn weights<'a>(samples: &'a [&Sample], end: Nanos) -> impl Iterator<Item = f64> + 'a {
    let next = samples
        .iter()
        .skip(1)
        .map(|sample| sample.at_ns)
        .chain([end]);
    samples
        .iter()
        .zip(next)
        .map(|(sample, next)| next.saturating_sub(sample.at_ns).get().max(1) as f64)
}

fn range(samples: &[&Sample], end: Nanos, value: impl Fn(&Sample) -> Option<f64>) -> Option<Range> {
    let (mut weight, mut sum) = (0.0, 0.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (sample, share) in samples.iter().zip(weights(samples, end)) {
        let Some(value) = value(sample) else { continue };
        weight += share;
        sum += share * value;
        low = low.min(value);
        high = high.max(value);
    }
    (weight > 0.0).then(|| Range {
        low,
        mean: sum / weight,
        high,
    })
}

fn reasons(samples: &[&Sample], end: Nanos) -> Vec<ReasonShare> {
    let known: Vec<(u64, f64)> = samples
        .iter()
        .zip(weights(samples, end))
        .filter_map(|(sample, weight)| Some((sample.event_reasons?, weight)))
        .collect();
    let whole: f64 = known.iter().map(|(_, weight)| weight).sum();
    ClockReason::ALL
        .into_iter()
        .filter_map(|reason| {
            let held: f64 = known
                .iter()
                .filter(|(bits, _)| bits & reason.bit() != 0)
                .map(|(_, weight)| weight)
                .sum();
            (held > 0.0).then(|| ReasonShare {
                reason,
                share: held / whole,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use model::units::Megahertz;

    use super::*;

    fn sample(at_ms: u64, clock: u32, reasons: u64) -> Sample {
        Sample {
            at_ns: Nanos::from_millis(at_ms),
            sm_clock_mhz: Some(Megahertz::new(clock)),
            temperature_c: Some(50),
            event_reasons: Some(reasons),
            ..Sample::default()
        }
    }

    #[test]
    fn values_count_by_the_time_that_they_held() {
        let samples = [
            sample(0, 345, 0x1),
            sample(10, 1_980, 0x0),
            sample(40, 1_500, 0x4),
            sample(60, 345, 0x1),
        ];
        let condition = Condition::of(&samples, Nanos::from_millis(10), Nanos::from_millis(50));
        let clock = condition.sm_clock_mhz.unwrap();
        assert!(
            (clock.mean - (1_980.0 * 0.75 + 1_500.0 * 0.25)).abs() < 1e-9,
            "{clock:?}"
        );
        assert_eq!((clock.low, clock.high), (1_500.0, 1_980.0));
        let [only] = condition.reasons.as_slice() else {
            panic!("{:?}", condition.reasons)
        };
        assert_eq!(only.reason, ClockReason::PowerCap);
        assert!((only.share - 0.25).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_read_is_absent() {
        let bare = [Sample {
            at_ns: Nanos::new(5),
            ..Sample::default()
        }];
        let condition = Condition::of(&bare, Nanos::new(0), Nanos::new(9));
        assert_eq!(condition, Condition::default());
    }
}
