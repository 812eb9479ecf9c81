//! From when on a run is steady, by a rule that is fixed before the data.
//!
//! [`warm_up`] drops what is never used: ten iterations and five seconds at least. On the rest, as
//! means over one second, [`steady_state`] looks for changes of level or scatter and keeps the last
//! segment, if that is at least half of the window and does not drift.
//!
//! The rule errs towards "not steady". Seconds that scatter by more than about 0.5 % do not show a
//! small drift within a minute and call for the extension, and so do seconds that resemble their
//! neighbours (with a correlation of 0.5, two of five flat windows seem to change).

use serde::{Deserialize, Serialize};

use crate::changepoint::Search;
use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count, require_finite, require_pairs};
use crate::interval::{Interval, Level, Method};
use crate::sum::number;

/// Iterations that are always dropped.
pub const WARM_UP_ITERATIONS: u64 = 10;
/// Seconds that are always dropped.
pub const WARM_UP_S: f64 = 5.0;
/// Share of the window that the last segment fills at least.
pub const MINIMUM_SHARE: f64 = 0.5;
/// Bound on the drift, as a share of the mean per minute, inside which its interval lies.
pub const MAXIMUM_DRIFT_PER_MINUTE: f64 = 0.005;
/// Level of the interval of the drift: each limit is a one-sided 95 % limit, as in every claim that
/// two things are equivalent.
pub const DRIFT_LEVEL: Level = Level::P90;
/// Fewest values from which a drift can be estimated.
pub const MINIMUM_VALUES: usize = 10;

/// Index of the first batch that starts after the warm-up, of batches with start times `start_s` in
/// seconds and `iterations_before` completed iterations when each starts. None where the warm-up
/// lasts longer than the batches do.
///
/// # Errors
/// [`StatisticsError::UnequalLengths`].
pub fn warm_up(
    start_s: &[f64],
    iterations_before: &[u64],
) -> Result<Option<usize>, StatisticsError> {
    if start_s.len() != iterations_before.len() {
        return Err(StatisticsError::UnequalLengths {
            left: start_s.len(),
            right: iterations_before.len(),
        });
    }
    let mut batches = start_s.iter().zip(iterations_before);
    Ok(batches.position(|(&start_s, &iterations)| {
        start_s >= WARM_UP_S && iterations >= WARM_UP_ITERATIONS
    }))
}

/// One quantity of the window, such as energy or latency: its means over successive seconds.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Middle of each batch, in seconds from any origin, increasing.
    pub time_s: &'a [f64],
    /// Means of the batches, positive.
    pub values: &'a [f64],
    /// Step in which the instrument shows such a mean, in the same unit; zero where unknown.
    pub resolution: f64,
}

/// How often the run was extended already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// The window as planned.
    First,
    /// The window after its one extension.
    Extended,
}

/// Why a window is not steady.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsteady {
    /// The last segment without change is less than half of the window.
    LateChange {
        /// Where that segment starts.
        from: usize,
    },
    /// The drift in the last segment is not shown to be small: its interval reaches beyond ±0.5 %
    /// per minute.
    Drift {
        /// Position of the quantity among the series.
        series: usize,
        /// Drift as a share of the mean per minute.
        per_minute: Interval,
    },
}

/// What the rule says of a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteadyState {
    /// Steady from this batch on.
    Steady {
        /// Index of the first steady batch.
        from: usize,
    },
    /// Not yet: measure once more as long.
    Extend(Unsteady),
    /// Not even after the extension: the whole window is reported, with this flag.
    NoSteadyState(Unsteady),
}

