//! Held against full enumeration: all nⁿ resamples of small samples, computed the long way.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::bootstrap::{RESAMPLES, Threads};

/// Every resample of n values, as indices.
fn all_resamples(n: u32) -> Vec<Vec<u32>> {
    (0..n.pow(n))
        .map(|number| (0..n).map(|digit| number / n.pow(digit) % n).collect())
        .collect()
}

/// `t*` by two passes over the resampled values themselves.
fn long_way(ascending: &[f64], indices: &[u32]) -> Option<f64> {
    let resample: Vec<f64> = indices
        .iter()
        .map(|&index| ascending[index as usize])
        .collect();
    if resample
        .iter()
        .all(|value| value.to_bits() == resample[0].to_bits())
    {
        return None;
    }
    let n = number(resample.len());
    let mean = resample.iter().sum::<f64>() / n;
    let centre = ascending.iter().sum::<f64>() / n;
    let variance = resample
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    Some((mean - centre) / (variance / n).sqrt())
}

const SAMPLES: [&[f64]; 4] = [
    &[1.0, 2.0, 4.0, 8.0],
    &[101.3, 99.2, 100.0, 100.4, 98.9],
    &[0.1, 0.4, 0.5, 0.5, 2.0, 9.0],
    &[1e9, 1e9 + 1.0, 1e9 + 3.0, 1e9 + 4.0],
];

#[test]
fn the_kernel_on_all_resamples() {
    for sample in SAMPLES {
        let mut ascending = sample.to_vec();
        ascending.sort_by(f64::total_cmp);
        let kernel = Studentised::of(sample).unwrap();
        let mut dropped = 0;
        for indices in all_resamples(u32::try_from(sample.len()).unwrap()) {
            match (kernel.statistic(&indices), long_way(&ascending, &indices)) {
                (Some(got), Some(expected)) => {
                    assert!(
                        (got - expected).abs() <= 1e-6 * (1.0 + expected.abs()),
                        "{indices:?}"
                    );
                }
                (None, None) => dropped += 1,
                other => panic!("{sample:?} {indices:?}: {other:?}"),
            }
        }
        // Constant resamples: n, and 2^n where one value comes twice (each of the pair, mixed).
        let expected = if sample.len() == 6 {
            4 + 64
        } else {
            sample.len()
        };
        assert_eq!(dropped, expected);
    }
}

/// The drawn interval is a sample of the enumerated law: each of its ends is a quantile whose share
/// in that law lies within four Monte-Carlo standard errors, √(p (1 − p) / B), of the nominal.
#[test]
fn drawn_quantiles_are_those_of_the_whole_law() {
    for sample in &SAMPLES[..3] {
        let kernel = Studentised::of(sample).unwrap();
        let resamples = all_resamples(u32::try_from(sample.len()).unwrap());
        let law: Vec<f64> = resamples
            .iter()
            .filter_map(|indices| kernel.statistic(indices))
            .collect();
        let drawn = bootstrap_t(sample, Level::P95, &Resampling::from_seed(1)).unwrap();
        let standard_error = kernel.moments.standard_error();
        let monte_carlo = 4.0 * (0.025_f64 * 0.975 / number(RESAMPLES)).sqrt();
        for (bound, p) in [(drawn.interval.low, 0.975), (drawn.interval.high, 0.025)] {
            let t = (kernel.moments.mean - bound) / standard_error;
            let slack = 1e-9 * t.abs();
            let below = number(law.iter().filter(|other| **other < t - slack).count());
            let up_to = number(law.iter().filter(|other| **other <= t + slack).count());
            let total = number(law.len());
            assert!(
                below / total <= p + monte_carlo,
                "{sample:?}: {t} {}",
                below / total
            );
            assert!(
                up_to / total >= p - monte_carlo,
                "{sample:?}: {t} {}",
                up_to / total
            );
        }
        let share = number(drawn.dropped) / number(drawn.resamples);
        let whole = 1.0 - number(law.len()) / number(resamples.len());
        assert!((share - whole).abs() < 4.0 * (whole / number(RESAMPLES)).sqrt());
    }
}

