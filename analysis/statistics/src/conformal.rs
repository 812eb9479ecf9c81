//! Prediction intervals without a model of the errors: split conformal prediction.
//!
//! Residuals of calibration data that the model has not seen are sorted; the interval reaches as far
//! as the one of rank `⌈(n + 1)(1 − α)⌉`. A new value from the same source lies inside with at least
//! the level's probability, whatever the model. Calibrate within a group (one model, one board) to
//! claim for that group; a claim about new workloads needs residuals of workloads that were left out.

use serde::{Deserialize, Serialize};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::sum::number;

/// How far the interval reaches to either side of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// In the unit of the residuals; of scaled residuals, in multiples of the scale.
    Finite(f64),
    /// Too few residuals for the level: nothing can be excluded.
    Infinite {
        /// Residuals that the level takes at least.
        needed: usize,
    },
}

/// The rank, from 1, of the residual that bounds the interval: `⌈(n + 1)(1 − α)⌉`. It may exceed `n`.
pub fn rank(n: usize, level: Level) -> usize {
    // Products such as 20 · 0.95 may be a rounding above the whole number that they mean.
    let product = number(n + 1) * level.value();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most n + 1, and not negative"
    )]
    let rank = (product - 1e-9 * number(n + 1)).ceil() as usize;
    rank.max(1)
}

/// Fewest residuals for a finite interval, `⌈(1 − α) / α⌉`: 19 for 95 %, 9 for 90 %.
pub fn needed(level: Level) -> usize {
    let ratio = level.value() / level.alpha();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level leaves at least 2^-53 outside, so the quotient is a positive number in range"
    )]
    let needed = (ratio - 1e-9 * ratio).ceil() as usize;
    needed.max(1)
}

/// A calibrated interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// How far it reaches.
    pub reach: Reach,
    /// The level it was calibrated for.
    pub level: Level,
    /// Residuals behind it.
    pub n: usize,
}

impl Calibration {
    /// Calibrates on residuals, of which the size counts. Residuals of a model with a scale for each
    /// prediction are divided by it beforehand.
    ///
    /// # Errors
    /// No residuals, or one that is not finite.
    pub fn of(residuals: &[f64], level: Level) -> Result<Self, StatisticsError> {
        require_count("residuals of the calibration", 1, residuals.len())?;
        require_finite("residuals of the calibration", residuals)?;
        let n = residuals.len();
        let rank = rank(n, level);
        let reach = if rank > n {
            Reach::Infinite {
                needed: needed(level),
            }
        } else {
            let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
            Reach::Finite(*sizes.select_nth_unstable_by(rank - 1, f64::total_cmp).1)
        };
        Ok(Self { reach, level, n })
    }

    /// The interval about a prediction; `scale` is 1 for residuals that were not scaled. None where
    /// it is infinite.
    pub fn interval(&self, prediction: f64, scale: f64) -> Option<Interval> {
        match self.reach {
            Reach::Finite(reach) => Some(Interval::symmetric(
                prediction,
                reach * scale,
                self.level,
                self.n,
                Method::SplitConformal,
            )),
            Reach::Infinite { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::NormalDraws;

    #[test]
    fn ranks_and_least_numbers() {
        for (n, level, expected) in [
            (19, Level::P95, 19),
            (18, Level::P95, 19),
            (199, Level::P90, 180),
            (9, Level::P90, 9),
        ] {
            assert_eq!(rank(n, level), expected, "{n}");
        }
        assert_eq!(needed(Level::P95), 19);
        assert_eq!(needed(Level::P90), 9);
        assert_eq!(needed(Level::P99), 99);
    }

    #[test]
    fn the_reach_is_the_residual_of_that_rank() {
        let residuals: Vec<f64> = (1..=19)
            .map(|i| if i % 2 == 0 { 1.0 } else { -1.0 } * f64::from(i))
            .collect();
        let calibration = Calibration::of(&residuals, Level::P95).unwrap();
        assert_eq!(calibration.reach, Reach::Finite(19.0));
        assert_eq!(
            Calibration::of(&residuals, Level::P90).unwrap().reach,
            Reach::Finite(18.0)
        );
        let interval = calibration.interval(100.0, 0.5).unwrap();
        assert_eq!((interval.low, interval.high), (90.5, 109.5));
        let few = Calibration::of(&residuals[1..], Level::P95).unwrap();
        assert_eq!(few.reach, Reach::Infinite { needed: 19 });
        assert!(few.interval(100.0, 1.0).is_none());
        assert!(Calibration::of(&[], Level::P95).is_err());
    }

    #[test]
    fn coverage_is_that_of_theory() {
        // With 199 residuals, 90 % exactly: 180 of 200 ranks.
        let mut draws = NormalDraws::new(4, 0);
        let mut residuals = vec![0.0; 199];
        let trials = 10_000;
        let covered = (0..trials)
            .filter(|_| {
                residuals.fill_with(|| draws.draw());
                let interval = Calibration::of(&residuals, Level::P90)
                    .unwrap()
                    .interval(0.0, 1.0);
                interval.unwrap().contains(draws.draw())
            })
            .count();
        // Standard error 30.
        assert!(covered.abs_diff(9000) < 100, "{covered}");
    }
}
