//! Exact tests of counts.

use statrs::function::factorial::ln_binomial;

use crate::distribution::{binomial_cdf, binomial_upper_tail};
use crate::error::StatisticsError;

/// Two-sided p-value of `successes` in `trials` against the probability `p`: the chance of every
/// outcome that is at most as likely as the one seen.
///
/// # Errors
/// More successes than trials, or `p` outside (0, 1).
pub fn binomial_exact(successes: u64, trials: u64, p: f64) -> Result<f64, StatisticsError> {
    if successes > trials {
        return Err(StatisticsError::PartAboveWhole {
            what: "successes",
            part: successes,
            whole: trials,
        });
    }
    if !(p > 0.0 && p < 1.0) {
        return Err(StatisticsError::Probability {
            what: "success",
            value: p,
        });
    }
    // Outcomes of equal likelihood differ by rounding; scipy and R allow the same 1e-7.
    let limit = ln_likelihood(successes, trials, p) + 1e-7;
    let as_rare = |k: u64| ln_likelihood(k, trials, p) <= limit;
    let mode = mode(trials, p);
    let total = if successes <= mode {
        let high = first(mode + 1, trials + 1, as_rare);
        let above = if high == 0 {
            1.0
        } else {
            binomial_upper_tail(high - 1, trials, p)
        };
        binomial_cdf(successes, trials, p) + if high > trials { 0.0 } else { above }
    } else {
        // Likelihood rises up to the mode: the first k that is not as rare ends the lower tail.
        let low_end = first(0, mode + 1, |k| !as_rare(k));
        let below = if low_end == 0 {
            0.0
        } else {
            binomial_cdf(low_end - 1, trials, p)
        };
        below + binomial_upper_tail(successes - 1, trials, p)
    };
    Ok(total.min(1.0))
}

/// `McNemar`'s exact test of paired yes-no outcomes: under "no difference", each of the pairs that
/// disagree falls to either side with probability one half. Without such pairs, p is 1.
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let pairs = only_first + only_second;
    if pairs == 0 {
        return 1.0;
    }
    (2.0 * binomial_cdf(only_first.min(only_second), pairs, 0.5)).min(1.0)
}

/// The most likely outcome.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of trials stay far below 2^53, and the product is not negative"
)]
fn mode(trials: u64, p: f64) -> u64 {
    (((trials + 1) as f64 * p).floor() as u64).min(trials)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of trials stay far below 2^53"
)]
fn ln_likelihood(k: u64, trials: u64, p: f64) -> f64 {
    ln_binomial(trials, k) + k as f64 * libm::log(p) + (trials - k) as f64 * libm::log1p(-p)
}

/// The first number in `low..high` for which `holds`, or `high`; `holds` is monotone.
fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-10 * expected,
            "got {got}, expected {expected}"
        );
    }

    /// `scipy.stats.binomtest(...).pvalue`, scipy 1.17.1.
    #[test]
    fn binomial_against_scipy() {
        for (successes, trials, p, expected) in BINOMIAL {
            close(binomial_exact(successes, trials, p).unwrap(), expected);
        }
        assert!(binomial_exact(5, 4, 0.5).is_err());
        assert!(binomial_exact(1, 4, 1.0).is_err());
    }

    const BINOMIAL: [(u64, u64, f64, f64); 6] = [
        (9, 30, 0.5, 0.042_773_945_257_067_694),
        (3, 10, 0.1, 0.070_190_826_4),
        (0, 12, 0.2, 0.141_274_976_256),
        (12, 12, 0.2, 4.096e-9),
        (700, 1_000, 0.72, 0.159_064_823_148_566_24),
        (10, 10, 0.5, 0.001_953_125),
    ];

    #[test]
    fn mcnemar_against_scipy() {
        close(mcnemar_exact(9, 21), 0.042_773_945_257_067_694);
        close(mcnemar_exact(21, 9), 0.042_773_945_257_067_694);
        close(mcnemar_exact(0, 0), 1.0);
        close(mcnemar_exact(5, 5), 1.0);
    }

    proptest! {
        #[test]
        fn p_is_the_sum_of_what_is_as_rare(trials in 1u64..40, share in 0.0_f64..=1.0, p in 0.05..0.95) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of at most 40 trials")]
            let successes = (share * trials as f64).round() as u64;
            let seen = ln_likelihood(successes, trials, p);
            let expected: f64 = (0..=trials)
                .map(|k| ln_likelihood(k, trials, p))
                .filter(|ln| *ln <= seen + 1e-7)
                .map(libm::exp)
                .sum();
            let got = binomial_exact(successes, trials, p).unwrap();
            prop_assert!((got - expected).abs() < 1e-9, "got {got}, expected {expected}");
        }
    }
}
