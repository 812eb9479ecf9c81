use proptest::prelude::*;

use super::{Autoregression, Conditions, Counter, Drift, Order, Session, Shape, Split, count};
use crate::random::Stream;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

#[test]
fn every_shape_has_mean_zero_and_variance_one() {
    for shape in [
        Shape::Normal,
        Shape::Lognormal,
        Shape::Exponential,
        Shape::Outliers,
        Shape::ClockStep,
    ] {
        let mut stream = Stream::new(3, 0);
        let draws: Vec<f64> = (0..400_000).map(|_| shape.draw(&mut stream)).collect();
        let centre = mean(&draws);
        let variance = mean(&draws.iter().map(|x| x * x).collect::<Vec<_>>());
        assert!(centre.abs() < 0.008, "{shape:?}: mean {centre}");
        assert!((variance - 1.0).abs() < 0.02, "{shape:?}: {variance}");
    }
}

#[test]
fn drifts_begin_at_zero_and_end_at_their_total() {
    for drift in [
        Drift::Linear(0.04),
        Drift::Exponential(0.04),
        Drift::Step(0.04),
    ] {
        assert!(drift.log_level(0.0).abs() < 1e-15, "{drift:?}");
        assert!((drift.log_level(1.0) - 1.04_f64.ln()).abs() < 1e-12);
        assert!(drift.log_level(0.6) >= drift.log_level(0.4));
    }
    assert!(Drift::None.log_level(0.7).abs() < f64::MIN_POSITIVE);
}

#[test]
fn the_blocked_order_has_every_configuration_in_every_block_and_chance_inside() {
    // A step drift tells which slot a run had: noise is absent.
    let conditions = Conditions {
        drift: Drift::Linear(0.04),
        ..Conditions::plain(50, 0.0)
    };
    let mut session = Session::default();
    session.draw(
        &conditions,
        &[1.0, 1.0],
        Order::Blocked,
        &mut Stream::new(1, 1),
    );
    let first_came_first = (0..50)
        .filter(|b| session.energy_j[0][*b] < session.energy_j[1][*b])
        .count();
    assert!((15..=35).contains(&first_came_first), "{first_came_first}");
    for block in 1..50 {
        let lowest = session.energy_j[0][block].min(session.energy_j[1][block]);
        let before = session.energy_j[0][block - 1].max(session.energy_j[1][block - 1]);
        assert!(lowest > before, "blocks follow each other in time");
    }
    session.draw(
        &conditions,
        &[1.0, 1.0],
        Order::Sequential,
        &mut Stream::new(1, 1),
    );
    assert!(session.energy_j[0][49] < session.energy_j[1][0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_geometric_mean_of_runs_is_the_level(
        seed in 0_u64..1_000,
        ratio in prop::sample::select(vec![0.0, 0.5, 2.0]),
        autocorrelation in prop::sample::select(vec![0.0, 0.5, 0.9, 0.97]),
        variation in prop::sample::select(vec![0.005, 0.03, 0.1]),
    ) {
        let conditions = Conditions {
            split: Split::Ratio(ratio),
            iterations: 20,
            autocorrelation,
            block_variation: 0.01,
            ..Conditions::plain(4_000, variation)
        };
        let mut session = Session::default();
        session.draw(&conditions, &[250.0], Order::Blocked, &mut Stream::new(seed, 0));
        let logs: Vec<f64> = session.energy_j[0].iter().map(|e| (e / 250.0).ln()).collect();
        let centre = mean(&logs);
        let variance = mean(&logs.iter().map(|x| (x - centre) * (x - centre)).collect::<Vec<_>>());
        // 4.5 standard errors: once in 150,000.
        prop_assert!(centre.abs() < 4.5 * (variance / 4_000.0).sqrt(), "{centre}");
    }

    #[test]
    fn neighbours_correlate_as_asked(
        seed in 0_u64..1_000,
        autocorrelation in prop::sample::select(vec![0.0, 0.5, 0.9]),
    ) {
        let mut stream = Stream::new(seed, 0);
        let mut series = Autoregression::new(autocorrelation, 2.0, &mut stream);
        let values: Vec<f64> = (0..100_000).map(|_| series.next(&mut stream)).collect();
        let variance = mean(&values.iter().map(|x| x * x).collect::<Vec<_>>());
        let product = mean(&values.windows(2).map(|w| w[0] * w[1]).collect::<Vec<_>>());
        prop_assert!((variance / 4.0 - 1.0).abs() < 0.1, "{variance}");
        prop_assert!((product / variance - autocorrelation).abs() < 0.02);
    }

    #[test]
    fn a_ticking_counter_shows_whole_ticks_and_is_right_on_average(
        seed in 0_u64..1_000,
        window_s in 2.0_f64..60.0,
    ) {
        let counter = Counter::Ticking { tick_s: 0.1, window_s };
        let mut stream = Stream::new(seed, 0);
        // One watt, so that joules are seconds.
        let read: Vec<f64> = (0..2_000).map(|_| counter.read_j(window_s, &mut stream)).collect();
        for read_j in &read {
            let ticks = read_j / 0.1;
            prop_assert!((ticks - ticks.round()).abs() < 1e-9 * ticks);
            prop_assert!((read_j - window_s).abs() < 0.1 + 1e-9);
        }
        // The error is below one tick, so its standard deviation is at most 0.05 s.
        prop_assert!((mean(&read) - window_s).abs() < 4.5 * 0.05 / 2_000_f64.sqrt() + 1e-9);
    }
}
