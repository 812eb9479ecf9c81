//! Clocks, limits and contexts do what they are asked for, after the time that this takes.

use gpu_sim::{Card, Gpu, Seeds};

use crate::lab::{
    at, board, changes, endless, ideal, mean, mean_w, play, play_and_poll, reach, seconds,
};

/// `nvmlClocksEventReasonGpuIdle` and `…ApplicationsClocksSetting`.
const IDLE: u64 = 0x1;
const APPLICATION_CLOCKS: u64 = 0x2;

/// How long after a setting the clock changed, in seconds, over many cards.
fn latencies(name: &str, set: impl Fn(&mut Gpu)) -> Vec<f64> {
    let latency = |seed: u64| {
        let card = Card::new(
            board(name),
            Seeds {
                card: seed,
                run: seed,
            },
        );
        let mut gpu = Gpu::with_card(card, at(0.0));
        gpu.set_context(true);
        play(&mut gpu, &[(2.0, endless("copy"))]);
        let before = gpu.core_clock_mhz();
        set(&mut gpu);
        assert_eq!(gpu.core_clock_mhz(), before, "no clock changes at once");
        reach(&mut gpu, 3.0);
        let changed = gpu
            .timeline()
            .steps()
            .find(|(begin, level)| *begin > at(2.0) && level.core_mhz != before)
            .map(|(begin, _)| seconds(begin) - 2.0);
        changed.expect("the clock changes within a second")
    };
    let mut all: Vec<f64> = (0..400).map(latency).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// Estimates of the profiles: 15 ms on boards before Hopper, 30 ms and a tail of 0.2 s to 0.45 s on it.
#[test]
fn locked_and_application_clocks_come_into_force_after_the_switching_latency() {
    for (name, median_s) in [("v100", 0.015), ("a100-80", 0.015), ("h200", 0.030)] {
        let locked = latencies(name, |gpu| gpu.lock_core_clocks(Some((900, 900))));
        let memory = board(name).memory_max_mhz();
        let application = latencies(name, |gpu| gpu.set_application_clocks(Some((memory, 900))));
        for times in [&locked, &application] {
            let median = times[times.len() / 2];
            assert!((median / median_s - 1.0).abs() < 0.1, "{name}: {median} s");
            let slow = times.iter().filter(|t| **t >= 0.2).count();
            let has_tail = name == "h200";
            assert_eq!(
                slow > 0,
                has_tail,
                "{name}: {slow} of {} above 0.2 s",
                times.len()
            );
            assert!(slow < 25 && times[times.len() - 1] <= 0.45, "{name}");
        }
    }
}

/// A lock is no ceiling of the governor: it takes its time although the limit holds the clock.
#[test]
fn a_lock_under_the_power_limit_takes_its_time_too() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    play(&mut gpu, &[(1.0, None), (4.0, endless("gemm-bf16"))]);
    gpu.lock_core_clocks(Some((600, 600)));
    reach(&mut gpu, 5.02);
    assert!(gpu.core_clock_mhz() > 1_200, "{} MHz", gpu.core_clock_mhz());
    reach(&mut gpu, 5.04);
    assert_eq!(gpu.core_clock_mhz(), 600);
    // Freed again, the clock comes back and the limit holds it.
    gpu.lock_core_clocks(None);
    reach(&mut gpu, 8.0);
    assert!(gpu.core_clock_mhz() > 1_300);
    assert!(mean_w(&gpu, 6.0, 8.0) < 730.0);
}

