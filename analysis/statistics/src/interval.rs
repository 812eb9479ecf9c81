//! A value with its bounds, its level, its method and the number of values behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::StatisticsError;

/// A confidence level, strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Level(f64);

impl Level {
    /// 90 %, of which each limit is a one-sided 95 % limit.
    pub const P90: Self = Self(0.90);
    /// 95 %, the protocol's level.
    pub const P95: Self = Self(0.95);
    /// 99 %.
    pub const P99: Self = Self(0.99);

    /// A level such as 0.95.
    ///
    /// # Errors
    /// [`StatisticsError::Level`] outside (0, 1).
    pub fn new(level: f64) -> Result<Self, StatisticsError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(StatisticsError::Level { value: level })
        }
    }

    /// The level as a fraction of one.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The probability left outside, `1 − level`.
    pub const fn alpha(self) -> f64 {
        1.0 - self.0
    }

    /// Probability below the lower bound of an equal-tailed interval, `α / 2`.
    pub const fn lower_tail(self) -> f64 {
        self.alpha() / 2.0
    }

    /// Probability below the upper bound of an equal-tailed interval, `1 − α / 2`.
    pub const fn upper_point(self) -> f64 {
        0.5 + self.0 / 2.0
    }

    /// The level of the two-sided interval whose limits are one-sided limits of this level:
    /// 95 % becomes 90 %.
    ///
    /// # Errors
    /// [`StatisticsError::Level`] where this level is one half or less.
    pub fn two_sided_of_one_sided(self) -> Result<Self, StatisticsError> {
        Self::new(2.0 * self.0 - 1.0)
    }
}

impl TryFrom<f64> for Level {
    type Error = StatisticsError;

    fn try_from(level: f64) -> Result<Self, StatisticsError> {
        Self::new(level)
    }
}

impl From<Level> for f64 {
    fn from(level: Level) -> Self {
        level.0
    }
}

/// How an interval was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Arithmetic mean; t interval.
    MeanT,
    /// Geometric mean; t interval of the mean logarithm, taken back by `exp`.
    GeometricMeanT,
    /// Mean difference of pairs; t interval.
    PairedDifferenceT,
    /// Difference of two independent means; Welch's t interval.
    WelchDifferenceT,
    /// Geometric mean of the ratios within blocks; t interval on their logarithms.
    PairedLogRatioT,
    /// Ratio of the geometric means of two independent samples; Welch's t interval on logarithms.
    WelchLogRatioT,
    /// Ratio of the arithmetic means of two independent samples; Fieller's set.
    Fieller,
    /// Studentised bootstrap.
    BootstrapT,
    /// Percentiles of the resampled statistic.
    BootstrapPercentile,
    /// Percentiles of the resampled statistic, reflected at the estimate.
    BootstrapBasic,
    /// Percentiles corrected for bias and acceleration.
    BootstrapBca,
    /// Percentiles over resamples of blocks of neighbours.
    BlockBootstrap,
    /// Percentiles over resamples of blocks of random length.
    StationaryBootstrap,
    /// Order statistics around a quantile, by the binomial law.
    OrderStatistics,
    /// Proportion; exact binomial bounds.
    ClopperPearson,
    /// Proportion; Wilson's score bounds.
    Wilson,
    /// Difference of two independent proportions; Newcombe's hybrid score bounds.
    NewcombeIndependent,
    /// Difference of two paired proportions; Newcombe's hybrid score bounds.
    NewcombePaired,
    /// Ratio of two sums over documents; t interval of the linearised ratio.
    DocumentRatioT,
    /// Mean of a series; t interval over batch means.
    BatchMeansT,
    /// Mean of a series; t interval with the effective number of values.
    EffectiveSampleT,
    /// Mean after a second stage sized by the pilot's scatter (Stein).
    SteinT,
    /// Delete-a-block jackknife; t interval over pseudo-values.
    JackknifeT,
    /// Least squares; t interval of a coefficient or of the line.
    LeastSquaresT,
    /// Least squares; interval of a new reading.
    LeastSquaresPrediction,
    /// Split conformal prediction.
    SplitConformal,
    /// Posterior of a Gaussian process.
    GaussianProcess,
    /// Simultaneous bounds by the largest of several t statistics.
    MaxT,
}

