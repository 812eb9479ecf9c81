//! Intervals of shares, and of differences of shares: accuracy, and what a precision costs of it.

use serde::{Deserialize, Serialize};

use crate::distribution::{beta_quantile, normal_quantile};
use crate::error::{StatisticsError, require_count};
use crate::interval::{Interval, Level, Method};

/// Successes among trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    successes: u64,
    trials: u64,
}

impl Share {
    /// `successes` of `trials`.
    ///
    /// # Errors
    /// No trials, or more successes than trials.
    pub fn new(successes: u64, trials: u64) -> Result<Self, StatisticsError> {
        require_count("trials", 1, size(trials))?;
        if successes > trials {
            return Err(StatisticsError::PartAboveWhole {
                what: "successes",
                part: successes,
                whole: trials,
            });
        }
        Ok(Self { successes, trials })
    }

    /// The share itself.
    pub fn value(self) -> f64 {
        real(self.successes) / real(self.trials)
    }
}

/// Exact bounds of Clopper and Pearson, from quantiles of the beta law: coverage is never below the
/// level, often above.
pub fn clopper_pearson(share: Share, level: Level) -> Interval {
    let (successes, failures) = (real(share.successes), real(share.trials - share.successes));
    let low = if share.successes == 0 {
        0.0
    } else {
        beta_quantile(level.lower_tail(), successes, failures + 1.0)
    };
    let high = if share.successes == share.trials {
        1.0
    } else {
        beta_quantile(level.upper_point(), successes + 1.0, failures)
    };
    interval(share, low, high, level, Method::ClopperPearson)
}

/// Wilson's score bounds: the shares p for which `|p̂ − p| ≤ z √(p (1 − p) / n)`. The default for one
/// proportion.
pub fn wilson(share: Share, level: Level) -> Interval {
    let z = normal_quantile(level.upper_point());
    let (n, p) = (real(share.trials), share.value());
    let weight = n + z * z;
    let centre = (real(share.successes) + z * z / 2.0) / weight;
    let half_width = z * (n * p * (1.0 - p) + z * z / 4.0).sqrt() / weight;
    // At 0 and n successes the bound is the end of the scale; rounding must not miss it.
    let low = if share.successes == 0 {
        0.0
    } else {
        centre - half_width
    };
    let high = if share.successes == share.trials {
        1.0
    } else {
        centre + half_width
    };
    interval(share, low, high, level, Method::Wilson)
}

fn interval(share: Share, low: f64, high: f64, level: Level, method: Method) -> Interval {
    Interval {
        value: share.value(),
        low,
        high,
        level,
        n: size(share.trials),
        method,
    }
}

/// Difference `first − second` of two independent shares: Newcombe's hybrid score bounds (Statistics
/// in Medicine 17, 873, 1998, method 10), from the Wilson bounds of each.
pub fn newcombe_independent(first: Share, second: Share, level: Level) -> Interval {
    let (one, two) = (wilson(first, level), wilson(second, level));
    hybrid(&one, &two, 0.0, one.n + two.n, Method::NewcombeIndependent)
}

/// Yes-no outcomes of the same examples under two configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedOutcomes {
    /// Right under both.
    pub both: u64,
    /// Right under the first only.
    pub only_first: u64,
    /// Right under the second only.
    pub only_second: u64,
    /// Wrong under both.
    pub neither: u64,
}

impl PairedOutcomes {
    /// Counts over the same examples, in the same order.
    ///
    /// # Errors
    /// One list is longer.
    pub fn of(first: &[bool], second: &[bool]) -> Result<Self, StatisticsError> {
        if first.len() != second.len() {
            return Err(StatisticsError::UnequalLengths {
                left: first.len(),
                right: second.len(),
            });
        }
        let count = |wanted: (bool, bool)| {
            let pairs = first.iter().copied().zip(second.iter().copied());
            pairs.filter(|pair| *pair == wanted).count() as u64
        };
        Ok(Self {
            both: count((true, true)),
            only_first: count((true, false)),
            only_second: count((false, true)),
            neither: count((false, false)),
        })
    }

    /// Number of examples.
    pub const fn examples(self) -> u64 {
        self.both + self.only_first + self.only_second + self.neither
    }

