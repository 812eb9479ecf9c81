use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::distribution::binomial_cdf;

const X: [f64; 16] = [
    10.0, 12.0, 12.5, 12.5, 13.9, 15.0, 21.0, 22.0, 23.0, 34.0, 50.0, 81.0, 89.0, 121.0, 134.0,
    213.0,
];

/// `numpy.quantile`, numpy 2.4.
#[test]
fn r7_is_numpys_default() {
    for (p, expected) in [
        (0.0, 10.0),
        (0.025, 10.75),
        (0.1, 12.25),
        (0.5, 22.5),
        (0.9, 127.5),
        (0.99, 201.15),
        (1.0, 213.0),
    ] {
        let got = quantile_r7(&X, p).unwrap();
        assert!((got - expected).abs() < 1e-12, "{p}: {got}");
    }
    assert!(quantile_r7(&X, 1.1).is_err() && quantile_r7(&[], 0.5).is_err());
    assert!((median(&X).unwrap() - 22.5).abs() < 1e-12);
}

#[test]
fn r6_of_9999_is_an_order_statistic() {
    let values: Vec<f64> = (1..=9_999).map(f64::from).collect();
    assert!((r6_of_sorted(&values, 0.025) - 250.0).abs() < 1e-9);
    assert!((r6_of_sorted(&values, 0.975) - 9_750.0).abs() < 1e-9);
    assert!((r6_of_sorted(&values, 1e-9) - 1.0).abs() < 1e-12);
    assert!((r6_of_sorted(&values, 1.0 - 1e-9) - 9_999.0).abs() < 1e-12);
}

/// `k = scipy.stats.binom.ppf(.025, n, .5)`, ranks (k, n − k + 1).
#[test]
fn ranks_around_the_median() {
    for (n, low, high) in [
        (6, 1, 6),
        (10, 2, 9),
        (20, 6, 15),
        (30, 10, 21),
        (100, 40, 61),
    ] {
        assert_eq!(
            bounding_ranks(n, 0.5, Level::P95),
            Ok(Ranks { low, high }),
            "n = {n}"
        );
    }
}

#[test]
fn where_no_bound_exists_the_least_number_is_said() {
    let needed = |result: Result<Ranks, StatisticsError>| match result {
        Err(StatisticsError::NoQuantileBound { needed, .. }) => needed,
        other => panic!("{other:?}"),
    };
    assert_eq!(needed(bounding_ranks(5, 0.5, Level::P95)), 6);
    assert_eq!(needed(bounding_ranks(367, 0.99, Level::P95)), 368);
    assert_eq!(bounding_ranks(368, 0.99, Level::P95).unwrap().high, 368);
    assert!(upper_bound_rank(298, 0.99, Level::P95).is_err());
    assert_eq!(upper_bound_rank(299, 0.99, Level::P95), Ok(299));
    assert!(bounding_ranks(100, 0.0, Level::P95).is_err());
}

#[test]
fn the_median_of_sixteen_with_its_bounds() {
    // n = 16: P(K ≤ 3) = 0.0106, P(K ≤ 4) = 0.0384, so ranks 4 and 13.
    let interval = quantile_interval(&X, 0.5, Level::P95).unwrap();
    assert_eq!(
        (interval.value, interval.low, interval.high, interval.n),
        (22.5, 12.5, 89.0, 16)
    );
}

proptest! {
    #[test]
    fn bounds_cover_at_least_what_they_say(
        n in 1usize..600,
        p in 0.01..0.99,
        level in 0.5..0.999,
    ) {
        if let Ok(ranks) = bounding_ranks(n, p, Level::new(level).unwrap()) {
            let below = |rank: usize| {
                if rank == 0 { 0.0 } else { binomial_cdf(rank as u64 - 1, n as u64, p) }
            };
            // The quantile lies between the two order statistics iff low ≤ K < high.
            let (too_low, reached) = (below(ranks.low), below(ranks.high));
            prop_assert!(too_low <= (1.0 - level) / 2.0 + 1e-12);
            prop_assert!(1.0 - reached <= (1.0 - level) / 2.0 + 1e-12);
            // One rank tighter on either side would be too tight.
            prop_assert!(below(ranks.low + 1) > (1.0 - level) / 2.0 - 1e-12);
            prop_assert!(1.0 - below(ranks.high - 1) > (1.0 - level) / 2.0 - 1e-12);
            prop_assert!(ranks.low >= 1 && ranks.high <= n);
        }
    }

    #[test]
    fn quantiles_rise_with_p_and_stay_inside(
        values in vec(-1e3..1e3, 1..50),
        p in 0.0..0.9,
    ) {
        let low = quantile_r7(&values, p).unwrap();
        prop_assert!(low <= quantile_r7(&values, p + 0.1).unwrap());
        prop_assert!(quantile_r7(&values, 0.0).unwrap() <= low);
        let mut reversed = values.clone();
        reversed.reverse();
        prop_assert_eq!(quantile_r7(&reversed, p), Ok(low));
    }
}
