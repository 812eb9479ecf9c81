//! Where a series changes its level or its scatter: optimal partitioning with pruning (PELT).
//!
//! Killick, Fearnhead and Eckley (Journal of the American Statistical Association 107, 2012). The
//! cost of a segment is minus twice its normal log-likelihood at the best mean and variance; each
//! change costs a penalty. The result is the exact optimum, not a greedy one.

use serde::{Deserialize, Serialize};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::number;

/// A stretch of a series without change: values `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Index of the first value.
    pub start: usize,
    /// Index after the last value.
    pub end: usize,
    /// Mean of the values.
    pub mean: f64,
    /// Standard deviation with divisor n.
    pub standard_deviation: f64,
}

impl Segment {
    /// Number of values, never zero.
    #[expect(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The settings of the search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What each change costs, on the scale of twice a log-likelihood.
    pub penalty: f64,
    /// Fewest values of a segment.
    pub minimum_length: usize,
    /// Step of the instrument, in the values' unit: no variance is taken to be smaller than
    /// `resolution² / 12`. Without it a few equal readings would have infinite likelihood.
    pub resolution: f64,
}

impl Search {
    /// Fewest values of a segment in [`Search::protocol`]. The variance of a short segment is so
    /// uncertain that chance looks like a change: of flat series of 60 independent values 3 % are
    /// split with ten, 7 % with five.
    pub const MINIMUM_LENGTH: usize = 10;

    /// The protocol's search in a series of `n` values: penalty `3 · ln n`, for the mean, the
    /// variance and the position that each change adds.
    pub fn protocol(n: usize, resolution: f64) -> Self {
        Self {
            penalty: 3.0 * libm::log(number(n.max(1))),
            minimum_length: Self::MINIMUM_LENGTH,
            resolution,
        }
    }

    /// The segments of the cheapest partition, in order. A series shorter than two segments is one
    /// segment. Time grows with the square of the length of the longest segment, and linearly with
    /// the length of the series where changes keep coming.
    ///
    /// # Errors
    /// No values, or one that is not finite.
    pub fn segments(&self, values: &[f64]) -> Result<Vec<Segment>, StatisticsError> {
        require_count("values of the series", 1, values.len())?;
        require_finite("values of the series", values)?;
        let cost = Cost::new(values, self.resolution);
        let previous = self.last_changes(&cost, values.len());
        let mut segments = Vec::new();
        let mut end = values.len();
        while end > 0 {
            let start = previous[end];
            segments.push(cost.segment(start, end));
            end = start;
        }
        segments.reverse();
        Ok(segments)
    }

    /// For each length of series, where its last segment starts.
    fn last_changes(&self, cost: &Cost, n: usize) -> Vec<usize> {
        let shortest = self.minimum_length.max(1);
        let mut best = vec![f64::INFINITY; n + 1];
        let mut previous = vec![0; n + 1];
        best[0] = -self.penalty;
        let mut candidates = vec![Candidate {
            start: 0,
            until: usize::MAX,
        }];
        let mut totals = Vec::new();
        for end in shortest..=n {
            candidates.retain(|candidate| candidate.until > end);
            totals.clear();
            for candidate in &candidates {
                let total = best[candidate.start] + cost.of(candidate.start, end) + self.penalty;
                totals.push(total);
                if total < best[end] {
                    best[end] = total;
                    previous[end] = candidate.start;
                }
            }
            // A start that loses to `end` by more than a change costs can never win again, once a
            // segment from `end` is long enough to be allowed.
            for (candidate, total) in candidates.iter_mut().zip(&totals) {
                if total - self.penalty >= best[end] {
                    candidate.until = candidate.until.min(end + shortest);
                }
            }
            // The next end may use a segment that starts `shortest` before it.
            let start = end + 1 - shortest;
            if start >= shortest {
                candidates.push(Candidate {
                    start,
                    until: usize::MAX,
                });
            }
        }
        if best[n] == f64::INFINITY {
            previous[n] = 0;
        }
        previous
    }
}

/// A possible start of the last segment, for series that end before `until`.
#[derive(Clone, Copy)]
struct Candidate {
    start: usize,
    until: usize,
}

/// Sums from which the cost of any segment follows at once.
struct Cost {
    centre: f64,
    sums: Vec<(f64, f64)>,
    variance_floor: f64,
}

impl Cost {
    fn new(values: &[f64], resolution: f64) -> Self {
        let n = number(values.len());
        let centre = values.iter().map(|value| value - values[0]).sum::<f64>() / n + values[0];
        let mut running = (0.0, 0.0);
        let mut sums = Vec::with_capacity(values.len() + 1);
        sums.push(running);
        let mut largest: f64 = 0.0;
        for value in values {
            let deviation = value - centre;
            largest = largest.max(value.abs());
            running.0 += deviation;
            running.1 += deviation * deviation;
            sums.push(running);
        }
        // Below this the prefix sums themselves are rounding.
        let rounding = 1e-8 * (running.1 / n).sqrt() + 4.0 * f64::EPSILON * largest;
        let step = resolution * resolution / 12.0;
        let variance_floor = step.max(rounding * rounding).max(f64::MIN_POSITIVE);
        Self {
            centre,
            sums,
            variance_floor,
        }
    }

