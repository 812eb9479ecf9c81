use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Samples of the reference vectors (n = 8 and 7).
const A: [f64; 8] = [30.02, 29.99, 30.11, 29.97, 30.01, 29.99, 30.08, 30.05];
const B: [f64; 7] = [29.89, 29.93, 29.72, 29.98, 30.02, 29.98, 29.91];

fn close(got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs(),
        "got {got}, expected {expected}"
    );
}

/// Closed form in double precision with numpy, degrees of freedom evaluated at the ratio.
#[test]
fn fieller_of_two_close_means() {
    let interval = fieller(&B, &A, Level::P95).unwrap();
    close(interval.value, 0.996_372_372_943_849, 1e-12);
    close(interval.low, 0.993_256_052_504_473_5, 1e-10);
    close(interval.high, 0.999_492_099_140_026_9, 1e-10);
}

#[test]
fn fieller_refuses_a_reference_that_may_be_zero() {
    let refused = fieller(&B, &[-1.0, 2.0, 0.5], Level::P95);
    assert!(
        matches!(refused, Err(StatisticsError::UnboundedRatio { .. })),
        "{refused:?}"
    );
    let refused = fieller(&B, &[-1.0, 1.0], Level::P95);
    assert!(
        matches!(refused, Err(StatisticsError::UnboundedRatio { .. })),
        "{refused:?}"
    );
}

/// Scatter in the numerator only makes Fieller the t interval of a mean over a constant.
#[test]
fn fieller_with_an_exact_reference_is_a_t_interval() {
    let interval = fieller(&B, &[2.0, 2.0, 2.0], Level::P95).unwrap();
    let mean = crate::location::mean_t(&B, Level::P95).unwrap();
    close(interval.low, mean.low / 2.0, 1e-13);
    close(interval.high, mean.high / 2.0, 1e-13);
}

/// `scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(.95)`.
#[test]
fn the_difference_of_two_means() {
    let a = Moments::of("a", &A).unwrap();
    let b = Moments::of("b", &B).unwrap();
    close(
        welch_degrees_of_freedom(&a, &b),
        8.497_309_856_376_642,
        1e-10,
    );
    let interval = welch_interval(&a, &b, Level::P95).unwrap();
    close(interval.low, 0.015_273_204_519_840_933, 1e-10);
    close(interval.high, 0.202_583_938_337_307_8, 1e-10);
}

/// On logarithms, a paired ratio is the paired t interval of scipy (`ttest_rel`).
#[test]
fn a_paired_ratio_is_the_paired_t_interval_of_the_logarithms() {
    let up: Vec<f64> = A[..7].iter().map(|&value| libm::exp(value)).collect();
    let down: Vec<f64> = B.iter().map(|&value| libm::exp(value)).collect();
    let interval = paired_log_ratio(&up, &down, Level::P95).unwrap();
    assert!((libm::log(interval.low) + 0.027_010_707_834_621_145).abs() < 1e-13);
    assert!((libm::log(interval.high) - 0.238_439_279_263_191_1).abs() < 1e-13);
    assert_eq!(interval.n, 7);
}

#[test]
fn pairs_need_a_partner_each() {
    assert_eq!(
        paired_log_ratio(&A, &B, Level::P95),
        Err(StatisticsError::UnequalLengths { left: 8, right: 7 })
    );
}

proptest! {
    #[test]
    fn the_reverse_ratio_is_the_reciprocal(
        pairs in vec((1.0..100.0, 1.0..100.0), 2..30),
    ) {
        let (up, down): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        for ratio in [paired_log_ratio, welch_log_ratio] {
            let there = ratio(&up, &down, Level::P95).unwrap();
            let back = ratio(&down, &up, Level::P95).unwrap();
            prop_assert!((there.value * back.value - 1.0).abs() < 1e-12);
            prop_assert!((there.low * back.high - 1.0).abs() < 1e-11);
        }
    }

    #[test]
    fn a_gain_common_to_both_sides_cancels(
        pairs in vec((1.0..100.0, 1.0..100.0), 3..30),
        gain in 0.5..2.0,
    ) {
        let (up, down): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let scaled = |side: &[f64]| side.iter().map(|value| value * gain).collect::<Vec<_>>();
        for ratio in [paired_log_ratio, welch_log_ratio, fieller] {
            let (plain, other) = (ratio(&up, &down, Level::P95), ratio(&scaled(&up), &scaled(&down), Level::P95));
            let (Ok(plain), Ok(other)) = (plain, other) else { continue };
            prop_assert!((plain.value - other.value).abs() < 1e-9 * plain.value);
            prop_assert!((plain.high - other.high).abs() < 1e-7 * plain.high);
        }
    }

    #[test]
    fn blocks_may_come_in_any_order(pairs in vec((1.0..100.0, 1.0..100.0), 2..30)) {
        let (up, down): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (pu, pd): (Vec<f64>, Vec<f64>) = pairs.into_iter().rev().unzip();
        prop_assert_eq!(
            paired_log_ratio(&up, &down, Level::P95),
            paired_log_ratio(&pu, &pd, Level::P95)
        );
        prop_assert_eq!(fieller(&up, &down, Level::P95), fieller(&pu, &pd, Level::P95));
    }

    #[test]
    fn fieller_holds_its_own_ratio_and_widens_with_the_level(
        up in vec(50.0..60.0, 3..20),
        down in vec(40.0..45.0, 3..20),
        level in 0.5..0.95,
    ) {
        let narrow = fieller(&up, &down, Level::new(level).unwrap()).unwrap();
        let wide = fieller(&up, &down, Level::new(level + 0.02).unwrap()).unwrap();
        prop_assert!(narrow.contains(narrow.value));
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
    }
}
