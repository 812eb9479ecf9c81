//! How many runs a precision needs: one look at a pilot (Stein's two stages).

use serde::Serialize;
use statistics::error::{StatisticsError, logarithms};
use statistics::interval::{Interval, Level, Method};
use statistics::moments::Moments;
use statistics::sequential::{self, Size, TwoStage};

/// A precision that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Precision {
    /// Half width of the interval by the value, for example 0.01.
    pub relative: f64,
    /// Runs of the first stage.
    pub pilot: u32,
    /// Runs at most.
    pub cap: u32,
}

impl Precision {
    /// The plan on the logarithmic scale, where a factor of `1 + relative` is `ln(1 + relative)`.
    fn plan(self) -> TwoStage {
        let count = |runs: u32| usize::try_from(runs).unwrap_or(usize::MAX);
        TwoStage {
            pilot: count(self.pilot),
            cap: count(self.cap.max(self.pilot)),
            half_width: libm::log1p(self.relative),
            level: Level::P95,
        }
    }
}

/// What the look at the pilot said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PilotOutcome {
    /// What was asked for.
    pub precision: Precision,
    /// Runs that it needs.
    pub needed: u32,
    /// Runs in all: those needed, within the cap.
    pub runs: u32,
}

impl PilotOutcome {
    /// The one look.
    ///
    /// # Errors
    /// Where the pilot says nothing about scatter: fewer than two runs, or a value that is not
    /// above zero.
    pub fn look(precision: Precision, pilot: &[f64]) -> Result<Self, StatisticsError> {
        let moments = Moments::of(
            "runs of the pilot",
            &logarithms("runs of the pilot", pilot)?,
        )?;
        let Size { blocks, wanted } = precision.plan().size(moments.standard_deviation())?;
        let count = |runs: usize| u32::try_from(runs).unwrap_or(u32::MAX);
        Ok(Self {
            precision,
            needed: count(wanted),
            runs: count(blocks),
        })
    }

    /// Whether the cap forbids what the precision needs.
    pub const fn is_capped(&self) -> bool {
        self.needed > self.runs
    }

    /// The interval of the geometric mean of all runs, with the scatter and the degrees of freedom
    /// of the pilot; absent where runs are missing.
    pub fn interval(&self, values: &[f64]) -> Option<Interval> {
        let logs = logarithms("runs", values).ok()?;
        let on_logs = match self.precision.plan().outcome(&logs).ok()? {
            sequential::Precision::Met(interval) => interval,
            sequential::Precision::NotMet { reached, .. } => reached,
            sequential::Precision::Unfinished { .. } => return None,
        };
        Some(on_logs.through(Method::SteinT, libm::exp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_PER_CENT: Precision = Precision {
        relative: 0.01,
        pilot: 5,
        cap: 50,
    };

    #[test]
    fn a_quiet_pilot_is_enough_and_a_noisy_one_asks_for_more() {
        let look = |pilot: &[f64]| PilotOutcome::look(ONE_PER_CENT, pilot).unwrap();
        let quiet = look(&[100.0, 100.1, 99.9, 100.0, 100.05]);
        assert_eq!((quiet.needed, quiet.runs), (5, 5));
        let noisy = look(&[100.0, 102.0, 98.0, 101.0, 99.0]);
        // s = 1.581 %, t(.975, 4) = 2.776, r = 0.995 %: (2.776 * 1.581 / 0.995)^2 = 19.5.
        assert_eq!((noisy.needed, noisy.runs), (20, 20));
        let wild = look(&[100.0, 140.0, 70.0, 120.0, 90.0]);
        assert_eq!(wild.runs, 50);
        assert!(wild.is_capped() && !noisy.is_capped());
        assert!(PilotOutcome::look(ONE_PER_CENT, &[1.0]).is_err());
    }

    #[test]
    fn the_interval_keeps_the_scatter_of_the_pilot() {
        let pilot = [100.0, 102.0, 98.0, 101.0, 99.0];
        let outcome = PilotOutcome::look(ONE_PER_CENT, &pilot).unwrap();
        let mut all = pilot.to_vec();
        assert_eq!(outcome.interval(&all), None, "runs are missing");
        all.resize(20, 100.0);
        let interval = outcome.interval(&all).unwrap();
        assert_eq!((interval.n, interval.method), (20, Method::SteinT));
        let reach = libm::log(interval.high / interval.value);
        assert!((0.009..=libm::log1p(0.01)).contains(&reach), "{reach}");
    }
}
