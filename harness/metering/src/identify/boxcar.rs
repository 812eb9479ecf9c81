//! The window that a field averages over and how late it is, by scanning both for the least misfit.

use super::field::Refresh;
use super::load::Load;
use crate::quantity::Quantity;
use crate::series::{count, mean_and_deviation};
use crate::window::Ticks;

/// Trains whose pulses are long beside what is known of their edges.
pub(super) fn timed_trains(load: &Load) -> impl Iterator<Item = (f64, f64, f64)> {
    let least_s = 20.0 * load.edge_uncertainty_s;
    load.trains()
        .into_iter()
        .filter(move |(_, _, period_s)| *period_s > least_s)
}

/// How late readings are that average over a known window, in seconds.
pub(super) fn lag_of_means(
    trains: &[Vec<Refresh>],
    load: &Load,
    window_s: f64,
) -> Option<Quantity> {
    let misfit = |lags: Axis| {
        best(Axis::new(window_s, window_s, 1), lags, |window_s, lag_s| {
            by_load(trains, load, window_s, lag_s)
        })
    };
    let coarse = misfit(Axis::new(-0.2 * window_s, 0.3 * window_s, 100))?.lag_s;
    let lags = Axis::around(coarse.value, 0.5 * window_s / 100.0, -window_s, window_s);
    let fine = misfit(lags)?.lag_s;
    let is_cut = fine.standard_uncertainty > 0.9 * lags.reach();
    Some(if is_cut {
        Quantity::new(fine.value, coarse.standard_uncertainty)
    } else {
        fine
    })
}

/// Equal steps of a parameter.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    step: f64,
    steps: u32,
}

impl Axis {
    pub(super) fn new(low: f64, high: f64, steps: u32) -> Self {
        Self {
            low,
            step: (high - low) / f64::from(steps),
            steps,
        }
    }

    /// One and a half coarse steps to both sides, in thirty.
    pub(super) fn around(middle: f64, coarse: f64, least: f64, most: f64) -> Self {
        Self::new(
            (middle - 1.5 * coarse).max(least),
            (middle + 1.5 * coarse).min(most),
            30,
        )
    }

    /// Half of its length.
    pub(super) fn reach(self) -> f64 {
        self.step * f64::from(self.steps) / 2.0
    }

    fn values(self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(move |i| self.low + f64::from(i) * self.step)
    }
}

/// How well the counter's curve knows when the load changed: each edge lies somewhere in a tick, and
/// edges further apart than a tick tell independently.
pub(super) fn blind_s(ticks: &Ticks, load: &Load) -> f64 {
    let apart = load
        .edges()
        .iter()
        .filter(|edge| edge.quiet_before_s > ticks.period_s && edge.quiet_after_s > ticks.period_s)
        .count();
    ticks.period_s / 12_f64.sqrt() / count(apart.max(1)).sqrt()
}

/// Parts of a recording that are left out in turn.
pub(super) const BLOCKS: usize = 8;

pub(super) fn without_block(trains: &[Vec<Refresh>], block: usize) -> Vec<Vec<Refresh>> {
    trains
        .iter()
        .map(|train| {
            let (from, to) = (
                train.len() * block / BLOCKS,
                train.len() * (block + 1) / BLOCKS,
            );
            [&train[..from], &train[to..]].concat()
        })
        .collect()
}

/// Standard error of a result from what it is without each eighth of the recording (Efron and Tibshirani, chapter 11).
pub(super) fn jackknife(without: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = without.collect();
    let n = count(values.len());
    mean_and_deviation(&values).map_or(0.0, |(_, deviation)| deviation * (n - 1.0) / n.sqrt())
}

pub(super) struct Fit {
    pub(super) window_s: Quantity,
    pub(super) lag_s: Quantity,
}

/// The window and lag with the least misfit, a misfit being −2 times a log-likelihood. The standard
/// uncertainty of each is how far it can go until the misfit rises by one, the other following; at
/// least what the steps of the scan leave open.
pub(super) fn best(
    windows: Axis,
    lags: Axis,
    misfit: impl Fn(f64, f64) -> Option<f64>,
) -> Option<Fit> {
    let mut least: Option<(f64, f64, f64)> = None;
    let mut by_window: Vec<(f64, f64)> = Vec::new();
    let mut by_lag: Vec<(f64, f64)> = lags.values().map(|lag| (lag, f64::INFINITY)).collect();
    for window_s in windows.values() {
        let mut at_window = f64::INFINITY;
        for (index, lag_s) in lags.values().enumerate() {
            let Some(q) = misfit(window_s, lag_s) else {
                continue;
            };
            at_window = at_window.min(q);
            by_lag[index].1 = by_lag[index].1.min(q);
            if least.is_none_or(|(_, _, best)| q < best) {
                least = Some((window_s, lag_s, q));
            }
        }
        by_window.push((window_s, at_window));
    }
    let (window_s, lag_s, q) = least?;
    let uncertainty = |profile: &[(f64, f64)], step: f64| {
        let near: Vec<f64> = profile
            .iter()
            .filter(|(_, other)| *other <= q + 1.0)
            .map(|(x, _)| *x)
            .collect();
        let (low, high) = (
            near.iter().copied().fold(f64::INFINITY, f64::min),
            near.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        ((high - low) / 2.0).max(step / 3_f64.sqrt())
    };
    Some(Fit {
        window_s: Quantity::new(window_s, uncertainty(&by_window, windows.step)),
        lag_s: Quantity::new(lag_s, uncertainty(&by_lag, lags.step)),
    })
}

/// Misfit of straight lines of the readings over the busy share of their windows, one line for each
/// train: pulses of different trains draw different power.
pub(super) fn by_load(
    trains: &[Vec<Refresh>],
    load: &Load,
    window_s: f64,
    lag_s: f64,
) -> Option<f64> {
    let mut sum = 0.0;
    let mut any = false;
    for train in trains {
        let points: Vec<(f64, f64)> = train
            .iter()
            .map(|r| {
                (
                    load.coverage(r.at_s - lag_s - window_s, r.at_s - lag_s),
                    r.value,
                )
            })
            .collect();
        let n = count(points.len());
        let (mx, my) = (
            points.iter().map(|p| p.0).sum::<f64>() / n,
            points.iter().map(|p| p.1).sum::<f64>() / n,
        );
        let sxx: f64 = points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum();
        let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
        let syy: f64 = points.iter().map(|p| (p.1 - my) * (p.1 - my)).sum();
        let explained = if sxx > 0.0 { sxy * sxy / sxx } else { 0.0 };
        sum += n * libm::log((syy - explained).max(1e-9 * syy).max(f64::MIN_POSITIVE) / n);
        any = true;
    }
    any.then_some(sum)
}

/// Misfit of the readings against means of the counter's curve. Windows overlap, so only one reading
/// in each counts.
pub(super) fn by_counter(
    trains: &[Vec<Refresh>],
    ticks: &Ticks,
    window_s: f64,
    lag_s: f64,
    overlap: f64,
) -> Option<f64> {
    let (mut squares, mut n) = (0.0, 0.0);
    for refresh in trains.iter().flatten() {
        let to_s = refresh.at_s - lag_s;
        if let Some(energy_j) = ticks.energy_between_j(to_s - window_s, to_s) {
            let miss = refresh.value - energy_j / window_s;
            squares += miss * miss;
            n += 1.0;
        }
    }
    (n >= 12.0).then(|| n / overlap.max(1.0) * libm::log(squares / n))
}
