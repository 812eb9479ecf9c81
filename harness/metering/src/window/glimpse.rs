//! Glimpses of power: each refresh of a power field with the time over which it averages.

use model::sample::Sample;
use model::units::Nanos;

use crate::beat;
use crate::instrument::PowerModel;
use crate::series::{Change, changes, number, seconds_since};

/// A refresh of the power field, with the time over which it averages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glimpse {
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    pub(crate) power_w: f64,
}

/// Refreshes of the power field, on its beat where it has one.
pub(crate) fn glimpses(samples: &[Sample], power: &PowerModel, origin: Nanos) -> Vec<Glimpse> {
    let seen = changes(samples, power.field, origin);
    let glimpse = |refresh_s: f64, raw: i64| {
        let to_s = refresh_s - power.lag_s.value;
        Glimpse {
            from_s: to_s - power.window_s.value,
            to_s,
            power_w: number(raw) / 1e3,
        }
    };
    let Ok(beat) = beat::find(&seen, power.period_s.value, 0.03) else {
        return held(&seen, power.period_s.value, span_s(samples, origin))
            .map(|(at_s, raw)| glimpse(at_s, raw))
            .collect();
    };
    let mut found: Vec<Glimpse> = Vec::with_capacity(seen.len());
    let mut held: Option<(f64, i64)> = None;
    let end = (beat.number_before(span_s(samples, origin)) + 1.0, 0);
    let numbered = seen.iter().map(|change| {
        let is_sharp = change.width_s() < 0.75 * beat.period_s.value;
        let number = if is_sharp {
            beat.number_near(change.middle_s())
        } else {
            beat.number_before(change.by_s)
        };
        (number, change.raw)
    });
    for (number, raw) in numbered.chain([end]) {
        // Refreshes that showed the same again are readings too.
        if let Some((mut from, old)) = held {
            while from < number {
                found.push(glimpse(beat.time_s(from), old));
                from += 1.0;
            }
        }
        held = Some((number, raw));
    }
    found
}

/// Where the first reading stands, so that other times count from there.
pub(crate) fn span_s(samples: &[Sample], origin: Nanos) -> f64 {
    samples
        .last()
        .map_or(0.0, |last| seconds_since(origin, last.at_ns))
}

/// Refreshes of a field without a beat: each change where it was seen, and the same value again after
/// each usual gap for as long as it was shown.
fn held(seen: &[Change], gap_s: f64, end_s: f64) -> impl Iterator<Item = (f64, i64)> {
    let ends = seen.iter().skip(1).map(Change::middle_s).chain([end_s]);
    seen.iter().zip(ends).flat_map(move |(change, until_s)| {
        let first_s = change.middle_s();
        let again = std::iter::successors(Some(first_s), move |at_s| Some(at_s + gap_s))
            .skip(1)
            .take_while(move |at_s| *at_s <= until_s - gap_s / 2.0);
        let raw = change.raw;
        std::iter::once(first_s)
            .chain(again)
            .map(move |at_s| (at_s, raw))
    })
}