/// Applies the rule to the quantities of one window. All must be steady; the latest change counts.
///
/// # Errors
/// No series, series of unequal length or with fewer than [`MINIMUM_VALUES`] values, values that are
/// not finite or a mean that is not positive.
pub fn steady_state(
    window: &[Series<'_>],
    attempt: Attempt,
) -> Result<SteadyState, StatisticsError> {
    require_count("series of the window", 1, window.len())?;
    let unsteady = match latest_change(window)? {
        change if late(change, window[0].values.len()) => Unsteady::LateChange { from: change },
        from => match first_drift(window, from)? {
            Some((series, per_minute)) => Unsteady::Drift { series, per_minute },
            None => return Ok(SteadyState::Steady { from }),
        },
    };
    Ok(match attempt {
        Attempt::First => SteadyState::Extend(unsteady),
        Attempt::Extended => SteadyState::NoSteadyState(unsteady),
    })
}

fn late(from: usize, n: usize) -> bool {
    number(n - from) < MINIMUM_SHARE * number(n)
}

/// Where the last segment starts that no series interrupts.
fn latest_change(window: &[Series<'_>]) -> Result<usize, StatisticsError> {
    let mut latest = 0;
    for series in window {
        require_pairs(series.time_s, series.values)?;
        require_pairs(window[0].values, series.values)?;
        require_count("seconds of the window", MINIMUM_VALUES, series.values.len())?;
        let search = Search::protocol(series.values.len(), series.resolution);
        let segments = search.segments(series.values)?;
        latest = latest.max(segments.last().map_or(0, |segment| segment.start));
    }
    Ok(latest)
}

/// The first series of which a small drift is not shown.
fn first_drift(
    window: &[Series<'_>],
    from: usize,
) -> Result<Option<(usize, Interval)>, StatisticsError> {
    for (position, series) in window.iter().enumerate() {
        let drift = drift_per_minute(&series.time_s[from..], &series.values[from..], DRIFT_LEVEL)?;
        let bound = MAXIMUM_DRIFT_PER_MINUTE;
        if drift.low < -bound || drift.high > bound {
            return Ok(Some((position, drift)));
        }
    }
    Ok(None)
}

/// Slope of a straight line through a series, as a share of its mean per minute.
///
/// The line goes through the means of ten batches (of five, below twenty values), so that values
/// which resemble their neighbours do not pass for independent; the interval is the t interval of
/// its slope, with two degrees of freedom fewer than there are batches.
///
/// # Errors
/// Fewer than [`MINIMUM_VALUES`] values, unequal lengths, values that are not finite, a mean that is
/// not positive, or times that are all the same.
pub fn drift_per_minute(
    time_s: &[f64],
    values: &[f64],
    level: Level,
) -> Result<Interval, StatisticsError> {
    require_pairs(time_s, values)?;
    require_count("seconds of the window", MINIMUM_VALUES, values.len())?;
    require_finite("seconds of the window", values)?;
    require_finite("times of the window", time_s)?;
    let mean = mean_of(values);
    if mean <= 0.0 {
        let what = "mean of the window";
        return Err(StatisticsError::NotPositive {
            what,
            index: 0,
            value: mean,
        });
    }
    let batches = if values.len() >= 20 { 10 } else { 5 };
    let line = Line::through_batches(time_s, values, batches);
    if line.spread == 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "times of the window",
        });
    }
    let per_minute = 60.0 / mean;
    let quantile = student_t_quantile(level.upper_point(), number(batches - 2));
    Ok(Interval::symmetric(
        line.slope * per_minute,
        quantile * line.standard_error * per_minute,
        level,
        values.len(),
        Method::BatchMeansT,
    ))
}

struct Line {
    slope: f64,
    standard_error: f64,
    /// Sum of squared deviations of the times.
    spread: f64,
}

impl Line {
    fn through_batches(time_s: &[f64], values: &[f64], batches: usize) -> Self {
        let centre_s = mean_of(time_s);
        let centre = mean_of(values);
        let batch = |index: usize| {
            let range = index * values.len() / batches..(index + 1) * values.len() / batches;
            (
                mean_of(&time_s[range.clone()]) - centre_s,
                mean_of(&values[range]) - centre,
            )
        };
        // Batches may differ by one value in length: their means are centred once more.
        let n = number(batches);
        let (sum_x, sum_y) = (0..batches)
            .map(batch)
            .fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x, sums.1 + y));
        let points = (0..batches)
            .map(batch)
            .map(|(x, y)| (x - sum_x / n, y - sum_y / n));
        let (mut spread, mut product, mut squares) = (0.0, 0.0, 0.0);
        for (x, y) in points {
            spread += x * x;
            product += x * y;
            squares += y * y;
        }
        let slope = product / spread;
        let residual = (squares - slope * product).max(0.0);
        Self {
            slope,
            standard_error: (residual / (n - 2.0) / spread).sqrt(),
            spread,
        }
    }
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().map(|value| value - values[0]).sum::<f64>() / number(values.len()) + values[0]
}

#[cfg(test)]
#[path = "steady_state_tests.rs"]
mod tests;