#[test]
fn locked_clocks_are_rounded_to_supported_ones_and_hold_in_idle_too() {
    let mut gpu = ideal("a100-40");
    gpu.lock_core_clocks(Some((1_001, 1_001)));
    reach(&mut gpu, 1.0);
    assert_eq!(gpu.core_clock_mhz(), 990);
    gpu.lock_core_clocks(Some((600, 1_200)));
    reach(&mut gpu, 2.0);
    assert_eq!(gpu.core_clock_mhz(), 600);
    gpu.set_work(endless("copy"));
    reach(&mut gpu, 3.0);
    assert_eq!(gpu.core_clock_mhz(), 1_200);
    gpu.lock_core_clocks(None);
    reach(&mut gpu, 4.0);
    assert_eq!(gpu.core_clock_mhz(), 1_410);
    // A request that is taken back before it was in force leaves everything as it is.
    gpu.lock_core_clocks(Some((600, 600)));
    reach(&mut gpu, 4.005);
    gpu.lock_core_clocks(None);
    reach(&mut gpu, 5.0);
    assert!(
        gpu.timeline()
            .steps()
            .filter(|(begin, _)| *begin > at(3.9))
            .all(|(_, level)| level.core_mhz == 1_410)
    );
}

#[test]
fn application_clocks_are_shown_as_the_reason_and_yield_to_locks() {
    let mut gpu = ideal("a100-80");
    gpu.set_application_clocks(Some((1_512, 1_110)));
    gpu.set_work(endless("copy"));
    reach(&mut gpu, 1.0);
    assert_eq!(gpu.core_clock_mhz(), 1_110);
    assert_eq!(
        gpu.read().event_reasons & (IDLE | APPLICATION_CLOCKS),
        APPLICATION_CLOCKS
    );
    gpu.lock_core_clocks(Some((900, 900)));
    reach(&mut gpu, 2.0);
    assert_eq!(gpu.core_clock_mhz(), 900);
}

#[test]
fn a_power_limit_acts_within_the_lag_of_the_governor_and_stays_within_the_board() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    play(&mut gpu, &[(1.0, None), (4.0, endless("gemm-bf16"))]);
    gpu.set_power_limit_w(400.0);
    reach(&mut gpu, 5.0 + 1e-6);
    assert!(gpu.power_parts().total_w() > 500.0, "not at once");
    reach(&mut gpu, 15.0);
    assert!(mean_w(&gpu, 5.3, 6.0) < 420.0);
    let settled = mean_w(&gpu, 7.0, 15.0);
    assert!((380.0..=400.0).contains(&settled), "{settled:.1} W");
    gpu.set_power_limit_w(10_000.0);
    assert!((gpu.settings().power_limit_w - 700.0).abs() < 1e-9);
    gpu.set_power_limit_w(1.0);
    assert!((gpu.settings().power_limit_w - 200.0).abs() < 1e-9);
}

#[test]
fn a_lower_memory_clock_slows_streams_and_leaves_arithmetic_alone() {
    for (kernel, is_slower) in [("copy", true), ("pi-fp32", false)] {
        let mut gpu = ideal("h100-nvl");
        // Well below the power limit, which would move the core clock.
        gpu.lock_core_clocks(Some((1_410, 1_410)));
        gpu.set_work(endless(kernel));
        reach(&mut gpu, 1.0);
        let free = gpu.execution().expect("work");
        gpu.lock_memory_clocks(Some((1_593, 1_593)));
        assert_eq!(gpu.memory_clock_mhz(), 2_619, "not at once");
        reach(&mut gpu, 2.0);
        assert_eq!(gpu.memory_clock_mhz(), 1_593);
        let held = gpu.execution().expect("work");
        let ratio = free.duration_s / held.duration_s;
        let expected = if is_slower { 1_593.0 / 2_619.0 } else { 1.0 };
        assert!((ratio - expected).abs() < 0.02, "{kernel}: {ratio}");
        assert_eq!(gpu.read().memory_clock.get(), 1_593);
    }
}