impl Method {
    /// The method in words for table notes.
    pub const fn description(self) -> &'static str {
        match self {
            Self::MeanT => "arithmetic mean, t interval",
            Self::GeometricMeanT => "geometric mean, t interval on logarithms",
            Self::PairedDifferenceT => "paired difference, t interval",
            Self::WelchDifferenceT => "difference of means, Welch t interval",
            Self::PairedLogRatioT => "ratio paired by block, t interval on logarithms",
            Self::WelchLogRatioT => "ratio of geometric means, Welch t interval on logarithms",
            Self::Fieller => "ratio of means, Fieller interval",
            Self::BootstrapT => "bootstrap-t",
            Self::BootstrapPercentile => "percentile bootstrap",
            Self::BootstrapBasic => "basic bootstrap",
            Self::BootstrapBca => "BCa bootstrap",
            Self::BlockBootstrap => "block bootstrap, percentiles",
            Self::StationaryBootstrap => "stationary bootstrap, percentiles",
            Self::OrderStatistics => "order statistics, binomial bounds",
            Self::ClopperPearson => "Clopper-Pearson interval",
            Self::Wilson => "Wilson score interval",
            Self::NewcombeIndependent => "Newcombe interval, independent proportions",
            Self::NewcombePaired => "Newcombe interval, paired proportions",
            Self::DocumentRatioT => "ratio of sums over documents, linearised t interval",
            Self::BatchMeansT => "batch means, t interval",
            Self::EffectiveSampleT => "t interval with the effective sample size",
            Self::SteinT => "two-stage mean, t interval with the pilot's scatter",
            Self::JackknifeT => "delete-block jackknife, t interval of pseudo-values",
            Self::LeastSquaresT => "least squares, t interval",
            Self::LeastSquaresPrediction => "least squares, prediction interval",
            Self::SplitConformal => "split conformal prediction",
            Self::GaussianProcess => "Gaussian process, posterior interval",
            Self::MaxT => "simultaneous bounds, max-t",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.description())
    }
}

/// A value between its bounds, in the unit of the values it was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Confidence level.
    pub level: Level,
    /// Values that entered: runs, or pairs; of two independent samples, both together.
    pub n: usize,
    /// How the bounds were computed.
    pub method: Method,
}

impl Interval {
    /// `value ± half_width`.
    pub fn symmetric(value: f64, half_width: f64, level: Level, n: usize, method: Method) -> Self {
        Self {
            value,
            low: value - half_width,
            high: value + half_width,
            level,
            n,
            method,
        }
    }

    /// Half the distance between the bounds.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half width over the value's size: 0.01 is ±1 %.
    pub fn relative_half_width(&self) -> f64 {
        self.half_width() / self.value.abs()
    }

    /// Whether `truth` lies between the bounds, bounds included.
    pub fn contains(&self, truth: f64) -> bool {
        self.low <= truth && truth <= self.high
    }

    /// The same interval through an increasing function, such as `exp`.
    #[must_use]
    pub fn through(self, method: Method, increasing: impl Fn(f64) -> f64) -> Self {
        Self {
            value: increasing(self.value),
            low: increasing(self.low),
            high: increasing(self.high),
            method,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_outside_zero_and_one_cannot_be_had() {
        for wrong in [0.0, 1.0, -0.1, 95.0, f64::NAN] {
            assert!(Level::new(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Level>("1.5").is_err());
        assert_eq!(serde_json::to_string(&Level::P95).unwrap(), "0.95");
    }

    #[test]
    fn one_sided_95_is_two_sided_90() {
        let two_sided = Level::P95.two_sided_of_one_sided().unwrap();
        assert!((two_sided.value() - 0.9).abs() < 1e-15);
        assert!((two_sided.upper_point() - 0.95).abs() < 1e-15);
        assert!(Level::new(0.4).unwrap().two_sided_of_one_sided().is_err());
    }

    #[test]
    fn an_interval_survives_json() {
        let interval = Interval::symmetric(10.0, 0.25, Level::P95, 12, Method::PairedLogRatioT);
        let text = serde_json::to_string(&interval).unwrap();
        assert!(text.contains("\"paired_log_ratio_t\""), "{text}");
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
    }

    #[test]
    fn bounds_belong_to_the_interval() {
        let interval = Interval::symmetric(10.0, 0.25, Level::P95, 12, Method::MeanT);
        assert!(interval.contains(9.75) && interval.contains(10.25));
        assert!(!interval.contains(9.749) && !interval.contains(f64::NAN));
        assert!((interval.relative_half_width() - 0.025).abs() < 1e-15);
    }
}
