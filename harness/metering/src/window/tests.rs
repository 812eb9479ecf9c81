use gpu_sim::{Board, Gpu, Work, kernels};
use model::sample::Sample;
use model::units::{Millijoules, Milliwatts, Nanos, Seconds};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::*;
use crate::class::{BoardClass, Transfer};
use crate::coverage::{Sampler, Stretch, play};
use crate::instrument::Instrument;
use crate::quantity::Quantity;

/// 10 s of a steady power at 100 Hz with a counter that ticks every 100 ms.
fn steady(power_w: u64) -> Vec<Sample> {
    (0..1_000_u64)
        .map(|i| Sample {
            at_ns: Nanos::from_millis(5_000 + 10 * i),
            energy_mj: Some(Millijoules::new(1_000_000 + power_w * 100 * ((i + 3) / 10))),
            power_instant_mw: Some(Milliwatts::new(power_w * 1_000 + (i / 10) % 2)),
            ..Sample::default()
        })
        .collect()
}

fn at(ms: u64) -> Nanos {
    Nanos::from_millis(5_000 + ms)
}

fn recording(samples: &[Sample]) -> Recording {
    Recording::new(samples, &Instrument::of_class(BoardClass::Hopper)).unwrap()
}

#[test]
fn a_steady_load_is_its_power_times_the_window() {
    let recording = recording(&steady(400));
    for (begin, end) in [(1_003_u32, 2_003_u32), (1_017, 1_061), (2_222, 8_888)] {
        let energy = recording
            .energy(&Window::exact(at(begin.into()), at(end.into())))
            .unwrap();
        let expected = 0.4 * f64::from(end - begin);
        assert!(
            (energy.energy_j - expected).abs() < 1e-3 * expected + 0.01,
            "{energy:?}"
        );
        assert!(energy.budget.sensed.contains(expected));
        assert!(energy.budget.truth.contains(expected));
        assert_eq!(energy.method, Method::Counter);
    }
    let long = recording
        .energy(&Window::exact(at(1_000), at(9_000)))
        .unwrap();
    assert_eq!(long.agreement.gate, Gate::Open, "{:?}", long.agreement);
}

#[test]
fn a_window_from_tick_to_tick_has_no_edges() {
    let recording = recording(&steady(400));
    let window = recording.around(at(1_234), at(4_321)).unwrap();
    let energy = recording.energy(&window).unwrap();
    assert!(
        (energy.duration_s - 3.2).abs() < 1e-3 || (energy.duration_s - 3.1).abs() < 1e-3,
        "{energy:?}"
    );
    assert!(energy.budget.of(Source::Edge) < 1e-3);
    let ticks = (energy.duration_s * 10.0).round();
    assert!((energy.energy_j - 40.0 * ticks).abs() < 1e-2, "{energy:?}");
}

#[test]
fn gain_and_offset_stand_in_the_interval_of_the_truth_alone() {
    let samples = steady(400);
    let meter = Transfer::calibrated(Quantity::new(0.95, 0.002), Quantity::new(4.0, 0.5), "meter");
    let instrument = Instrument::of_class(BoardClass::Hopper).with_transfer(meter);
    let energy = Recording::new(&samples, &instrument)
        .unwrap()
        .energy(&Window::exact(at(1_000), at(5_000)))
        .unwrap();
    let budget = &energy.budget;
    assert!((budget.sensed.energy_j - 1_600.0).abs() < 1.0);
    assert!((budget.truth.energy_j - (1_600.0 - 4.0 * 4.0) / 0.95).abs() < 1.0);
    assert!(
        budget.truth.relative_half_width() > 0.004 && budget.sensed.relative_half_width() < 0.003
    );
    let by_class = recording(&samples)
        .energy(&Window::exact(at(1_000), at(5_000)))
        .unwrap();
    let half = by_class.budget.truth.relative_half_width();
    // ±5 % as the limit of a rectangle, and 5 W of 400 W.
    let expected = 1.96 * libm::hypot(0.05 / 3_f64.sqrt(), 5.0 / 400.0);
    assert!((half - expected).abs() < 0.001, "{half} {expected}");
}

