//! The card as a whole, from the inside: steps, decisions, and how well steps follow the heat.

use super::*;
use crate::kernels;

const START: Nanos = Nanos::from_millis(10_000);

fn at(seconds: f64) -> Nanos {
    START + Nanos::from_seconds(seconds)
}

/// A card with a context that has come to rest.
fn rested(name: &str) -> Gpu {
    let mut gpu = Gpu::ideal(Board::named(name).unwrap(), START);
    gpu.set_context(true);
    gpu.advance(at(2.0));
    gpu
}

fn endless(name: &str) -> Work {
    Work::endless(kernels::named(name).unwrap())
}

#[test]
fn the_governor_sleeps_where_there_is_nothing_to_decide() {
    let mut gpu = rested("h200");
    assert_eq!(gpu.next_decision, None);
    gpu.set_work(Some(endless("copy")));
    gpu.advance(at(4.0));
    assert_eq!(gpu.next_decision, None);
    gpu.set_work(Some(endless("gemm-bf16")));
    gpu.advance(at(6.0));
    assert!(gpu.next_decision.is_some_and(|due| due > gpu.now));
    gpu.set_work(None);
    gpu.advance(at(6.02));
    assert!(gpu.next_decision.is_some(), "the clock is still climbing");
    gpu.advance(at(8.0));
    assert_eq!(gpu.next_decision, None);
}

#[test]
fn decisions_stay_on_their_grid_whatever_happens_between_them() {
    let mut gpu = rested("h200");
    let period = Nanos::from_seconds(gpu.board().governor.period_ms.value / 1e3).get();
    for piece in 0..200 {
        gpu.set_work(Some(endless("gemm-bf16")));
        let due = gpu.next_decision.unwrap();
        assert!(due > gpu.now && due.get() - gpu.now.get() <= period);
        assert_eq!((due.get() - START.get()) % period, 0);
        gpu.advance(at(2.0 + f64::from(piece + 1) * 0.0037));
    }
    assert!(
        gpu.governor.ceiling_mhz() < 1_700.0,
        "work that is set anew is held too"
    );
}

#[test]
fn many_settings_at_one_moment_make_one_step() {
    let mut gpu = rested("a100-80");
    let before = gpu.timeline.len();
    for core in [900, 1_000, 1_100] {
        gpu.lock_core_clocks(Some((core, core)));
        gpu.set_power_limit_w(200.0);
        gpu.set_work(Some(endless("copy")));
        gpu.set_persistence(true);
    }
    assert!(gpu.timeline.len() <= before + 1);
    gpu.advance(at(5.0));
    let begins: Vec<Nanos> = gpu.timeline.steps().map(|(begin, _)| begin).collect();
    assert!(begins.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(gpu.core_clock_mhz(), 1_095);
}

#[test]
fn tensor_work_runs_at_its_own_highest_clock_and_says_so() {
    let mut gpu = rested("h200");
    gpu.set_work(Some(endless("gemm-bf16-zeros")));
    gpu.advance(at(3.0));
    assert_eq!(gpu.core_clock_mhz(), 1_755, "recorded on an H200");
    assert_eq!(
        gpu.event_reasons_now() & step::reasons::SOFTWARE_POWER_CAP,
        4
    );
    gpu.set_work(Some(endless("copy")));
    gpu.advance(at(4.0));
    assert_eq!(gpu.core_clock_mhz(), 1_980);
    assert_eq!(gpu.event_reasons_now(), 0);
}

/// Work of no length, or of less than a nanosecond, ends, and time goes on.
#[test]
fn work_of_nearly_no_length_ends_and_time_goes_on() {
    for kernels in [0.0, 1e-9, 1e-3] {
        let cost = model::cost::PhaseCost {
            kernels,
            ..model::cost::PhaseCost::default()
        };
        let mut gpu = rested("h200");
        for count in [0, 1, 3] {
            gpu.set_work(Some(Work::times(cost, count)));
            let end = gpu.advance(at(3.0)).unwrap();
            assert!(
                !gpu.is_working() && end <= at(2.000_001),
                "{kernels} kernels, {count} times"
            );
        }
        assert_eq!(gpu.advance(at(3.0)), None);
        assert_eq!(gpu.now(), at(3.0));
    }
}

/// Steps take the leakage of their beginning; held against steps of 50 µs.
#[test]
fn steps_follow_the_heat_closely_enough() {
    for name in ["v100", "a100-40", "h200"] {
        let mut gpu = rested(name);
        gpu.lock_core_clocks(Some((900, 900)));
        gpu.advance(at(60.0));
        let (card, clocks, mut heat) = (gpu.card.clone(), gpu.clocks, gpu.heat);
        gpu.set_work(Some(endless("copy")));
        let execution = gpu.execution().unwrap();
        gpu.advance(at(65.0));
        let energy_j = gpu.timeline.energy_between(at(60.0), at(65.0)).get();
        let mut expected_j = 0.0;
        for _ in 0..100_000 {
            let temperature_c = card.ambient_c + heat.rise_k();
            let watts = power(&card, clocks, temperature_c, Some(&execution)).total_w();
            expected_j += watts * 5e-5;
            heat = heat.after(&card.board().thermal, watts, 5e-5);
        }
        let apart = energy_j / expected_j - 1.0;
        assert!(apart.abs() < 1e-3, "{name}: {energy_j} J, {expected_j} J");
        let end_c = card.ambient_c + heat.rise_k();
        assert!((gpu.temperature_c() - end_c).abs() < 0.05, "{name}");
    }
}

impl Gpu {
    fn event_reasons_now(&self) -> u64 {
        self.timeline.level(self.now).event_reasons
    }
}
