//! One field: when it refreshes, over what it averages, how fine it is.

use model::sample::Sample;
use model::units::Nanos;

use super::boxcar::{
    Axis, BLOCKS, Fit, best, blind_s, by_counter, by_load, jackknife, timed_trains, without_block,
};
use super::load::Load;
use super::response::crossings_ms;
use crate::beat::{self, Beat};
use crate::profile::FieldProfile;
use crate::quantity::{Quantity, Unidentified};
use crate::series::{Change, Field, changes, number, quantile, sorted};
use crate::window::Ticks;

/// A refresh of a field: when, and what it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refresh {
    pub(super) at_s: f64,
    pub(super) value: f64,
}

/// A field over the recording.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) field: Field,
    pub(super) changes: Vec<Change>,
    pub(super) first: i64,
    pub(super) beat: Result<Beat, Unidentified>,
    pub(super) gap_s: Result<Quantity, Unidentified>,
}

impl Seen {
    pub(super) fn of(samples: &[Sample], field: Field, origin: Nanos) -> Option<Self> {
        let first = samples.iter().find_map(|sample| field.raw(sample))?;
        let changes = changes(samples, field, origin);
        let gap_s = beat::usual_gap_s(&changes);
        let beat = gap_s.and_then(|gap| beat::find(&changes, gap.value, 0.04));
        Some(Self {
            field,
            changes,
            first,
            beat,
            gap_s,
        })
    }

    /// Every refresh within a time, those that repeat a value too: on the beat where there is one; else
    /// each change where it was seen, and again after each usual gap for as long as it was shown.
    pub(super) fn refreshes(&self, from_s: f64, to_s: f64) -> Vec<Refresh> {
        let value = |raw: i64| number(raw) / self.field.counts_per_unit();
        let all: Vec<Refresh> = match &self.beat {
            Ok(beat) => {
                let mut found = Vec::new();
                let ends = self.changes[1..]
                    .iter()
                    .map(|next| beat.number_near(next.middle_s()))
                    .chain([beat.number_before(to_s) + 1.0]);
                for (change, end) in self.changes.iter().zip(ends) {
                    let mut n = beat.number_near(change.middle_s());
                    while n < end {
                        found.push(Refresh {
                            at_s: beat.time_s(n),
                            value: value(change.raw),
                        });
                        n += 1.0;
                    }
                }
                found
            }
            Err(_) => self.held(to_s),
        };
        all.into_iter()
            .filter(|r| (from_s..=to_s).contains(&r.at_s))
            .collect()
    }

    fn held(&self, to_s: f64) -> Vec<Refresh> {
        let gap_s = self.gap_s.map_or(f64::INFINITY, |gap| gap.value);
        let mut found = Vec::new();
        let ends = self
            .changes
            .iter()
            .skip(1)
            .map(Change::middle_s)
            .chain([to_s]);
        for (change, end_s) in self.changes.iter().zip(ends) {
            let mut at_s = change.middle_s();
            loop {
                found.push(Refresh {
                    at_s,
                    value: number(change.raw) / self.field.counts_per_unit(),
                });
                at_s += gap_s;
                if at_s > end_s - gap_s / 2.0 {
                    break;
                }
            }
        }
        found
    }

    /// Time-weighted mean of what is shown.
    pub(super) fn held_mean(&self, from_s: f64, to_s: f64) -> Option<f64> {
        let scale = self.field.counts_per_unit();
        let (mut weighted, mut shown) = (0.0, number(self.first) / scale);
        let mut since = from_s;
        for change in &self.changes {
            let at_s = change.middle_s();
            if at_s >= to_s {
                break;
            }
            if at_s > since {
                weighted += shown * (at_s - since);
                since = at_s;
            }
            shown = number(change.raw) / scale;
        }
        weighted += shown * (to_s - since);
        (to_s > from_s).then(|| weighted / (to_s - from_s))
    }

    fn refresh_uncertainty_s(&self) -> f64 {
        self.beat.map_or_else(
            |_| {
                let widths = sorted(self.changes.iter().map(Change::width_s));
                quantile(&widths, 0.5).unwrap_or_default() / 12_f64.sqrt()
            },
            |beat| beat.time_uncertainty_s,
        )
    }

    pub(super) fn profile(&self, load: &Load, ticks: Option<&Ticks>) -> FieldProfile {
        let period_s = match &self.beat {
            Ok(beat) => Ok(beat.period_s),
            Err(_) => self.gap_s,
        };
        let rise = crossings_ms(self, load, true, [0.1, 0.5, 0.9]);
        let window = period_s.and_then(|period| self.window(load, ticks, period.value, &rise));
        let duty = window.and_then(|(window_s, _)| {
            let period = period_s?;
            let value = window_s.value / period.value;
            let relative = libm::hypot(
                window_s.standard_uncertainty / window_s.value,
                period.standard_uncertainty / period.value,
            );
            Ok(Quantity::new(value, value * relative))
        });
        let in_ms = |q: Quantity| q.scaled(1e3);
        FieldProfile {
            field: self.field,
            update_period_ms: period_s.map(in_ms).into(),
            is_regular: self.beat.is_ok(),
            window_ms: window.map(|(window_s, _)| in_ms(window_s)).into(),
            lag_ms: window.map(|(_, lag_s)| in_ms(lag_s)).into(),
            duty: duty.into(),
            resolution: self.resolution(load).into(),
            rise_ms: rise.into(),
        }
    }