#[test]
fn without_a_context_a_card_idles_at_its_lowest_clock_and_with_one_at_its_highest() {
    for name in gpu_sim::Board::slugs() {
        let mut gpu = ideal(name);
        reach(&mut gpu, 1.0);
        let clocks = &gpu.board().clocks;
        let (low, high) = (clocks.core_min_mhz.value, clocks.core_max_mhz.value);
        assert_eq!(gpu.core_clock_mhz(), low, "{name}");
        let deep = mean_w(&gpu, 0.0, 1.0);
        gpu.set_context(true);
        reach(&mut gpu, 3.0);
        assert_eq!(gpu.core_clock_mhz(), high, "{name}");
        assert_eq!(gpu.read().event_reasons & IDLE, IDLE, "{name}");
        let shallow = mean_w(&gpu, 2.0, 3.0);
        assert!(
            shallow > deep + 5.0,
            "{name}: {deep:.1} W without, {shallow:.1} W with a context"
        );
        gpu.set_context(false);
        reach(&mut gpu, 5.0);
        assert_eq!(gpu.core_clock_mhz(), low, "{name}");
        assert_eq!(gpu.read().gpu_util_pct, 0, "{name}");
        gpu.set_work(endless("copy"));
        reach(&mut gpu, 6.0);
        assert_eq!(gpu.read().event_reasons & IDLE, 0, "{name}");
        assert!(gpu.read().gpu_util_pct >= 95, "{name}");
    }
}

/// Recorded on an H200 after 6 s under the limit: 1440 MHz, 1905 within 0.16 s, 1980 within 0.46 s.
#[test]
fn after_a_load_under_the_limit_the_clock_climbs_back() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    play(&mut gpu, &[(1.0, None), (6.0, endless("gemm-bf16"))]);
    let held = gpu.core_clock_mhz();
    gpu.set_work(None);
    reach(&mut gpu, 7.03);
    assert!(
        gpu.core_clock_mhz() < held + 200,
        "{held} MHz, then {} MHz",
        gpu.core_clock_mhz()
    );
    reach(&mut gpu, 7.16);
    assert!(gpu.core_clock_mhz() >= 1_905);
    reach(&mut gpu, 7.46);
    assert_eq!(gpu.core_clock_mhz(), 1_980);
}

#[test]
fn the_sample_ring_holds_the_last_readings_at_its_own_spacing() {
    let mut gpu = ideal("v100");
    let polls = play_and_poll(&mut gpu, &[(1.0, None), (4.0, endless("copy"))], 0.5);
    assert_eq!(polls.len(), 10);
    let samples = gpu.power_samples();
    assert_eq!(samples.len(), 120);
    let apart: Vec<f64> = samples
        .windows(2)
        .map(|pair| seconds(pair[1].0) - seconds(pair[0].0))
        .collect();
    assert!((mean(&apart) - 0.02).abs() < 1e-9);
    let (last_s, last) = (seconds(samples[119].0), samples[119].1);
    assert!(last_s <= 5.0 && last_s > 4.98 - 1e-9);
    assert!((crate::lab::watts(last) - mean_w(&gpu, 4.5, 5.0) * gpu.card().gain).abs() < 1.0);
    // A young card has fewer.
    let mut young = ideal("v100");
    reach(&mut young, 0.1);
    assert!((4..=6).contains(&young.power_samples().len()));
}

/// Published or recorded: 0.45 W to 0.5 W on a V100, 0.01 W on an A100, 0.32 W to 0.38 W on an H200.
#[test]
fn the_instant_field_moves_in_the_steps_of_its_board() {
    for (name, published_w) in [
        ("v100", 0.45..=0.5),
        ("a100-40", 0.01..=0.01),
        ("h200", 0.32..=0.38),
    ] {
        let mut gpu = ideal(name);
        gpu.set_context(true);
        let polls = play_and_poll(&mut gpu, &[(1.0, None), (20.0, endless("pi-fp64"))], 0.02);
        let step_w = gpu.board().sensors.instant_step_w.value;
        assert!(published_w.contains(&step_w), "{name}: {step_w} W");
        let shown = changes(&polls, |r| r.power_instant);
        assert!(shown.len() > 5, "{name}: the load moves the field");
        for (at_s, power) in shown {
            let steps = crate::lab::watts(power) / step_w;
            // What is shown is rounded to a milliwatt.
            let off_w = (steps - steps.round()).abs() * step_w;
            assert!(
                off_w < 6e-4,
                "{name} at {at_s} s: {power:?} is off the lattice"
            );
        }
    }
}