#[test]
fn the_interval_from_enumerated_statistics_by_hand() {
    let kernel = Studentised::of(&[1.0, 2.0, 4.0, 8.0]).unwrap();
    // 199 statistics −99 … 99 and one dropped: ranks 200 · 0.025 = 5 and 195 of 199.
    let mut statistics: Vec<Option<f64>> = (-99..=99).map(|t| Some(f64::from(t) / 50.0)).collect();
    statistics.push(None);
    let result = kernel.interval(&statistics, Level::P95).unwrap();
    let standard_error = (kernel.moments.variance / 4.0).sqrt();
    assert!((result.interval.low - (3.75 - 1.9 * standard_error)).abs() < 1e-12);
    assert!((result.interval.high - (3.75 + 1.9 * standard_error)).abs() < 1e-12);
    assert_eq!((result.resamples, result.dropped), (200, 1));
}

#[test]
fn what_cannot_be_studentised_is_refused() {
    let plan = Resampling {
        resamples: 999,
        ..Resampling::from_seed(1)
    };
    let run = |values: &[f64]| bootstrap_t(values, Level::P95, &plan);
    assert!(matches!(
        run(&[1.0, 2.0, 3.0]),
        Err(StatisticsError::TooFew { needed: 4, .. })
    ));
    assert!(matches!(
        run(&[2.0; 9]),
        Err(StatisticsError::NoVariance { .. })
    ));
    // One value in 20 differs: (19/20)^20 = 36 % of resamples are constant, which is counted.
    let mut nearly_equal = [1.0; 20];
    nearly_equal[3] = 2.0;
    let dropped = run(&nearly_equal).unwrap().dropped;
    assert!((300..420).contains(&dropped), "{dropped}");
    let kernel = Studentised::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!(matches!(
        kernel.interval(&[Some(1.0), None, None], Level::P95),
        Err(StatisticsError::DegenerateResamples {
            usable: 1,
            resamples: 3,
            ..
        })
    ));
}

#[test]
fn the_same_bits_for_1_2_and_16_threads() {
    let values: Vec<f64> = (0..37).map(|i| f64::from(i * i % 41)).collect();
    let on = |count| {
        let threads = Threads::Exactly(std::num::NonZeroUsize::new(count).unwrap());
        let plan = Resampling {
            threads,
            ..Resampling::from_seed(5)
        };
        serde_json::to_string(&bootstrap_t(&values, Level::P95, &plan).unwrap()).unwrap()
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(16));
}

#[test]
fn logarithms_for_geometric_means() {
    let values = [1.0, 3.0, 4.0, 9.0, 12.0];
    let plan = Resampling {
        resamples: 999,
        ..Resampling::from_seed(1)
    };
    let logs: Vec<f64> = values.iter().map(|&value| libm::log(value)).collect();
    let geometric = bootstrap_t_log(&values, Level::P95, &plan)
        .unwrap()
        .interval;
    let on_logs = bootstrap_t(&logs, Level::P95, &plan).unwrap().interval;
    assert!((libm::log(geometric.low) - on_logs.low).abs() < 1e-12);
    assert!((libm::log(geometric.high) - on_logs.high).abs() < 1e-12);
    assert!(bootstrap_t_log(&[1.0, 2.0, 3.0, -4.0], Level::P95, &plan).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neither_order_nor_unit_matters(
        values in vec(-100.0..100.0, 4..30),
        factor in 0.01_f64..100.0,
    ) {
        let plan = Resampling { resamples: 199, ..Resampling::from_seed(3) }.on_one_thread();
        let plain = bootstrap_t(&values, Level::P95, &plan).unwrap();
        let mut reversed = values.clone();
        reversed.reverse();
        prop_assert_eq!(bootstrap_t(&reversed, Level::P95, &plan).unwrap(), plain);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let other = bootstrap_t(&scaled, Level::P95, &plan).unwrap();
        let width = plain.interval.half_width();
        prop_assert!((plain.interval.low * factor - other.interval.low).abs() < 1e-6 * width * factor);
        prop_assert!((plain.interval.high * factor - other.interval.high).abs() < 1e-6 * width * factor);
    }

    #[test]
    fn a_higher_level_is_wider(values in vec(-100.0..100.0, 4..30), level in 0.5..0.9) {
        let plan = Resampling { resamples: 199, ..Resampling::from_seed(3) }.on_one_thread();
        let narrow = bootstrap_t(&values, Level::new(level).unwrap(), &plan).unwrap().interval;
        let wide = bootstrap_t(&values, Level::new(level + 0.05).unwrap(), &plan).unwrap().interval;
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
    }
}
