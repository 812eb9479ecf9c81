//! The known load of a calibration: spans with work, and what can be asked of them.

use model::units::Nanos;
use serde::{Deserialize, Serialize};

use crate::series::{count, seconds_since};

/// A time with work, as the harness or a worker stamped it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusySpan {
    /// First moment with work.
    pub begin_ns: Nanos,
    /// First moment without.
    pub end_ns: Nanos,
    /// How well both are known, in seconds.
    pub standard_uncertainty_s: f64,
}

/// Idling for this long separates two trains of pulses.
const TRAIN_GAP_S: f64 = 1.0;
/// Every mean over a second has settled this long after an edge.
pub(super) const SETTLED_S: f64 = 1.2;
/// Fewer pulses are no train.
const FEWEST_PULSES: usize = 5;

/// Spans in seconds from the first sample.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) spans: Vec<(f64, f64)>,
    /// Busy seconds up to the begin of each span.
    before: Vec<f64>,
    pub(super) edge_uncertainty_s: f64,
    pub(super) end_s: f64,
}

/// An edge with how long it is quiet before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LoadEdge {
    pub(super) at_s: f64,
    pub(super) is_on: bool,
    pub(super) quiet_before_s: f64,
    pub(super) quiet_after_s: f64,
}

impl Load {
    pub(super) fn of(busy: &[BusySpan], origin: Nanos, end_s: f64) -> Self {
        let spans: Vec<(f64, f64)> = busy
            .iter()
            .map(|span| {
                (
                    seconds_since(origin, span.begin_ns),
                    seconds_since(origin, span.end_ns),
                )
            })
            .filter(|(begin, end)| end > begin)
            .collect();
        let before = spans
            .iter()
            .scan(0.0, |sum, (begin, end)| {
                let until = *sum;
                *sum += end - begin;
                Some(until)
            })
            .collect();
        let squares: f64 = busy
            .iter()
            .map(|s| s.standard_uncertainty_s * s.standard_uncertainty_s)
            .sum();
        Self {
            edge_uncertainty_s: (squares / count(busy.len().max(1))).sqrt(),
            spans,
            before,
            end_s,
        }
    }

    /// Busy seconds up to a time.
    fn busy_until(&self, at_s: f64) -> f64 {
        let after = self.spans.partition_point(|(begin, _)| *begin <= at_s);
        after.checked_sub(1).map_or(0.0, |index| {
            let (begin, end) = self.spans[index];
            self.before[index] + at_s.min(end) - begin
        })
    }

    /// Share of a time that was busy.
    pub(super) fn coverage(&self, from_s: f64, to_s: f64) -> f64 {
        (self.busy_until(to_s) - self.busy_until(from_s)) / (to_s - from_s)
    }

    /// Every edge, in the order of time.
    pub(super) fn edges(&self) -> Vec<LoadEdge> {
        let mut times: Vec<(f64, bool)> = self
            .spans
            .iter()
            .flat_map(|(b, e)| [(*b, true), (*e, false)])
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        (0..times.len())
            .map(|i| LoadEdge {
                at_s: times[i].0,
                is_on: times[i].1,
                quiet_before_s: times[i].0 - if i > 0 { times[i - 1].0 } else { 0.0 },
                quiet_after_s: times.get(i + 1).map_or(self.end_s, |next| next.0) - times[i].0,
            })
            .collect()
    }

    /// The first edge of a direction with enough quiet on both sides.
    pub(super) fn isolated(&self, is_on: bool) -> Option<LoadEdge> {
        self.edges().into_iter().find(|e| {
            e.is_on == is_on
                && e.quiet_before_s > 1.5 * SETTLED_S
                && e.quiet_after_s > 1.5 * SETTLED_S
        })
    }

    /// Stretches without work, once everything has settled.
    pub(super) fn idle(&self) -> Vec<(f64, f64)> {
        let mut from = 0.0;
        let mut found = Vec::new();
        for (begin, end) in self.spans.iter().copied().chain([(self.end_s, self.end_s)]) {
            if begin - from > SETTLED_S {
                found.push((if from > 0.0 { from + SETTLED_S } else { 0.2 }, begin));
            }
            from = end;
        }
        found.retain(|(from, to)| to - from > 0.5);
        found
    }

    /// Spans of work once everything has settled.
    pub(super) fn steady(&self) -> Vec<(f64, f64)> {
        self.spans
            .iter()
            .map(|(begin, end)| (begin + SETTLED_S, *end))
            .filter(|(from, to)| to - from > 1.0)
            .collect()
    }

    /// Trains of pulses: from the first begin to the last end, and the mean time between begins.
    pub(super) fn trains(&self) -> Vec<(f64, f64, f64)> {
        let mut trains: Vec<Vec<(f64, f64)>> = Vec::new();
        for span in &self.spans {
            match trains.last_mut() {
                Some(train) if span.0 - train[train.len() - 1].1 < TRAIN_GAP_S => train.push(*span),
                _ => trains.push(vec![*span]),
            }
        }
        trains
            .into_iter()
            .filter(|train| train.len() >= FEWEST_PULSES)
            .map(|train| {
                let (first, last) = (train[0], train[train.len() - 1]);
                (first.0, last.1, (last.0 - first.0) / count(train.len() - 1))
            })
            .collect()
    }
}