    /// Correlation of the two outcomes, with Newcombe's continuity correction where it is positive;
    /// zero where one configuration is always right or always wrong.
    fn correlation(self) -> f64 {
        let [both, first, second, neither] =
            [self.both, self.only_first, self.only_second, self.neither].map(real);
        let margins = (both + first) * (second + neither) * (both + second) * (first + neither);
        if margins <= 0.0 {
            return 0.0;
        }
        let excess = both * neither - first * second;
        let corrected = if excess > 0.0 {
            (excess - real(self.examples()) / 2.0).max(0.0)
        } else {
            excess
        };
        corrected / margins.sqrt()
    }
}

/// Difference `first − second` of two shares over the same examples: Newcombe's hybrid score bounds
/// for pairs (Statistics in Medicine 17, 2635, 1998, method 10).
///
/// # Errors
/// No examples.
pub fn newcombe_paired(
    outcomes: PairedOutcomes,
    level: Level,
) -> Result<Interval, StatisticsError> {
    let examples = outcomes.examples();
    let first = Share::new(outcomes.both + outcomes.only_first, examples)?;
    let second = Share::new(outcomes.both + outcomes.only_second, examples)?;
    let (one, two) = (wilson(first, level), wilson(second, level));
    Ok(hybrid(
        &one,
        &two,
        outcomes.correlation(),
        size(examples),
        Method::NewcombePaired,
    ))
}

