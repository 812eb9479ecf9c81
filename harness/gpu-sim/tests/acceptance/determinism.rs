//! The same seed gives the same bytes, and looking changes nothing.

use std::sync::Arc;

use gpu_sim::{Card, Gpu, Seeds, Work, kernels};
use proptest::prelude::*;

use crate::lab::{Dice, at, board, endless, reach};

/// A history under the power limit, with finite work, clock locks and pulses.
fn history(gpu: &mut Gpu, mut look: impl FnMut(&mut Gpu, f64)) {
    gpu.set_context(true);
    look(gpu, 1.0);
    gpu.set_work(endless("gemm-bf16"));
    look(gpu, 4.0);
    gpu.lock_core_clocks(Some((1_200, 1_200)));
    look(gpu, 5.0);
    gpu.lock_core_clocks(None);
    gpu.set_power_limit_w(450.0);
    look(gpu, 7.0);
    let cost = kernels::named("gemm-bf16").expect("a kernel");
    for pulse in 0..20 {
        gpu.set_work(Some(Work::times(cost, 30)));
        look(gpu, 7.0 + 0.1 * f64::from(pulse + 1));
    }
    gpu.set_work(None);
    gpu.set_context(false);
    look(gpu, 12.0);
}

fn card(name: &str, seeds: Seeds) -> Gpu {
    Gpu::with_card(Card::new(Arc::clone(&board(name)), seeds), at(0.0))
}

/// Everything that can be seen of a card now.
fn bytes(gpu: &Gpu) -> String {
    format!(
        "{:?} {:?} {:?} {:x} {:x}",
        gpu.read(),
        gpu.power_samples(),
        gpu.activity_counters(),
        gpu.timeline().energy(gpu.now()).get().to_bits(),
        gpu.temperature_c().to_bits(),
    )
}

/// What is seen at the ends of the parts of the history, and at every tenth of a second of it.
fn seen(mut gpu: Gpu) -> String {
    let mut all = String::new();
    let mut next_s = 0.1;
    history(&mut gpu, |gpu, until_s| {
        while next_s < until_s {
            reach(gpu, next_s);
            all.push_str(&bytes(gpu));
            all.push('\n');
            next_s += 0.1;
        }
        reach(gpu, until_s);
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn looking_at_any_moments_changes_no_bit(seed in any::<u64>(), which in 0..3_usize) {
        let name = ["v100", "a100-80", "h200"][which];
        let seeds = Seeds { card: seed, run: seed.rotate_left(7) };
        let (mut alone, mut watched) = (card(name, seeds), card(name, seeds));
        let mut ends = Vec::new();
        history(&mut alone, |gpu, until_s| {
            reach(gpu, until_s);
            ends.push(bytes(gpu));
        });
        let mut dice = Dice(seed);
        let mut watched_ends = Vec::new();
        history(&mut watched, |gpu, until_s| {
            let mut now_s = crate::lab::seconds(gpu.now());
            loop {
                now_s += 0.03 * dice.uniform() * dice.uniform();
                if now_s >= until_s {
                    break;
                }
                reach(gpu, now_s);
                std::hint::black_box(bytes(gpu));
            }
            reach(gpu, until_s);
            watched_ends.push(bytes(gpu));
        });
        prop_assert_eq!(ends, watched_ends);
        prop_assert_eq!(alone.timeline().len(), watched.timeline().len());
    }

    #[test]
    fn forgetting_what_is_long_ago_changes_no_reading(seed in any::<u64>()) {
        let mut gpu = card("h200", Seeds { card: seed, run: 1 });
        gpu.set_context(true);
        reach(&mut gpu, 20.0);
        gpu.set_work(endless("gemm-bf16"));
        let mut short = gpu.clone();
        for step in 0..200 {
            let now_s = 20.0 + 0.05 * f64::from(step);
            reach(&mut gpu, now_s);
            reach(&mut short, now_s);
            short.forget_before(at(now_s - 15.0));
            prop_assert_eq!(gpu.read(), short.read());
            prop_assert_eq!(gpu.power_samples(), short.power_samples());
            prop_assert_eq!(gpu.activity_counters(), short.activity_counters());
        }
        for polled in [&gpu, &short] {
            prop_assert_eq!(polled.timeline().energy(polled.now()), gpu.timeline().energy(gpu.now()));
        }
    }
}

#[test]
fn a_history_that_is_forgotten_stays_small() {
    let mut gpu = card("h200", Seeds { card: 1, run: 1 });
    gpu.set_context(true);
    gpu.set_work(endless("gemm-bf16"));
    for step in 0..100 {
        reach(&mut gpu, f64::from(step));
        gpu.forget_before(at((f64::from(step) - 15.0).max(0.0)));
    }
    assert!(
        gpu.timeline().len() < 2_500,
        "{} steps of 15 s",
        gpu.timeline().len()
    );
}

#[test]
fn the_same_seeds_give_the_same_bytes_and_others_do_not() {
    for name in ["v100", "a100-40", "h200"] {
        let seeds = Seeds { card: 5, run: 9 };
        let once = seen(card(name, seeds));
        assert_eq!(once, seen(card(name, seeds)), "{name}");
        assert_ne!(
            once,
            seen(card(name, Seeds { run: 10, ..seeds })),
            "{name}: another day"
        );
        let other_card = seen(card(name, Seeds { card: 6, ..seeds }));
        assert_ne!(once, other_card, "{name}: another card");
    }
}

#[test]
fn a_reading_does_not_change_between_two_refreshes_of_its_sensor() {
    let mut gpu = card("h200", Seeds { card: 3, run: 4 });
    gpu.set_context(true);
    reach(&mut gpu, 1.0);
    gpu.set_work(endless("gemm-bf16"));
    let (mut before, mut changed_s) = (gpu.read(), [0.0_f64; 3]);
    for step in 0..4_000 {
        let now_s = 1.0 + f64::from(step) * 0.001;
        reach(&mut gpu, now_s);
        let now = gpu.read();
        let changes = [
            (
                now.power_instant != before.power_instant
                    || now.power_average != before.power_average,
                0.1,
            ),
            (now.energy != before.energy, 0.099),
            (
                now.sm_clock != before.sm_clock
                    || now.temperature_c != before.temperature_c
                    || now.memory_temperature_c != before.memory_temperature_c,
                0.1,
            ),
        ];
        for ((has_changed, period_s), last_s) in changes.into_iter().zip(&mut changed_s) {
            if has_changed {
                assert!(
                    now_s - *last_s > period_s - 1e-9,
                    "at {now_s} s after {last_s} s: {now:?}"
                );
                *last_s = now_s;
            }
        }
        before = now;
    }
}
