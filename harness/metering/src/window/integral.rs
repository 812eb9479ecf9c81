//! Energy by power over time: every refresh of the power field stands for the time around its window.

use model::sample::Sample;
use model::units::Nanos;

use super::glimpse::{Glimpse, glimpses, span_s};
use crate::instrument::PowerModel;
use crate::series::count;

/// Readings on each side of a window that tell how much readings scatter there.
const NEIGHBOURS: usize = 5;
/// With so many readings of its own a window needs no neighbours.
const ENOUGH: usize = 10;

/// Power over time, as straight lines between the middles of the field's windows.
#[derive(Clone, Debug)]
pub(crate) struct Integral {
    points: Vec<(f64, f64)>,
    /// Share of time that the field's windows leave out.
    unseen: f64,
    end_s: f64,
}

/// Power over the time of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Integrated {
    pub(crate) energy_j: f64,
    pub(crate) uncertainty_j: f64,
    /// Intervals between readings that it is made of.
    pub(crate) readings: usize,
}

impl Integral {
    pub(crate) fn of(samples: &[Sample], power: &PowerModel, origin: Nanos) -> Option<Self> {
        let points: Vec<(f64, f64)> = glimpses(samples, power, origin)
            .iter()
            .map(
                |Glimpse {
                     from_s,
                     to_s,
                     power_w,
                 }| (f64::midpoint(*from_s, *to_s), *power_w),
            )
            .collect();
        (points.len() >= 2).then(|| Self {
            points,
            unseen: (1.0 - power.window_s.value / power.period_s.value).clamp(0.0, 1.0),
            end_s: span_s(samples, origin),
        })
    }

    pub(crate) const fn end_s(&self) -> f64 {
        self.end_s
    }

    /// Energy between two times and its standard uncertainty; `None` outside the readings.
    ///
    /// The uncertainty is that of sampling once in each interval: half the mean square of successive
    /// differences is the variance of a reading around its neighbours (von Neumann and others 1941).
    /// Where a window has few, readings shortly before and after count too. What it cannot
    /// see is a load in step with the field's refreshes: each reading then shows the same wrong part.
    pub(crate) fn between(&self, from_s: f64, to_s: f64) -> Option<Integrated> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        // A value holds until the field shows another, so up to a few periods beyond are known.
        if from_s < first.0 || to_s > self.end_s {
            return None;
        }
        let begin = self.points.partition_point(|(at_s, _)| *at_s <= from_s) - 1;
        let end = self.points.partition_point(|(at_s, _)| *at_s < to_s);
        let (mut energy_j, mut gap_squares) = (0.0, 0.0);
        for pair in self.points[begin..].windows(2).take(end - begin) {
            let ((t0, p0), (t1, p1)) = (pair[0], pair[1]);
            let (a, b) = (t0.max(from_s), t1.min(to_s));
            let at = |t: f64| p0 + (p1 - p0) * (t - t0) / (t1 - t0);
            energy_j += f64::midpoint(at(a), at(b)) * (b - a);
            gap_squares += (b - a) * (b - a);
        }
        // A load that begins just after the window is none of its scatter, unless it has few readings.
        let beyond = if end - begin < ENOUGH { NEIGHBOURS } else { 1 };
        let around = begin.saturating_sub(beyond)..(end + beyond).min(self.points.len());
        let differences: Vec<f64> = self.points[around]
            .windows(2)
            .map(|p| p[1].1 - p[0].1)
            .collect();
        let squares: f64 = differences.iter().map(|d| d * d).sum();
        let variance = gap_squares * self.unseen * squares / count(differences.len().max(1)) / 2.0;
        if to_s > last.0 {
            energy_j += last.1 * (to_s - last.0.max(from_s));
        }
        Some(Integrated {
            energy_j,
            uncertainty_j: variance.sqrt(),
            readings: end - begin,
        })
    }
}
