//! The energy counter: tick, step, latency, and how it agrees with power.

use super::boxcar::{lag_of_means, timed_trains};
use super::field::{Refresh, Seen};
use super::load::Load;
use super::resolution::greatest_common_divisor;
use crate::profile::{CounterProfile, LoadPhase, PhaseAgreement};
use crate::quantity::{Identified, Quantity, Unidentified};
use crate::series::{count, mean_and_deviation};
use crate::window::Ticks;

pub(super) fn profile(seen: &Seen, load: &Load, ticks: Option<&Ticks>) -> CounterProfile {
    let beat = &seen.beat;
    let step = seen.changes.iter().fold(0, |gcd, change| {
        greatest_common_divisor(gcd, (change.raw - seen.first).abs())
    });
    let latency = ticks
        .ok_or(Unidentified::NoRegularBeat)
        .and_then(|ticks| latency_ms(ticks, load));
    CounterProfile {
        period_ms: beat.map(|beat| beat.period_s.scaled(1e3)).into(),
        phase_jitter_ms: beat
            .map(|beat| [beat.residual_median_s * 1e3, beat.residual_p95_s * 1e3])
            .into(),
        unseen_ticks: beat.map(|beat| beat.unseen).into(),
        resolution_j: if step > 0 {
            Identified::Known(Quantity::new(crate::series::number(step) / 1e3, 0.0))
        } else {
            Identified::Unknown(Unidentified::TooFewChanges)
        },
        latency_ms: latency.into(),
    }
}

/// The counter's steps are means over a tick of the load as it was a latency before.
fn latency_ms(ticks: &Ticks, load: &Load) -> Result<Quantity, Unidentified> {
    let trains: Vec<Vec<Refresh>> = timed_trains(load)
        .map(|(from_s, to_s, _)| {
            (0..ticks.nodes.len() - 1)
                .filter(|tick| {
                    ticks.nodes[*tick].at_s > from_s - ticks.period_s
                        && ticks.nodes[*tick].at_s < to_s
                })
                .map(|tick| Refresh {
                    at_s: ticks.nodes[tick + 1].at_s,
                    value: ticks.mean_w(tick),
                })
                .collect::<Vec<_>>()
        })
        .filter(|train| train.len() >= 12)
        .collect();
    if trains.is_empty() {
        return Err(Unidentified::NoSuchPhase);
    }
    let lag_s = lag_of_means(&trains, load, ticks.period_s).ok_or(Unidentified::NoFit)?;
    let alone: Vec<Quantity> = trains
        .iter()
        .filter_map(|train| lag_of_means(std::slice::from_ref(train), load, ticks.period_s))
        .collect();
    let fitted_s = lag_s.standard_uncertainty * birge(lag_s.value, &alone);
    let uncertainty_s = [fitted_s, load.edge_uncertainty_s, ticks.time_uncertainty_s]
        .into_iter()
        .fold(0.0, libm::hypot);
    Ok(Quantity::new(lag_s.value * 1e3, uncertainty_s * 1e3))
}

/// How much further results of parts lie apart than their uncertainties explain, at least one (Birge
/// 1932): pulses whose power is not level shift each train in its own way.
fn birge(value: f64, parts: &[Quantity]) -> f64 {
    if parts.len() < 2 {
        return 1.0;
    }
    let squares: f64 = parts
        .iter()
        .map(|part| part.distance(value))
        .map(|z| z * z)
        .sum();
    (squares / count(parts.len() - 1)).sqrt().max(1.0)
}

/// Counter against a power field in every quiet stretch and train of the load.
pub(super) fn agreement(
    ticks: &Ticks,
    field: &Seen,
    resolution_w: f64,
    load: &Load,
) -> Vec<PhaseAgreement> {
    let idle = load
        .idle()
        .into_iter()
        .map(|(a, b)| (LoadPhase::Idle, a, b, None));
    let steady = load
        .steady()
        .into_iter()
        .map(|(a, b)| (LoadPhase::Steady, a, b, None));
    let pulsed = load
        .trains()
        .into_iter()
        .map(|(a, b, p)| (LoadPhase::Pulsed, a, b, Some(p * 1e3)));
    let mut found: Vec<PhaseAgreement> = idle
        .chain(steady)
        .chain(pulsed)
        .filter_map(|(phase, from_s, to_s, pulse_period_ms)| {
            of_stretch(ticks, field, resolution_w, from_s, to_s).map(|agreement| PhaseAgreement {
                phase,
                pulse_period_ms,
                ..agreement
            })
        })
        .collect();
    found.sort_by(|a, b| {
        a.phase
            .cmp(&b.phase)
            .then(a.span_s[0].total_cmp(&b.span_s[0]))
    });
    found
}

fn of_stretch(
    ticks: &Ticks,
    field: &Seen,
    resolution_w: f64,
    from_s: f64,
    to_s: f64,
) -> Option<PhaseAgreement> {
    let first = ticks.tick_at(from_s)? + 1;
    let last = ticks.tick_at(to_s)?;
    if last < first + 3 {
        return None;
    }
    let (begin, end) = (ticks.nodes[first], ticks.nodes[last]);
    let counter_w = (end.energy_j - begin.energy_j) / (end.at_s - begin.at_s);
    let steps: Vec<f64> = (first..last).map(|tick| ticks.mean_w(tick)).collect();
    let (_, counter_step_deviation_w) = mean_and_deviation(&steps)?;
    let shown: Vec<f64> = field
        .refreshes(begin.at_s, end.at_s)
        .iter()
        .map(|r| r.value)
        .collect();
    let (_, field_deviation_w) = mean_and_deviation(&shown)?;
    let field_w = field.held_mean(begin.at_s, end.at_s)?;
    let sampling_w = field_deviation_w / count(shown.len()).sqrt();
    let rounding_w = resolution_w / 12_f64.sqrt();
    Some(PhaseAgreement {
        phase: LoadPhase::Idle,
        span_s: [begin.at_s, end.at_s],
        pulse_period_ms: None,
        counter_w,
        counter_step_deviation_w,
        field_w,
        field_deviation_w,
        difference_percent: Quantity::new(
            (field_w / counter_w - 1.0) * 100.0,
            libm::hypot(sampling_w, rounding_w) / counter_w * 100.0,
        ),
    })
}
