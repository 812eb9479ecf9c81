//! The beat of a sensor: refreshes at equal distances, seen through readings that come when they come.
//!
//! Three steps. A Rayleigh periodogram finds the period: the mean of exp(2πi·t/T) over the refreshes
//! is one where they all fall on one phase (Mardia and Jupp, Directional Statistics, section 5.3).
//! A line through refresh times over their numbers gives the period with its standard error. Last,
//! every reading bounds the beat: the refresh that it shows came before it, the next one after it.
//! Where some line obeys all bounds, the beat is known to what they leave open, which is far less
//! than the time between two readings.

mod bounds;

use bounds::{Bounds, Line};
use serde::{Deserialize, Serialize};

use crate::quantity::{Quantity, Unidentified};
use crate::series::{Change, count, mean_and_deviation, quantile, sorted};

/// Refreshes on one phase make 1, at random times 0; one that is refreshed by whoever asks drifts
/// and stays far below this.
const LEAST_COHERENCE: f64 = 0.55;
/// Refreshes on a beat lie within half of their bracket around the line, half of them within a
/// quarter. Those that wander lie further off.
const MOST_RESIDUAL: f64 = 0.75;
/// Fewer refreshes say nothing about a beat.
const FEWEST: usize = 8;

/// A regular beat in seconds from the origin of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// Time between two refreshes, in seconds.
    pub period_s: Quantity,
    /// Time of the refresh with number zero.
    pub origin_s: f64,
    /// Standard uncertainty of a refresh's time, from what the readings leave open.
    pub time_uncertainty_s: f64,
    /// Mean direction of the refreshes on the circle of the period: 1 is perfect.
    pub coherence: f64,
    /// Median distance of the refreshes, as first seen, from the line through them, in seconds.
    pub residual_median_s: f64,
    /// The distance that 95 % of them keep, in seconds.
    pub residual_p95_s: f64,
    /// Refreshes that the line goes through.
    pub refreshes: u32,
    /// Beats between the first and the last of them that no reading showed.
    pub unseen: u32,
}

impl Beat {
    /// Number of the last beat at or before a time.
    pub fn number_before(&self, at_s: f64) -> f64 {
        ((at_s - self.origin_s) / self.period_s.value).floor()
    }

    /// Number of the beat nearest to a time.
    pub fn number_near(&self, at_s: f64) -> f64 {
        ((at_s - self.origin_s) / self.period_s.value).round()
    }

    /// Time of a beat.
    pub fn time_s(&self, number: f64) -> f64 {
        self.origin_s + number * self.period_s.value
    }
}

/// The usual time between changes: the median of those gaps that are not multiples of the shortest.
pub fn usual_gap_s(changes: &[Change]) -> Result<Quantity, Unidentified> {
    let gaps = sorted(
        changes
            .windows(2)
            .map(|pair| pair[1].middle_s() - pair[0].middle_s()),
    );
    if gaps.len() + 1 < FEWEST {
        return Err(Unidentified::TooFewChanges);
    }
    let short = quantile(&gaps, 0.1).ok_or(Unidentified::TooFewChanges)?;
    let single: Vec<f64> = gaps
        .iter()
        .copied()
        .filter(|gap| *gap <= 1.5 * short)
        .collect();
    let median = quantile(&single, 0.5).ok_or(Unidentified::TooFewChanges)?;
    let (_, deviation) = mean_and_deviation(&single).ok_or(Unidentified::TooFewChanges)?;
    // The standard error of a median of normal values is 1.25 times that of their mean.
    Ok(Quantity::new(
        median,
        1.2533 * deviation / count(single.len()).sqrt(),
    ))
}