#[test]
fn windows_without_an_energy_say_why() {
    let samples = steady(400);
    let sound = recording(&samples);
    let ask =
        |recording: &Recording, begin, end| recording.energy(&Window::exact(at(begin), at(end)));
    assert!(matches!(
        ask(&sound, 2_000, 2_000),
        Err(WindowError::Empty { .. })
    ));
    assert!(matches!(
        ask(&sound, 2_000, 60_000),
        Err(WindowError::OutsideRecording { .. })
    ));
    let mut fallen = samples.clone();
    for sample in &mut fallen[500..] {
        sample.energy_mj = sample.energy_mj.map(|e| Millijoules::new(e.get() - 50_000));
    }
    let fallen = recording(&fallen);
    assert!(
        matches!(ask(&fallen, 2_000, 8_000), Err(WindowError::CounterBackwards { by_mj, .. }) if by_mj > 0)
    );
    assert!(ask(&fallen, 1_000, 4_000).is_ok());
    let mut frozen = samples.clone();
    let shown = frozen[300].energy_mj;
    frozen[300..500]
        .iter_mut()
        .for_each(|sample| sample.energy_mj = shown);
    assert!(matches!(
        ask(&recording(&frozen), 2_000, 8_000),
        Err(WindowError::CounterFrozen { .. })
    ));
    let empty: Vec<Sample> = samples
        .iter()
        .map(|s| Sample {
            at_ns: s.at_ns,
            ..Sample::default()
        })
        .collect();
    let instrument = Instrument::of_class(BoardClass::Hopper);
    assert!(matches!(
        Recording::new(&empty, &instrument),
        Err(WindowError::NoReadings)
    ));
    assert!(matches!(
        Recording::new(&[], &instrument),
        Err(WindowError::NoReadings)
    ));
}

#[test]
fn samples_that_miss_ticks_are_no_frozen_counter() {
    // One reading in fifteen: 150 ms apart, on a counter that ticks every 100 ms.
    let sparse: Vec<Sample> = steady(400).into_iter().step_by(15).collect();
    let error = recording(&sparse)
        .energy(&Window::exact(at(2_000), at(6_000)))
        .unwrap_err();
    assert!(
        matches!(error, WindowError::SampledTooSlowly { .. }),
        "{error}"
    );
    assert_eq!(error.code(), "sampled_too_slowly");
}

#[test]
fn without_a_counter_power_is_integrated_and_says_so() {
    let mut samples = steady(400);
    for sample in &mut samples {
        sample.energy_mj = None;
    }
    let energy = recording(&samples)
        .energy(&Window::exact(at(2_000), at(8_000)))
        .unwrap();
    assert_eq!(energy.method, Method::IntegratedPower);
    assert_eq!(energy.counter_j, None);
    assert!((energy.energy_j - 2_400.0).abs() < 2.4, "{energy:?}");
    assert_eq!(energy.agreement.gate, Gate::Untested(GateReason::NoCounter));
    assert!(
        energy
            .budget
            .lines
            .iter()
            .any(|line| line.source == Source::Integration)
    );
}

#[test]
fn a_budget_reads_well() {
    let energy = recording(&steady(400))
        .energy(&Window::exact(at(2_017), at(8_061)))
        .unwrap();
    insta::assert_snapshot!(energy.to_string());
}

/// A counter that counts too little closes the gate, as zeus#181 reports of idle boards.
#[test]
fn an_undercounting_counter_closes_the_gate() {
    let mut samples = steady(100);
    for sample in &mut samples {
        sample.energy_mj = sample
            .energy_mj
            .map(|e| Millijoules::new(1_000_000 + (e.get() - 1_000_000) * 57 / 100));
    }
    let energy = recording(&samples)
        .energy(&Window::exact(at(2_000), at(8_000)))
        .unwrap();
    assert_eq!(
        energy.agreement.gate,
        Gate::Closed(GateReason::CounterDisagreesWithPower),
        "{:?}",
        energy.agreement
    );
}