/// Distances from each share to its own bounds, added as lengths of correlated parts.
fn hybrid(one: &Interval, two: &Interval, correlation: f64, n: usize, method: Method) -> Interval {
    let reach = |a: f64, b: f64| (a * a - 2.0 * correlation * a * b + b * b).max(0.0).sqrt();
    let value = one.value - two.value;
    Interval {
        value,
        low: value - reach(one.value - one.low, two.high - two.value),
        high: value + reach(two.value - two.low, one.high - one.value),
        level: one.level,
        n,
        method,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of examples stay far below 2^53"
)]
const fn real(count: u64) -> f64 {
    count as f64
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(interval: Interval, low: f64, high: f64, tolerance: f64) {
        assert!((interval.low - low).abs() <= tolerance, "{interval:?}");
        assert!((interval.high - high).abs() <= tolerance, "{interval:?}");
    }

    fn share(successes: u64, trials: u64) -> Share {
        Share::new(successes, trials).unwrap()
    }

    /// The vectors of `workloads/tests/fixtures`: Wilson and `McNemar` checked there against
    /// statsmodels 0.15, the paired interval of Newcombe computed a second time in Python.
    #[test]
    fn paired_vectors() {
        let text = include_str!("../../../workloads/tests/fixtures/quality.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let vectors = vectors["paired"].as_array().unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let count = |key: &str| vector[key].as_u64().unwrap();
            let number = |key: &str| vector[key].as_f64().unwrap();
            let pair = |key: &str| [0, 1].map(|end| vector[key][end].as_f64().unwrap());
            let outcomes = PairedOutcomes {
                both: count("both"),
                only_first: count("only_first"),
                only_second: count("only_second"),
                neither: count("neither"),
            };
            let p = crate::test::mcnemar_exact(outcomes.only_first, outcomes.only_second);
            assert!((p - number("mcnemar_exact_p")).abs() < 1e-12, "{vector}");
            let difference = newcombe_paired(outcomes, Level::P95).unwrap();
            assert!((difference.value - number("difference")).abs() < 1e-12);
            let [low, high] = pair("newcombe");
            bounds(difference, low, high, 1e-10);
            for (key, right) in [
                ("wilson_first", outcomes.both + outcomes.only_first),
                ("wilson_second", outcomes.both + outcomes.only_second),
            ] {
                let [low, high] = pair(key);
                bounds(
                    wilson(share(right, outcomes.examples()), Level::P95),
                    low,
                    high,
                    1e-12,
                );
            }
        }
    }

    #[test]
    fn outcomes_are_counted_in_pairs() {
        let found = PairedOutcomes::of(&[true, true, false, false], &[true, false, true, true]);
        let expected = PairedOutcomes {
            both: 1,
            only_first: 1,
            only_second: 2,
            neither: 0,
        };
        assert_eq!(found, Ok(expected));
        assert!(PairedOutcomes::of(&[true], &[]).is_err());
    }

    /// statsmodels 0.15.0, `proportion_confint(k, n, method="beta" / "wilson")`.
    #[test]
    fn one_proportion() {
        let exact = |k, n| clopper_pearson(share(k, n), Level::P95);
        bounds(
            exact(940, 1001),
            0.922_406_127_764_585_3,
            0.953_069_379_159_538_3,
            1e-10,
        );
        bounds(exact(0, 10), 0.0, 0.308_497_107_818_760_83, 1e-12);
        bounds(exact(10, 10), 0.691_502_892_181_239_2, 1.0, 1e-12);
        bounds(
            exact(1, 50),
            5.062_279_830_408_29e-4,
            0.106_469_545_711_499_93,
            1e-12,
        );
        let score = |k, n| wilson(share(k, n), Level::P95);
        bounds(
            score(940, 1001),
            0.922_496_612_462_499_5,
            0.952_268_249_480_612_6,
            1e-12,
        );
        bounds(score(0, 10), 0.0, 0.277_532_799_862_889_26, 1e-12);
        bounds(score(10, 10), 0.722_467_200_137_110_6, 1.0, 1e-12);
        bounds(
            score(1, 50),
            0.003_539_259_271_646_236,
            0.104_954_435_896_378_15,
            1e-12,
        );
    }

    /// statsmodels 0.15.0, `confint_proportions_2indep(760, 1000, 752, 1000, method="newcomb")`.
    #[test]
    fn two_independent_proportions() {
        let interval = newcombe_independent(share(760, 1000), share(752, 1000), Level::P95);
        bounds(
            interval,
            -0.029_637_322_940_033_663,
            0.045_609_351_345_182_12,
            1e-12,
        );
        assert_eq!(interval.n, 2000);
    }

    /// The first two are worked in print: Newcombe 1998 (0.0569, 0.3404), and Altman et al.,
    /// Statistics with Confidence, 2000, table 6.2 (0.01, 0.23). More digits, and the third, from
    /// the formula evaluated with numpy.
    #[test]
    fn two_paired_proportions() {
        let interval = |both, only_first, only_second, neither| {
            let outcomes = PairedOutcomes {
                both,
                only_first,
                only_second,
                neither,
            };
            newcombe_paired(outcomes, Level::P95).unwrap()
        };
        bounds(
            interval(36, 12, 2, 0),
            0.056_929_584_003_238_75,
            0.340_427_602_974_940_8,
            1e-12,
        );
        bounds(
            interval(14, 5, 0, 22),
            0.011_483_241_383_033_319,
            0.226_492_684_351_211_2,
            1e-12,
        );
        bounds(
            interval(700, 60, 52, 188),
            -0.012_869_619_685_134_111,
            0.028_892_433_342_059_73,
            1e-12,
        );
        let outcomes = PairedOutcomes {
            both: 0,
            only_first: 0,
            only_second: 0,
            neither: 0,
        };
        assert!(newcombe_paired(outcomes, Level::P95).is_err());
    }

    #[test]
    fn a_part_above_its_whole_is_refused() {
        assert!(Share::new(3, 2).is_err());
        assert!(Share::new(0, 0).is_err());
    }

    proptest! {
        #[test]
        fn exact_bounds_hold_the_tails(k in 0u64..200, more in 0u64..200, level in 0.5..0.99) {
            let n = (k + more).max(1);
            let interval = clopper_pearson(share(k, n), Level::new(level).unwrap());
            let tail = (1.0 - level) / 2.0;
            if k > 0 {
                let above = crate::distribution::binomial_upper_tail(k - 1, n, interval.low);
                prop_assert!((above - tail).abs() < 1e-9);
            }
            if k < n {
                let below = crate::distribution::binomial_cdf(k, n, interval.high);
                prop_assert!((below - tail).abs() < 1e-9);
            }
        }

        #[test]
        fn failures_mirror_successes(k in 0u64..100, more in 1u64..100) {
            for method in [clopper_pearson, wilson] {
                let there = method(share(k, k + more), Level::P95);
                let back = method(share(more, k + more), Level::P95);
                prop_assert!((there.low + back.high - 1.0).abs() < 1e-9);
                prop_assert!(there.contains(there.value));
                prop_assert!(there.low >= 0.0 && there.high <= 1.0);
            }
        }

        #[test]
        fn swapping_the_configurations_mirrors_the_difference(
            both in 0u64..50, only_first in 0u64..50, only_second in 0u64..50, neither in 1u64..50,
        ) {
            let there = PairedOutcomes { both, only_first, only_second, neither };
            let back = PairedOutcomes { only_first: only_second, only_second: only_first, ..there };
            let (there, back) = (
                newcombe_paired(there, Level::P95).unwrap(),
                newcombe_paired(back, Level::P95).unwrap(),
            );
            prop_assert!((there.low + back.high).abs() < 1e-12);
            prop_assert!(there.contains(there.value));
        }
    }
}
