//! How many blocks: a pilot, one look, one more stage (Stein), and what a plan can promise.
//!
//! Testing after every run and stopping when the interval is narrow makes intervals that are too
//! narrow: they stop on lucky scatter. Stein's two stages look once. The interval keeps the pilot's
//! standard deviation and degrees of freedom, and is exact for normal values (Annals of Mathematical
//! Statistics 16, 1945).

use serde::{Deserialize, Serialize};

use crate::distribution::{chi_squared_upper_tail, student_t_quantile};
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::moments::Moments;
use crate::sum::number;

/// Runs of each configuration in the screening tier: fixed, with a t interval and no sequential
/// claim.
pub const BUDGET_RUNS: usize = 5;

/// A two-stage plan for the mean of the log-ratios of the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoStage {
    /// Blocks of the pilot.
    pub pilot: usize,
    /// Most blocks in all.
    pub cap: usize,
    /// Half width that is wanted, on the logarithmic scale: 0.01 is ±1 %.
    pub half_width: f64,
    /// Level of the interval.
    pub level: Level,
}

/// The size of the second stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Blocks in all, from the pilot's number to the cap.
    pub blocks: usize,
    /// Blocks that the wanted half width takes.
    pub wanted: usize,
}

impl Size {
    /// Whether the cap leaves fewer blocks than the half width takes.
    pub const fn is_capped(&self) -> bool {
        self.wanted > self.blocks
    }
}

/// How the second stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The interval is as narrow as was wanted.
    Met(Interval),
    /// The cap came first: this is the interval that was reached.
    NotMet {
        /// The interval, wider than was wanted.
        reached: Interval,
        /// Blocks that the wanted half width takes.
        wanted: usize,
    },
    /// Blocks are still missing.
    Unfinished {
        /// Blocks in all that the pilot asks for.
        blocks: usize,
    },
}

impl TwoStage {
    /// The protocol's plan for ±1 %: 10 blocks, 50 at most, 95 %.
    pub const CONFIRM: Self = Self {
        pilot: 10,
        cap: 50,
        half_width: 0.01,
        level: Level::P95,
    };
    /// The protocol's plan for headline points: ±0.5 %.
    pub const HEADLINE: Self = Self {
        half_width: 0.005,
        ..Self::CONFIRM
    };

    /// Quantile of Student's t with the pilot's degrees of freedom.
    fn quantile(&self) -> f64 {
        student_t_quantile(self.level.upper_point(), number(self.pilot - 1))
    }

    /// Refuses a plan that cannot be carried out.
    fn check(&self) -> Result<(), StatisticsError> {
        require_count("blocks of the pilot", 2, self.pilot)?;
        require_count("cap on the blocks", self.pilot, self.cap)?;
        if self.half_width > 0.0 {
            Ok(())
        } else {
            let what = "wanted half width";
            Err(StatisticsError::NotPositive {
                what,
                index: 0,
                value: self.half_width,
            })
        }
    }