    /// Sum of deviations and of their squares around the segment's own mean.
    fn moments(&self, start: usize, end: usize) -> (f64, f64) {
        let total = self.sums[end].0 - self.sums[start].0;
        let squares = self.sums[end].1 - self.sums[start].1;
        (
            total,
            (squares - total * total / number(end - start)).max(0.0),
        )
    }

    /// Minus twice the log-likelihood, without its constant, at the best mean and the best variance
    /// that is not below the floor. As a minimum over parameters it never falls by joining segments,
    /// which is what pruning needs.
    fn of(&self, start: usize, end: usize) -> f64 {
        let n = number(end - start);
        let (_, squares) = self.moments(start, end);
        let variance = (squares / n).max(self.variance_floor);
        n * libm::log(variance) + squares / variance
    }

    fn segment(&self, start: usize, end: usize) -> Segment {
        let n = number(end - start);
        let (total, squares) = self.moments(start, end);
        Segment {
            start,
            end,
            mean: self.centre + total / n,
            standard_deviation: (squares / n).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draws::NormalDraws;

    fn starts(segments: &[Segment]) -> Vec<usize> {
        segments.iter().map(|segment| segment.start).collect()
    }

    /// Optimal partitioning without pruning.
    fn exhaustive(search: &Search, values: &[f64]) -> f64 {
        let cost = Cost::new(values, search.resolution);
        let mut best = vec![f64::INFINITY; values.len() + 1];
        best[0] = -search.penalty;
        for end in search.minimum_length..=values.len() {
            for start in 0..=end - search.minimum_length {
                best[end] = best[end].min(best[start] + cost.of(start, end) + search.penalty);
            }
        }
        best[values.len()]
    }

    fn total(search: &Search, values: &[f64], segments: &[Segment]) -> f64 {
        let cost = Cost::new(values, search.resolution);
        let costs: f64 = segments.iter().map(|s| cost.of(s.start, s.end)).sum();
        costs + search.penalty * (number(segments.len()) - 1.0)
    }

    #[test]
    fn a_step_and_a_change_of_scatter_are_found() {
        let mut draws = NormalDraws::new(5, 0);
        let values: Vec<f64> = (0..300)
            .map(|i| match i {
                0..100 => 100.0 + draws.draw(),
                100..200 => 105.0 + draws.draw(),
                _ => 105.0 + 5.0 * draws.draw(),
            })
            .collect();
        let segments = Search::protocol(300, 0.0).segments(&values).unwrap();
        assert_eq!(segments.len(), 3, "{segments:?}");
        assert_eq!(segments[1].start, 100);
        assert!(segments[2].start.abs_diff(200) <= 5, "{segments:?}");
        assert!((segments[1].mean - 105.0).abs() < 0.4);
    }

    #[test]
    fn equal_readings_of_a_coarse_instrument_are_no_change() {
        let mut draws = NormalDraws::new(8, 0);
        let values: Vec<f64> = (0..120)
            .map(|_| (100.0 + 0.4 * draws.draw()).round())
            .collect();
        let segments = Search::protocol(120, 1.0).segments(&values).unwrap();
        assert_eq!(starts(&segments), [0]);
    }

    #[test]
    fn constant_and_short_series_are_one_segment() {
        let search = Search::protocol(50, 0.0);
        assert_eq!(starts(&search.segments(&[3.5; 50]).unwrap()), [0]);
        assert_eq!(starts(&search.segments(&[1.0, 2.0, 9.0]).unwrap()), [0]);
        assert!(search.segments(&[]).is_err());
        assert!(search.segments(&[1.0, f64::NAN]).is_err());
    }

    proptest! {
        #[test]
        fn pruning_changes_nothing(
            levels in prop::collection::vec((0.0..8.0f64, 0.01..2.0f64, 1usize..12), 1..6),
            seed in 0u64..1_000_000,
            minimum_length in 1usize..6,
            penalty in 0.0..15.0f64,
        ) {
            let mut draws = NormalDraws::new(seed, 0);
            let values: Vec<f64> = levels
                .iter()
                .flat_map(|&(level, scatter, length)| vec![(level, scatter); length])
                .map(|(level, scatter)| level + scatter * draws.draw())
                .collect();
            let search = Search { penalty, minimum_length, resolution: 0.05 };
            let segments = search.segments(&values).unwrap();
            prop_assert_eq!(segments[0].start, 0);
            prop_assert_eq!(segments.last().unwrap().end, values.len());
            prop_assert!(segments.windows(2).all(|pair| pair[0].end == pair[1].start));
            if values.len() >= minimum_length {
                let found = total(&search, &values, &segments);
                let optimum = exhaustive(&search, &values);
                prop_assert!((found - optimum).abs() < 1e-9 * optimum.abs().max(1.0));
                prop_assert!(segments.iter().all(|segment| segment.len() >= minimum_length));
            }
        }
    }
}
