use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The sample of scipy's own bootstrap test, whose limits come from R's `boot` with 10⁶ resamples.
const X: [f64; 16] = [
    10.0, 12.0, 12.5, 12.5, 13.9, 15.0, 21.0, 22.0, 23.0, 34.0, 50.0, 81.0, 89.0, 121.0, 134.0,
    213.0,
];

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

fn close(interval: Interval, low: f64, high: f64, relative: f64) {
    assert!(
        (interval.low - low).abs() <= relative * low,
        "{interval:?}, expected {low}"
    );
    assert!(
        (interval.high - high).abs() <= relative * high,
        "{interval:?}, expected {high}"
    );
}

/// R's limits are Monte-Carlo values themselves; scipy's test allows 0.5 %. 200,000 resamples keep
/// ours within half of that.
#[test]
fn limits_of_r_boot() {
    let plan = Resampling {
        resamples: 199_999,
        ..Resampling::from_seed(1)
    };
    let floor = SampleFloor::WaivedForStudy;
    close(
        percentile(&X, mean, Level::P95, floor, &plan).unwrap(),
        28.86,
        84.21,
        0.005,
    );
    close(
        basic(&X, mean, Level::P95, floor, &plan).unwrap(),
        23.77,
        79.12,
        0.005,
    );
    close(
        bca(&X, mean, Level::P95, floor, &plan).unwrap(),
        32.31,
        91.43,
        0.005,
    );
}

#[test]
fn the_acceleration_is_deterministic() {
    let got = acceleration(&X, mean).unwrap();
    assert!(
        (got - 0.061_528_869_612_594_05).abs() < 1e-12 * got,
        "{got}"
    );
    // Of the mean, it is the skewness of the values over 6 √n.
    let g1 = crate::moments::Moments::of("values", &X).unwrap().skewness;
    assert!((got - g1 / (6.0 * 4.0)).abs() < 1e-12);
    assert!(acceleration(&[1.0, 1.0, 1.0], mean).unwrap().abs() < 1e-300);
}

#[test]
fn small_samples_are_refused_with_a_reason() {
    let plan = Resampling {
        resamples: 99,
        ..Resampling::from_seed(1)
    };
    let refused = [
        percentile(&X, mean, Level::P95, SampleFloor::Protocol, &plan),
        basic(&X, mean, Level::P95, SampleFloor::Protocol, &plan),
        bca(&X, mean, Level::P95, SampleFloor::Protocol, &plan),
    ];
    for refusal in refused {
        let error = refusal.unwrap_err();
        assert!(matches!(
            error,
            StatisticsError::ResamplingRefused {
                needed: 20,
                got: 16,
                ..
            }
        ));
        assert!(
            error.to_string().contains("covers about 84 % at n = 5"),
            "{error}"
        );
    }
    let twenty: Vec<f64> = (0..20).map(f64::from).collect();
    assert!(bca(&twenty, mean, Level::P95, SampleFloor::Protocol, &plan).is_ok());
}

/// All nⁿ means of a small sample, held against sums over the multinomial law; then the bounds that
/// they give, against quantiles of that law read off the long way.
#[test]
fn the_whole_law_of_the_mean() {
    let sample = [1.0, 2.0, 4.0, 8.0, 16.0];
    let n = 5u32;
    let mut means: Vec<f64> = (0..n.pow(n))
        .map(|number| {
            (0..n)
                .map(|digit| sample[(number / n.pow(digit) % n) as usize])
                .sum::<f64>()
                / 5.0
        })
        .collect();
    means.sort_by(f64::total_cmp);
    // Resampled means have the sample's mean and its variance, divisor n, over n.
    let centre = mean(&means);
    let variance = means.iter().map(|m| (m - centre).powi(2)).sum::<f64>() / number(means.len());
    assert!((centre - 6.2).abs() < 1e-12);
    assert!((variance - 29.76 / 5.0).abs() < 1e-10);
    // Drawn bounds are quantiles of the law: within four Monte-Carlo standard errors.
    let plan = Resampling::from_seed(11);
    let drawn = percentile(
        &sample,
        mean,
        Level::P95,
        SampleFloor::WaivedForStudy,
        &plan,
    )
    .unwrap();
    let monte_carlo = 4.0 * (0.025_f64 * 0.975 / 9_999.0).sqrt();
    for (bound, p) in [(drawn.low, 0.025), (drawn.high, 0.975)] {
        let share =
            |limit: f64| number(means.partition_point(|m| *m < limit)) / number(means.len());
        assert!(share(bound - 1e-9) <= p + monte_carlo, "{bound}");
        assert!(share(bound + 1e-9) >= p - monte_carlo, "{bound}");
    }
    // On the law itself, bounds are ranks 3126 · 0.025 = 78.15 and 3126 · 0.975 = 3047.85.
    let between = |rank: usize, part: f64| means[rank - 1] + part * (means[rank] - means[rank - 1]);
    let (low, high) = percentile_bounds(&means, Level::P95);
    assert!((low - between(78, 0.15)).abs() < 1e-9 && (high - between(3047, 0.85)).abs() < 1e-9);
    let reflected = basic_bounds(&means, 6.2, Level::P95);
    assert!((reflected.0 - (12.4 - high)).abs() < 1e-12);
    assert!((reflected.1 - (12.4 - low)).abs() < 1e-12);
}

#[test]
fn without_bias_and_acceleration_bca_is_the_percentile() {
    let replicates: Vec<f64> = (-500..=500).map(f64::from).collect();
    let (low, high) = bca_bounds(&replicates, 0.0, 0.0, Level::P95).unwrap();
    let plain = percentile_bounds(&replicates, Level::P95);
    assert!((low - plain.0).abs() < 1e-6 && (high - plain.1).abs() < 1e-6);
    let (_, shifted) = bca_bounds(&replicates, 0.0, 0.1, Level::P95).unwrap();
    assert!(shifted > high);
    assert!(matches!(
        bca_bounds(&replicates, 501.0, 0.0, Level::P95),
        Err(StatisticsError::DegenerateResamples { .. })
    ));
    assert!(bca_bounds(&[], 0.0, 0.0, Level::P95).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bounds_follow_shift_and_order(values in vec(-50.0..50.0, 20..40), shift in -100.0_f64..100.0) {
        let plan = Resampling { resamples: 199, ..Resampling::from_seed(2) }.on_one_thread();
        let shifted: Vec<f64> = values.iter().rev().map(|value| value + shift).collect();
        let run = |values: &[f64]| {
            [
                percentile(values, mean, Level::P95, SampleFloor::Protocol, &plan).unwrap(),
                basic(values, mean, Level::P95, SampleFloor::Protocol, &plan).unwrap(),
                bca(values, mean, Level::P95, SampleFloor::Protocol, &plan).unwrap(),
            ]
        };
        for (plain, moved) in run(&values).into_iter().zip(run(&shifted)) {
            prop_assert!((plain.low + shift - moved.low).abs() < 1e-6);
            prop_assert!((plain.high + shift - moved.high).abs() < 1e-6);
            prop_assert!(plain.low <= plain.high);
        }
    }
}