/// One step inside a tick is found from the levels around it, far better than by an even power.
#[test]
fn a_step_inside_a_tick_is_placed() {
    let board = Board::named("a100").unwrap();
    let start = Nanos::from_millis(5_000);
    for late_ms in [0_u32, 13, 37, 64, 88] {
        let mut gpu = Gpu::ideal(std::sync::Arc::clone(&board), start);
        gpu.set_context(true);
        let idle_s = 2.0 + f64::from(late_ms) / 1e3;
        let work = kernels::named("copy").map(Work::endless);
        let stretches = [
            Stretch {
                work: None,
                length: Seconds::new(idle_s),
            },
            Stretch {
                work,
                length: Seconds::new(2.0),
            },
            Stretch {
                work: None,
                length: Seconds::new(1.0),
            },
        ];
        let mut sampler = Sampler::new(Nanos::from_millis(10), start, ChaCha8Rng::seed_from_u64(1));
        let played = play(gpu, &stretches, &mut sampler, &[]);
        let mut instrument = Instrument::of_class(BoardClass::Ga100);
        instrument.counter.latency_s = Quantity::new(0.0, 1e-4);
        let recording = Recording::new(&played.samples, &instrument).unwrap();
        let begin = start + Nanos::from_seconds(idle_s);
        let end = begin + Nanos::from_millis(1_000);
        let energy = recording.energy(&Window::exact(begin, end)).unwrap();
        let truth = played.gpu.timeline().energy_between(begin, end).get();
        let error = energy.energy_j / truth - 1.0;
        assert!(error.abs() < 0.003, "{late_ms} ms: {error}");
    }
}

/// The bridge against what it is said to be: square waves of all periods and phases, seen through
/// windows of a quarter of a tick.
#[test]
fn the_bridge_is_what_square_waves_leave_open() {
    let mut state = ChaCha8Rng::seed_from_u64(3);
    let mut uniform = || crate::coverage::uniform(&mut state);
    let energy = |t: f64, period: f64, duty: f64| {
        let turns = (t / period).floor();
        turns * duty * period + (t - turns * period).min(duty * period)
    };
    let shares = [0.05, 0.1, 0.3, 0.5];
    let (mut open, mut seen) = ([0.0; 4], 0.0);
    for _ in 0..40_000 {
        let period = 0.1 * libm::pow(40.0, uniform());
        let (duty, phase, glimpse) = (0.2 + 0.6 * uniform(), uniform() * period, 0.75 * uniform());
        let up_to = |x: f64| energy(phase + x, period, duty) - energy(phase, period, duty);
        let mean = up_to(1.0);
        for (sum, x) in open.iter_mut().zip(shares) {
            *sum += (up_to(x) - mean * x) * (up_to(x) - mean * x);
        }
        let surprise = (up_to(glimpse + 0.25) - up_to(glimpse)) / 0.25 - mean;
        seen += surprise * surprise;
    }
    for (sum, x) in open.iter().zip(shares) {
        let ratio = (sum / seen / ticks::bridge(x)).sqrt();
        assert!((0.75..=1.33).contains(&ratio), "{x}: {ratio}");
    }
}

proptest! {
    #[test]
    fn energies_of_neighbouring_windows_add_up(a in 200u64..4_000, b in 10u64..2_000, c in 10u64..2_000) {
        let recording = recording(&steady(333));
        let ask = |begin, end| recording.energy(&Window::exact(at(begin), at(end))).unwrap().energy_j;
        let sum = ask(a, a + b) + ask(a + b, a + b + c);
        prop_assert!((sum - ask(a, a + b + c)).abs() < 1e-6 * sum);
    }
}