    /// Window and lag in seconds.
    fn window(
        &self,
        load: &Load,
        ticks: Option<&Ticks>,
        period_s: f64,
        rise_ms: &Result<[f64; 3], Unidentified>,
    ) -> Result<(Quantity, Quantity), Unidentified> {
        if !self.field.is_board_power() {
            return Err(Unidentified::NoFit);
        }
        let rise_s = rise_ms.map(|[ten, _, ninety]| (ninety - ten) / 1e3)?;
        // A mean over many ticks follows a step slowly.
        let is_long = rise_s > 3.0 * period_s;
        let readings = self.readings(load, is_long);
        let scan_of = |readings: &[Vec<Refresh>], windows: Axis, lags: Axis| {
            best(windows, lags, |window_s, lag_s| {
                if is_long {
                    by_counter(readings, ticks?, window_s, lag_s, window_s / period_s)
                } else {
                    by_load(readings, load, window_s, lag_s)
                }
            })
        };
        let scan = |windows: Axis, lags: Axis| scan_of(&readings, windows, lags);
        // 80 % of a boxcar's window lie between 10 and 90 % of its ramp.
        let guess_s = if is_long { rise_s / 0.8 } else { period_s };
        let reach_s = if is_long { 0.5 * guess_s } else { period_s };
        let low_s = if is_long {
            0.6 * guess_s
        } else {
            0.02 * period_s
        };
        let high_s = if is_long {
            1.5 * guess_s
        } else {
            1.3 * period_s
        };
        let coarse = scan(
            Axis::new(low_s, high_s, 60),
            Axis::new(-0.1 * period_s, 0.4 * reach_s.min(period_s), 30),
        )
        .ok_or(Unidentified::NoFit)?;
        let windows = Axis::around(
            coarse.window_s.value,
            (high_s - low_s) / 60.0,
            low_s,
            high_s,
        );
        let lags = Axis::around(
            coarse.lag_s.value,
            0.5 * period_s / 30.0,
            -period_s,
            period_s,
        );
        let fine = scan(windows, lags).ok_or(Unidentified::NoFit)?;
        // Refreshes and edges that are all off by the same move the lag by that.
        let timing_s = libm::hypot(self.refresh_uncertainty_s(), load.edge_uncertainty_s);
        // Where the fine scan ends before the misfit has risen, the coarse one says how far it goes.
        let reaching = |fine: f64, coarse: f64, axis: Axis| {
            if fine > 0.9 * axis.reach() {
                coarse
            } else {
                fine
            }
        };
        let window_uncertainty = reaching(
            fine.window_s.standard_uncertainty,
            coarse.window_s.standard_uncertainty,
            windows,
        );
        let lag_uncertainty = reaching(
            fine.lag_s.standard_uncertainty,
            coarse.lag_s.standard_uncertainty,
            lags,
        );
        // Misfits are no independent noise, which a likelihood takes them for.
        let (window_more, lag_more) = if is_long {
            let blind_s = ticks.map_or(0.0, |ticks| blind_s(ticks, load));
            // A window has two ends on the curve, a lag one.
            (2_f64.sqrt() * blind_s, blind_s)
        } else {
            let without: Vec<Fit> = (0..BLOCKS)
                .filter_map(|block| scan_of(&without_block(&readings, block), windows, lags))
                .collect();
            (
                jackknife(without.iter().map(|fit| fit.window_s.value)),
                jackknife(without.iter().map(|fit| fit.lag_s.value)),
            )
        };
        let combine = |fitted: f64, more: f64| {
            if is_long {
                libm::hypot(fitted, more)
            } else {
                fitted.max(more)
            }
        };
        let window_uncertainty = combine(window_uncertainty, window_more);
        let lag_uncertainty = combine(lag_uncertainty, lag_more);
        Ok((
            Quantity::new(fine.window_s.value, window_uncertainty),
            Quantity::new(fine.lag_s.value, libm::hypot(lag_uncertainty, timing_s)),
        ))
    }

    /// The readings that a window is fitted to, by trains: pulses shorter than edges are known are
    /// left out.
    fn readings(&self, load: &Load, is_long: bool) -> Vec<Vec<Refresh>> {
        if is_long {
            return vec![self.refreshes(3.0, load.end_s)];
        }
        timed_trains(load)
            .map(|(from, to, _)| self.refreshes(from + 0.1, to))
            .filter(|refreshes| refreshes.len() >= 12)
            .collect()
    }
}
