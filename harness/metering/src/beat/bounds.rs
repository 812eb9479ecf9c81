//! A beat between the readings that bound it.

use crate::series::{Change, count};

/// A line of times over numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    origin_s: f64,
    period_s: f64,
    period_error_s: f64,
    spread_s: f64,
}

impl Line {
    pub(super) fn through(points: &[(f64, f64)]) -> Option<Self> {
        let n = count(points.len());
        let centre = points.iter().map(|(x, _)| x).sum::<f64>() / n;
        let middle = points.iter().map(|(_, y)| y).sum::<f64>() / n;
        let sxx: f64 = points
            .iter()
            .map(|(x, _)| (x - centre) * (x - centre))
            .sum();
        let sxy: f64 = points
            .iter()
            .map(|(x, y)| (x - centre) * (y - middle))
            .sum();
        if sxx <= 0.0 || n < 3.0 {
            return None;
        }
        let period_s = sxy / sxx;
        let origin_s = middle - period_s * centre;
        let squares: f64 = points
            .iter()
            .map(|(x, y)| y - origin_s - period_s * x)
            .map(|r| r * r)
            .sum();
        let spread_s = (squares / (n - 2.0)).sqrt();
        Some(Self {
            origin_s,
            period_s,
            period_error_s: spread_s / sxx.sqrt(),
            spread_s,
        })
    }

    pub(super) fn at(&self, number: f64) -> f64 {
        self.origin_s + number * self.period_s
    }
}

/// What the readings allow: beat `n` not after, beat `n` not before.
pub(super) struct Bounds {
    latest: Vec<(f64, f64)>,
    earliest: Vec<(f64, f64)>,
}

/// Slices of the polygon of beats.
const SLICES: u32 = 40;

/// A beat within its bounds.
pub(super) struct Bounded {
    pub(super) origin_s: f64,
    pub(super) period_s: f64,
    pub(super) period_uncertainty_s: f64,
    pub(super) time_uncertainty_s: f64,
}

impl Bounds {
    pub(super) fn of(changes: &[Change], line: &Line) -> Self {
        let sharp = changes
            .iter()
            .filter(|c| c.width_s() < 0.75 * line.period_s);
        let (mut latest, mut earliest) = (Vec::new(), Vec::new());
        for change in sharp {
            let number = ((change.middle_s() - line.origin_s) / line.period_s).round();
            latest.push((number, change.by_s));
            earliest.push((number, change.after_s));
        }
        Self { latest, earliest }
    }

    /// How much room the bounds leave for the origin at a period: from and to.
    fn room(&self, period_s: f64) -> (f64, f64) {
        let bound = |pairs: &[(f64, f64)], pick: fn(f64, f64) -> f64, start: f64| {
            pairs
                .iter()
                .fold(start, |best, (n, at_s)| pick(best, at_s - n * period_s))
        };
        (
            bound(&self.earliest, f64::max, f64::NEG_INFINITY),
            bound(&self.latest, f64::min, f64::INFINITY),
        )
    }

    /// The mean of all beats within the bounds. Where there is none, the refreshes scatter by
    /// themselves and the line through them stands.
    pub(super) fn narrowest(&self, line: &Line, first: f64, last: f64) -> Bounded {
        let width = |period_s: f64| {
            let (from, to) = self.room(period_s);
            to - from
        };
        // The room is concave in the period, so halving by thirds finds its top.
        let reach = 8.0 * line.period_error_s + 1e-9 * line.period_s;
        let (mut low, mut high) = (line.period_s - reach, line.period_s + reach);
        for _ in 0..80 {
            let third = (high - low) / 3.0;
            if width(low + third) < width(high - third) {
                low += third;
            } else {
                high -= third;
            }
        }
        let roomiest_s = f64::midpoint(low, high);
        if width(roomiest_s) < 0.0 {
            return Bounded {
                origin_s: line.origin_s,
                period_s: line.period_s,
                period_uncertainty_s: line.period_error_s,
                // A single refresh is as uncertain as they scatter.
                time_uncertainty_s: line.spread_s,
            };
        }
        // How far the period can go to either side until no room is left.
        let limit = |outside_s: f64| {
            let (mut inside_s, mut outside_s) = (roomiest_s, outside_s);
            for _ in 0..80 {
                let middle_s = f64::midpoint(inside_s, outside_s);
                if width(middle_s) >= 0.0 {
                    inside_s = middle_s;
                } else {
                    outside_s = middle_s;
                }
            }
            inside_s
        };
        let least_s = limit(roomiest_s - 4.0 * reach);
        let most_s = limit(roomiest_s + 4.0 * reach);
        self.middle(least_s, most_s, first, last)
    }

    /// The middle of all beats that obey the bounds: a polygon of periods and origins.
    fn middle(&self, least_s: f64, most_s: f64, first: f64, last: f64) -> Bounded {
        let periods = || {
            (0..=SLICES).map(|i| least_s + (most_s - least_s) * f64::from(i) / f64::from(SLICES))
        };
        let (mut area, mut period_sum) = (0.0, 0.0);
        let mut origin_sum = 0.0;
        for period_s in periods() {
            let (from, to) = self.room(period_s);
            let room = (to - from).max(1e-12);
            area += room;
            period_sum += room * period_s;
            origin_sum += room * f64::midpoint(from, to);
        }
        let (period_s, origin_s) = (period_sum / area, origin_sum / area);
        // Second moments over the polygon, of the period and of times at both ends and the middle.
        let (mut period_squares, mut time_squares) = (0.0, 0.0);
        for slice_s in periods() {
            let (from, to) = self.room(slice_s);
            let room = (to - from).max(1e-12);
            period_squares += room * (slice_s - period_s) * (slice_s - period_s);
            for number in [first, f64::midpoint(first, last), last] {
                let off = f64::midpoint(from, to) + number * slice_s - origin_s - number * period_s;
                time_squares += room * (off * off + room * room / 12.0) / 3.0;
            }
        }
        Bounded {
            origin_s,
            period_s,
            period_uncertainty_s: (period_squares / area).sqrt(),
            time_uncertainty_s: (time_squares / area).sqrt(),
        }
    }
}