/// The beat of a field whose period is known to lie within a relative distance of a guess.
///
/// # Errors
/// [`Unidentified::TooFewChanges`], or [`Unidentified::NoRegularBeat`] where no phase stands out.
pub fn find(changes: &[Change], guess_s: f64, within: f64) -> Result<Beat, Unidentified> {
    if changes.len() < FEWEST {
        return Err(Unidentified::TooFewChanges);
    }
    let (first, last) = (changes[0].middle_s(), changes[changes.len() - 1].middle_s());
    let sharp: Vec<&Change> = changes
        .iter()
        .filter(|c| c.width_s() < 0.75 * guess_s)
        .collect();
    if sharp.len() < FEWEST {
        return Err(Unidentified::PolledTooSlowly);
    }
    let times: Vec<f64> = sharp.iter().map(|change| change.middle_s()).collect();
    let (period_s, coherence, phase) = strongest(&times, guess_s, within, last - first);
    if coherence < LEAST_COHERENCE {
        return Err(Unidentified::NoRegularBeat);
    }
    let near = |at_s: f64| ((at_s - phase) / period_s).round();
    let points: Vec<(f64, f64)> = times.iter().map(|at_s| (near(*at_s), *at_s)).collect();
    let line = Line::through(&points).ok_or(Unidentified::TooFewChanges)?;
    let residuals = sorted(points.iter().map(|(n, at_s)| (at_s - line.at(*n)).abs()));
    let widths = sorted(sharp.iter().map(|change| change.width_s()));
    let (residual, width) = (quantile(&residuals, 0.5), quantile(&widths, 0.5));
    if residual > width.map(|width| MOST_RESIDUAL * width) {
        return Err(Unidentified::NoRegularBeat);
    }
    let numbers = points[points.len() - 1].0 - points[0].0;
    let mut distinct: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
    distinct.dedup();
    let bounded =
        Bounds::of(changes, &line).narrowest(&line, points[0].0, points[points.len() - 1].0);
    Ok(Beat {
        period_s: Quantity::new(bounded.period_s, bounded.period_uncertainty_s),
        origin_s: bounded.origin_s,
        time_uncertainty_s: bounded.time_uncertainty_s,
        coherence,
        residual_median_s: quantile(&residuals, 0.5).unwrap_or_default(),
        residual_p95_s: quantile(&residuals, 0.95).unwrap_or_default(),
        refreshes: small(count(points.len())),
        unseen: small(numbers + 1.0 - count(distinct.len())),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of refreshes; below zero becomes zero"
)]
fn small(value: f64) -> u32 {
    value as u32
}

/// Period, coherence and phase of the strongest beat near a guess.
fn strongest(times: &[f64], guess_s: f64, within: f64, span_s: f64) -> (f64, f64, f64) {
    let direction = |period_s: f64| {
        let (mut cosine, mut sine) = (0.0, 0.0);
        for at_s in times {
            let angle = std::f64::consts::TAU * (at_s / period_s);
            cosine += libm::cos(angle);
            sine += libm::sin(angle);
        }
        let n = count(times.len());
        (libm::hypot(cosine, sine) / n, libm::atan2(sine, cosine))
    };
    // A tenth of the frequency that one more turn over the whole recording would make.
    let step = 0.1 * guess_s / span_s.max(guess_s);
    let mut best = (guess_s, direction(guess_s));
    let mut relative = -within;
    while relative <= within {
        // Equal steps in frequency.
        let period_s = guess_s / (1.0 + relative);
        let found = direction(period_s);
        if found.0 > best.1.0 {
            best = (period_s, found);
        }
        relative += step;
    }
    let (period_s, (coherence, angle)) = best;
    (
        period_s,
        coherence,
        angle / std::f64::consts::TAU * period_s,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Refreshes every `period_s`, read every `poll_s` with jitter.
    fn seen(period_s: f64, phase_s: f64, poll_s: f64, span_s: f64) -> Vec<Change> {
        let mut found = Vec::new();
        let (mut previous_s, mut number, mut poll) = (0.0_f64, -1.0_f64, 0_u32);
        let mut at_s = 0.0;
        while at_s < span_s {
            let now = ((at_s - phase_s) / period_s).floor();
            if now > number {
                found.push(Change {
                    raw: i64::from(poll),
                    after_s: previous_s,
                    by_s: at_s + 1e-4,
                });
                number = now;
            }
            previous_s = at_s;
            poll += 1;
            at_s = f64::from(poll) * poll_s
                + 0.2 * poll_s * libm::sin(f64::from(poll) * f64::from(poll));
        }
        found.remove(0);
        found
    }

    proptest! {
        #[test]
        fn a_beat_is_found_within_its_uncertainty(
            period_ms in 18.0f64..120.0, phase in 0.0f64..1.0, poll_share in 0.02f64..0.4, span in 5.0f64..40.0
        ) {
            let period_s = period_ms / 1e3;
            let changes = seen(period_s, phase * period_s, poll_share * period_s, span);
            let beat = find(&changes, period_s * 1.01, 0.05).expect("a regular beat");
            prop_assert!(
                (beat.period_s.value - period_s).abs() <= 3.0 * beat.period_s.standard_uncertainty,
                "{beat:?} against {period_s}"
            );
            let number = beat.number_near(span / 2.0);
            let true_number = ((beat.time_s(number) - phase * period_s) / period_s).round();
            let truth = phase * period_s + true_number * period_s;
            prop_assert!((beat.time_s(number) - truth).abs() <= 3.0 * beat.time_uncertainty_s);
            prop_assert!(beat.time_uncertainty_s < 0.3 * poll_share * period_s);
        }
    }

    #[test]
    fn random_times_have_no_beat() {
        let changes: Vec<Change> = (0..200_u32)
            .scan(0.0, |at_s, n| {
                *at_s += 0.05 + 0.1 * libm::sin(f64::from(n) * 1.7).abs();
                Some(Change {
                    raw: i64::from(n),
                    after_s: *at_s - 0.002,
                    by_s: *at_s,
                })
            })
            .collect();
        assert_eq!(find(&changes, 0.1, 0.1), Err(Unidentified::NoRegularBeat));
    }
}
