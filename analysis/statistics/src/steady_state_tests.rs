use super::*;
use crate::draws::NormalDraws;

fn seconds(n: usize) -> Vec<f64> {
    (0..n).map(|second| number(second) + 0.5).collect()
}

/// 100 J per second with scatter, and `shape` as a factor.
fn noisy(seed: u64, n: usize, scatter: f64, shape: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut draws = NormalDraws::new(seed, 0);
    seconds(n)
        .iter()
        .map(|&time_s| 100.0 * shape(time_s) * (1.0 + scatter * draws.draw()))
        .collect()
}

fn judge(values: &[f64], attempt: Attempt) -> SteadyState {
    let time_s = seconds(values.len());
    let series = Series {
        time_s: &time_s,
        values,
        resolution: 0.0,
    };
    steady_state(&[series], attempt).unwrap()
}

fn count_steady(attempt: Attempt, window: impl Fn(u64) -> Vec<f64>) -> usize {
    (0..1000)
        .filter(|&seed| matches!(judge(&window(seed), attempt), SteadyState::Steady { .. }))
        .count()
}

#[test]
fn ten_iterations_and_five_seconds_are_dropped() {
    let start_s: Vec<f64> = (0..12).map(f64::from).collect();
    let slow: Vec<u64> = (0..12).map(|second| second * 2).collect();
    let slower: Vec<u64> = (0..12).collect();
    assert_eq!(warm_up(&start_s, &slow), Ok(Some(5)));
    assert_eq!(warm_up(&start_s, &slower), Ok(Some(10)));
    assert_eq!(warm_up(&start_s, &[3; 12]), Ok(None));
    assert!(warm_up(&start_s, &[3]).is_err());
}

#[test]
fn flat_windows_are_rarely_cut() {
    let whole = (0..1000)
        .filter(|&seed| {
            let window = noisy(seed, 60, 0.001, |_| 1.0);
            judge(&window, Attempt::First) == SteadyState::Steady { from: 0 }
        })
        .count();
    assert!(whole >= 950, "{whole} of 1000");
}

#[test]
fn ramps_of_two_percent_are_not_steady() {
    for scatter in [0.001, 0.005, 0.01] {
        for n in [60, 120] {
            let steady = count_steady(Attempt::Extended, |seed| {
                noisy(seed, n, scatter, |time_s| 1.0 + 0.02 * time_s / number(n))
            });
            assert!(
                steady <= 50,
                "{steady} of 1000 with scatter {scatter}, {n} s"
            );
        }
    }
}

#[test]
fn an_exponential_warm_up_leaves_little_bias() {
    for (decay_s, n, scatter) in [(2.0, 60, 0.001), (5.0, 60, 0.001), (10.0, 120, 0.005)] {
        let (mut steady, mut bias) = (0.0, 0.0);
        for seed in 0..500 {
            let window = noisy(seed, n, scatter, |time_s| {
                1.0 + 0.2 * libm::exp(-(time_s + 5.0) / decay_s)
            });
            if let SteadyState::Steady { from } = judge(&window, Attempt::First) {
                steady += 1.0;
                bias += mean_of(&window[from..]) / 100.0 - 1.0;
            }
        }
        assert!(
            steady > 250.0,
            "{steady} of 500 steady after a warm-up of {decay_s} s"
        );
        assert!(
            bias / steady < 0.002,
            "bias {} after {decay_s} s",
            bias / steady
        );
    }
}

#[test]
fn the_latest_change_of_any_quantity_counts() {
    let time_s = seconds(120);
    let energy = noisy(
        1,
        120,
        0.001,
        |time_s| if time_s < 20.0 { 1.1 } else { 1.0 },
    );
    let latency = noisy(
        2,
        120,
        0.001,
        |time_s| if time_s < 40.0 { 1.1 } else { 1.0 },
    );
    let series = |values| Series {
        time_s: &time_s,
        values,
        resolution: 0.0,
    };
    assert_eq!(
        steady_state(&[series(&energy), series(&latency)], Attempt::First),
        Ok(SteadyState::Steady { from: 40 })
    );
}

#[test]
fn a_late_change_extends_once_and_is_then_recorded() {
    let window = noisy(3, 60, 0.001, |time_s| if time_s < 40.0 { 1.1 } else { 1.0 });
    let late = Unsteady::LateChange { from: 40 };
    assert_eq!(judge(&window, Attempt::First), SteadyState::Extend(late));
    assert_eq!(
        judge(&window, Attempt::Extended),
        SteadyState::NoSteadyState(late)
    );
}

#[test]
fn the_drift_of_an_exact_line_is_its_slope() {
    let time_s = seconds(47);
    let values: Vec<f64> = time_s.iter().map(|time_s| 50.0 + 0.25 * time_s).collect();
    let drift = drift_per_minute(&time_s, &values, Level::P95).unwrap();
    // 15 J per minute, of a mean of 55.875 J.
    assert!((drift.value - 15.0 / 55.875).abs() < 1e-12);
    assert!(drift.half_width() < 1e-9);
}

#[test]
fn the_drift_interval_covers_where_seconds_resemble_their_neighbours() {
    let time_s = seconds(120);
    let covered = (0..2000)
        .filter(|&seed| {
            let mut draws = NormalDraws::new(seed, 7);
            let mut value = draws.draw();
            let values: Vec<f64> = (0..120)
                .map(|_| {
                    value = 0.5 * value + 0.75f64.sqrt() * draws.draw();
                    100.0 + value
                })
                .collect();
            drift_per_minute(&time_s, &values, Level::P95)
                .unwrap()
                .contains(0.0)
        })
        .count();
    // A line through the single seconds would cover 74 %: its variance is three times as large.
    assert!(covered >= 1870, "{covered} of 2000");
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    let short = [100.0; 9];
    let series = Series {
        time_s: &short,
        values: &short,
        resolution: 0.0,
    };
    assert!(steady_state(&[series], Attempt::First).is_err());
    assert!(steady_state(&[], Attempt::First).is_err());
    assert!(drift_per_minute(&seconds(20), &[-1.0; 20], Level::P95).is_err());
    assert!(drift_per_minute(&[1.0; 20], &[1.0; 20], Level::P95).is_err());
}
