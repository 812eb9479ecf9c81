//! Intervals for one configuration: the mean, and the geometric mean, of its runs.

use serde::{Deserialize, Serialize};

use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, logarithms};
use crate::interval::{Interval, Level, Method};
use crate::moments::Moments;

/// From this many runs on, bootstrap-t is printed beside the t interval.
pub const COMPANION_FROM_N: usize = 20;

/// Beyond this |g1|, bootstrap-t is printed beside the t interval.
pub const COMPANION_FROM_SKEWNESS: f64 = 1.0;

/// Arithmetic mean `m ± t(1 − α/2, n − 1) · s / √n`, in the values' unit.
///
/// # Errors
/// Fewer than two values, or one that is not finite.
pub fn mean_t(values: &[f64], level: Level) -> Result<Interval, StatisticsError> {
    Ok(t_interval(
        &Moments::of("values", values)?,
        level,
        Method::MeanT,
    ))
}

/// Geometric mean with the t interval of the mean logarithm taken back by `exp`: the target of every
/// headline, since energies scatter by factors.
///
/// # Errors
/// Fewer than two values, or one that is not positive and finite.
pub fn geometric_mean_t(values: &[f64], level: Level) -> Result<Interval, StatisticsError> {
    let logs = logarithms("values", values)?;
    let on_logs = t_interval(&Moments::of("values", &logs)?, level, Method::MeanT);
    Ok(on_logs.through(Method::GeometricMeanT, libm::exp))
}

/// The t interval from a sample's moments.
pub fn t_interval(moments: &Moments, level: Level, method: Method) -> Interval {
    let t = student_t_quantile(level.upper_point(), moments.degrees_of_freedom());
    let half_width = t * moments.standard_error();
    Interval::symmetric(moments.mean, half_width, level, moments.n, method)
}

/// Whether the t interval is printed alone or beside a bootstrap-t interval. Which of the two a
/// claim uses is declared in the plan, never chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Companion {
    /// The t interval alone: few runs, and no sign of skew.
    TAlone,
    /// |g1| > 1: t intervals cover less than they say under skew.
    SkewedSoBootstrapT,
    /// n ≥ 20: enough runs to check the t interval against the data's own shape.
    ManySoBootstrapT,
}

impl Companion {
    /// The protocol's rule "|g1| > 1 or n ≥ 20".
    pub fn for_sample(moments: &Moments) -> Self {
        if moments.skewness.abs() > COMPANION_FROM_SKEWNESS {
            Self::SkewedSoBootstrapT
        } else if moments.n >= COMPANION_FROM_N {
            Self::ManySoBootstrapT
        } else {
            Self::TAlone
        }
    }

    /// Whether bootstrap-t is printed beside the t interval.
    pub const fn bootstrap_t(self) -> bool {
        !matches!(self, Self::TAlone)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// `scipy.stats.t.interval(.95, 7, mean(a), sem(a))`, computed with scipy 1.17.1.
    #[test]
    fn the_mean_of_eight_runs() {
        let a = [30.02, 29.99, 30.11, 29.97, 30.01, 29.99, 30.08, 30.05];
        let interval = mean_t(&a, Level::P95).unwrap();
        assert!((interval.value - 30.0275).abs() < 1e-12);
        assert!((interval.low - LOW).abs() < 1e-11, "{}", interval.low);
        assert!((interval.high - HIGH).abs() < 1e-11, "{}", interval.high);
        assert_eq!((interval.n, interval.method), (8, Method::MeanT));
    }

    const LOW: f64 = 29.986_849_384_572_903;
    const HIGH: f64 = 30.068_150_615_427_097;

    #[test]
    fn a_geometric_mean_by_hand() {
        // Logarithms 0, 1, 2: mean 1, s = 1, t(.975, 2) = 4.302652729749462.
        let values = [1.0, std::f64::consts::E, libm::exp(2.0)];
        let interval = geometric_mean_t(&values, Level::P95).unwrap();
        let reach = 4.302_652_729_749_462 / 3f64.sqrt();
        assert!((interval.value - std::f64::consts::E).abs() < 1e-12);
        assert!((libm::log(interval.low) - (1.0 - reach)).abs() < 1e-12);
        assert!((libm::log(interval.high) - (1.0 + reach)).abs() < 1e-12);
    }

    #[test]
    fn zero_energy_has_no_geometric_mean() {
        assert!(matches!(
            geometric_mean_t(&[1.0, 0.0], Level::P95),
            Err(StatisticsError::NotPositive { index: 1, .. })
        ));
        assert!(matches!(
            mean_t(&[1.0], Level::P95),
            Err(StatisticsError::TooFew {
                needed: 2,
                got: 1,
                ..
            })
        ));
    }

    #[test]
    fn skew_and_size_call_for_a_companion() {
        let rule = |values: &[f64]| Companion::for_sample(&Moments::of("values", values).unwrap());
        assert_eq!(rule(&[1.0, 2.0, 3.0]), Companion::TAlone);
        assert_eq!(rule(&[1.0, 1.0, 1.0, 9.0]), Companion::SkewedSoBootstrapT);
        let many: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(rule(&many), Companion::ManySoBootstrapT);
        assert!(!rule(&many[..19]).bootstrap_t());
    }

    proptest! {
        #[test]
        fn order_does_not_matter(values in vec(1.0..1000.0, 2..40)) {
            let mut reversed = values.clone();
            reversed.reverse();
            prop_assert_eq!(mean_t(&values, Level::P95), mean_t(&reversed, Level::P95));
            prop_assert_eq!(
                geometric_mean_t(&values, Level::P95),
                geometric_mean_t(&reversed, Level::P95)
            );
        }

        #[test]
        fn a_higher_level_is_wider(values in vec(1.0..1000.0, 2..40), level in 0.5..0.98) {
            let narrow = geometric_mean_t(&values, Level::new(level).unwrap()).unwrap();
            let wide = geometric_mean_t(&values, Level::new(level + 0.01).unwrap()).unwrap();
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            prop_assert!(narrow.contains(narrow.value));
        }

        #[test]
        fn a_change_of_unit_changes_nothing_else(
            values in vec(1.0..1000.0, 2..40),
            factor in 1e-6_f64..1e6,
        ) {
            let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
            let plain = geometric_mean_t(&values, Level::P95).unwrap();
            let other = geometric_mean_t(&scaled, Level::P95).unwrap();
            for (a, b) in [(plain.value, other.value), (plain.low, other.low), (plain.high, other.high)] {
                prop_assert!((a * factor - b).abs() <= 1e-9 * b);
            }
        }
    }
}
