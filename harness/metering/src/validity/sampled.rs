//! Findings from the samples of a window.

use model::sample::Sample;
use model::units::{Nanos, Seconds};

use super::{Finding, Judged, Limit, Limits, RunFacts, note, quarantine};
use crate::series::{Field, count, number};

/// Each value with the time for which it held within the window, in seconds; failed readings leave
/// their time out.
fn held<T>(
    samples: &[Sample],
    facts: &RunFacts,
    get: impl Fn(&Sample) -> Option<T>,
) -> Vec<(T, f64)> {
    let [begin, end] = facts.window;
    let ends = samples
        .iter()
        .skip(1)
        .map(|sample| sample.at_ns)
        .chain([end]);
    samples
        .iter()
        .zip(ends)
        .filter_map(|(sample, until)| {
            let from = sample.at_ns.max(begin);
            let seconds = Seconds::from(until.min(end).saturating_sub(from)).get();
            Some((get(sample)?, seconds))
        })
        .filter(|(_, seconds)| *seconds > 0.0)
        .collect()
}

fn share<T>(held: &[(T, f64)], is: impl Fn(&T) -> bool) -> f64 {
    let total: f64 = held.iter().map(|(_, s)| s).sum();
    held.iter()
        .filter(|(value, _)| is(value))
        .map(|(_, s)| s)
        .sum::<f64>()
        / total
}

pub(super) fn clock(
    samples: &[Sample],
    facts: &RunFacts,
    limits: &Limits,
    judged: &mut Vec<Judged>,
) {
    let Some((requested_mhz, step_mhz)) = facts.requested_clock_mhz else {
        return;
    };
    let clocks = held(samples, facts, |sample| {
        sample.sm_clock_mhz.map(model::units::Megahertz::get)
    });
    if clocks.is_empty() {
        judged.push(quarantine(Finding::NotRead {
            field: Field::SmClock,
        }));
        return;
    }
    let residency = share(&clocks, |mhz| mhz.abs_diff(requested_mhz) <= step_mhz);
    let total: f64 = clocks.iter().map(|(_, s)| s).sum();
    let mean_mhz = clocks
        .iter()
        .map(|(mhz, s)| f64::from(*mhz) * s)
        .sum::<f64>()
        / total;
    if residency < limits.residency {
        judged.push(quarantine(Finding::ClockNotHeld {
            requested_mhz,
            residency,
            mean_mhz,
        }));
    }
}

pub(super) fn limits(
    samples: &[Sample],
    facts: &RunFacts,
    limits: &Limits,
    judged: &mut Vec<Judged>,
) {
    let reasons = held(samples, facts, |sample| sample.event_reasons);
    if reasons.is_empty() {
        return;
    }
    for limit in Limit::ALL {
        let share = share(&reasons, |bits| bits & limit.bit() != 0);
        if share > limits.limited_share {
            judged.push(Judged {
                finding: Finding::Limited { limit, share },
                severity: limit.severity(),
            });
        }
    }
}