    /// The size that the pilot's standard deviation asks for:
    /// `max(n₀, ceil((t · s / r)²))`, and no more than the cap.
    ///
    /// # Errors
    /// A pilot of fewer than two blocks, a cap below it, a half width that is not positive, or a
    /// standard deviation that is not finite.
    pub fn size(&self, pilot_deviation: f64) -> Result<Size, StatisticsError> {
        self.check()?;
        require_finite("standard deviation of the pilot", &[pilot_deviation])?;
        let root = self.quantile() * pilot_deviation / self.half_width;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a square is not negative; where it exceeds the range, the cast saturates and the cap binds"
        )]
        let wanted = ((root * root).ceil() as usize).max(self.pilot);
        Ok(Size {
            blocks: wanted.min(self.cap),
            wanted,
        })
    }

    /// The outcome for the log-ratios of the blocks in the order in which they were measured; the
    /// first of them are the pilot. Blocks beyond the planned size are not looked at.
    ///
    /// # Errors
    /// As [`TwoStage::size`]; fewer log-ratios than the pilot has blocks, or one that is not finite.
    pub fn outcome(&self, log_ratios: &[f64]) -> Result<Precision, StatisticsError> {
        self.check()?;
        require_count("blocks of the pilot", self.pilot, log_ratios.len())?;
        let pilot = Moments::of("blocks of the pilot", &log_ratios[..self.pilot])?;
        let size = self.size(pilot.standard_deviation())?;
        let Some(planned) = log_ratios.get(..size.blocks) else {
            return Ok(Precision::Unfinished {
                blocks: size.blocks,
            });
        };
        let mean = Moments::of("log-ratios of the blocks", planned)?.mean;
        let half_width = self.quantile() * pilot.standard_deviation() / number(size.blocks).sqrt();
        let interval =
            Interval::symmetric(mean, half_width, self.level, size.blocks, Method::SteinT);
        Ok(if size.is_capped() {
            Precision::NotMet {
                reached: interval,
                wanted: size.wanted,
            }
        } else {
            Precision::Met(interval)
        })
    }

    /// Blocks that the plan takes on average if log-ratios are normal with this standard deviation:
    /// `n₀ + Σ P(N > k)` for k from the pilot to the cap.
    ///
    /// # Errors
    /// As [`TwoStage::size`].
    pub fn expected_blocks(&self, deviation: f64) -> Result<f64, StatisticsError> {
        self.check()?;
        require_finite("standard deviation of the log-ratios", &[deviation])?;
        let degrees = number(self.pilot - 1);
        // The pilot's (n₀ − 1) s² / σ² follows the chi-squared law.
        let scale = self.half_width / (self.quantile() * deviation.abs());
        let more = (self.pilot..self.cap).map(|blocks| {
            chi_squared_upper_tail(degrees * number(blocks) * scale * scale, degrees)
        });
        Ok(number(self.pilot) + if deviation == 0.0 { 0.0 } else { more.sum() })
    }

    /// Probability that the cap binds, so that the wanted half width is not reached.
    ///
    /// # Errors
    /// As [`TwoStage::size`].
    pub fn probability_not_met(&self, deviation: f64) -> Result<f64, StatisticsError> {
        self.check()?;
        require_finite("standard deviation of the log-ratios", &[deviation])?;
        if deviation == 0.0 {
            return Ok(0.0);
        }
        let degrees = number(self.pilot - 1);
        let scale = self.half_width / (self.quantile() * deviation);
        Ok(chi_squared_upper_tail(
            degrees * number(self.cap) * scale * scale,
            degrees,
        ))
    }
}

/// Half width to expect of the t interval for the mean of `n` normal values with this standard
/// deviation: `t · σ · c₄(n) / √n`, where `c₄` is the mean of `s / σ`.
///
/// The log-ratio of two configurations that are each repeated with coefficient of variation `c`
/// has standard deviation `√2 · c`, less what they share within a block.
///
/// # Errors
/// Fewer than two values, or a standard deviation that is not finite.
pub fn expected_half_width(deviation: f64, n: usize, level: Level) -> Result<f64, StatisticsError> {
    require_count("runs", 2, n)?;
    require_finite("standard deviation", &[deviation])?;
    let degrees = number(n - 1);
    let mean_of_deviation = (2.0 / degrees).sqrt()
        * libm::exp(libm::lgamma(number(n) / 2.0) - libm::lgamma(degrees / 2.0));
    let quantile = student_t_quantile(level.upper_point(), degrees);
    Ok(quantile * deviation * mean_of_deviation / number(n).sqrt())
}

/// Fewest values whose expected half width is at most `half_width`, searched up to `most`.
///
/// # Errors
/// As [`expected_half_width`].
pub fn runs_for_half_width(
    deviation: f64,
    half_width: f64,
    level: Level,
    most: usize,
) -> Result<Option<usize>, StatisticsError> {
    for n in 2..=most {
        if expected_half_width(deviation, n, level)? <= half_width {
            return Ok(Some(n));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