pub(super) fn gaps(
    samples: &[Sample],
    facts: &RunFacts,
    limits: &Limits,
    judged: &mut Vec<Judged>,
) {
    let period_s = Seconds::from(facts.sample_period).get();
    let window_s = Seconds::from(facts.window[1].saturating_sub(facts.window[0])).get();
    if period_s <= 0.0 || window_s <= 0.0 {
        return;
    }
    let begin = samples
        .first()
        .map_or(facts.window[0], |sample| sample.at_ns);
    let times = [begin]
        .into_iter()
        .chain(samples.iter().map(|sample| sample.at_ns))
        .chain([facts.window[1]]);
    let times: Vec<Nanos> = times.collect();
    let (mut missed, mut longest_gap_s) = (0.0, 0.0_f64);
    for pair in times.windows(2) {
        let gap_s = Seconds::from(pair[1].saturating_sub(pair[0])).get();
        longest_gap_s = longest_gap_s.max(gap_s);
        // Half a period of lateness is jitter, more is a deadline without a sample.
        missed += ((gap_s / period_s).round() - 1.0).max(0.0);
    }
    if missed < 1.0 {
        return;
    }
    let share = (missed / (window_s / period_s)).min(1.0);
    let finding = Finding::MissedSamples {
        missed: whole(missed),
        share,
        longest_gap_s,
    };
    judged.push(
        if share > limits.missed_share || longest_gap_s > limits.gap_s {
            quarantine(finding)
        } else {
            note(finding)
        },
    );
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of samples, zero or more"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

/// A counter that shows less than this share of what it showed before began anew.
const RESET_SHARE: f64 = 0.5;

pub(super) fn counter(
    samples: &[Sample],
    facts: &RunFacts,
    limits: &Limits,
    judged: &mut Vec<Judged>,
) {
    let readings: Vec<(Nanos, i64)> = samples
        .iter()
        .filter_map(|sample| Some((sample.at_ns, Field::Energy.raw(sample)?)))
        .collect();
    for pair in readings.windows(2) {
        let ((_, before), (at_ns, now)) = (pair[0], pair[1]);
        if now >= before {
            continue;
        }
        let finding = if number(now) < RESET_SHARE * number(before) {
            Finding::CounterReset {
                at_ns,
                from_mj: before.unsigned_abs(),
            }
        } else {
            Finding::CounterBackwards {
                at_ns,
                by_mj: before.abs_diff(now),
            }
        };
        judged.push(quarantine(finding));
    }
    let for_s = longest_still_s(&readings);
    if facts.tick_s > 0.0 && for_s > limits.frozen_ticks * facts.tick_s {
        judged.push(quarantine(Finding::CounterFrozen { for_s }));
    }
}

/// Fields whose steps are so fine that noise moves them at every refresh.
const RESTLESS: [Field; 3] = [Field::PowerAverage, Field::Power, Field::MemoryPower];

/// A field that stands still while it is read.
pub(super) fn still(samples: &[Sample], limits: &Limits, judged: &mut Vec<Judged>) {
    for field in RESTLESS {
        let readings: Vec<(Nanos, i64)> = samples
            .iter()
            .filter_map(|sample| Some((sample.at_ns, field.raw(sample)?)))
            .collect();
        let for_s = longest_still_s(&readings);
        if for_s > limits.still_s {
            judged.push(quarantine(Finding::SensorFrozen { field, for_s }));
            return;
        }
    }
}

/// Longest time from the first to the last of equal readings.
fn longest_still_s(readings: &[(Nanos, i64)]) -> f64 {
    let Some((mut since, mut shown)) = readings.first().copied() else {
        return 0.0;
    };
    let mut longest = Nanos::new(0);
    for (at, value) in readings.iter().copied() {
        if value == shown {
            longest = longest.max(at.saturating_sub(since));
        } else {
            (since, shown) = (at, value);
        }
    }
    Seconds::from(longest).get()
}

pub(super) fn temperature(samples: &[Sample], facts: &RunFacts, judged: &mut Vec<Judged>) {
    let is_asked = facts.allowed_temperature_c.is_some() || facts.start_temperature_c.is_some();
    let seen: Vec<i64> = samples
        .iter()
        .filter_map(|sample| sample.temperature_c)
        .collect();
    let (Some(first), Some(low), Some(high)) = (
        seen.first().copied(),
        seen.iter().copied().min(),
        seen.iter().copied().max(),
    ) else {
        if is_asked && count(samples.len()) > 0.0 {
            judged.push(quarantine(Finding::NotRead {
                field: Field::Temperature,
            }));
        }
        return;
    };
    if let Some(allowed_c) = facts.allowed_temperature_c
        && (low < allowed_c[0] || high > allowed_c[1])
    {
        judged.push(quarantine(Finding::TemperatureOutOfBand {
            seen_c: [low, high],
            allowed_c,
        }));
    }
    if let Some((target_c, tolerance_k)) = facts.start_temperature_c
        && (first - target_c).abs() > tolerance_k
    {
        // The start temperature is a covariate of the analysis, not a fault of the run.
        judged.push(note(Finding::StartTemperature {
            seen_c: first,
            target_c,
            tolerance_k,
        }));
    }
}
