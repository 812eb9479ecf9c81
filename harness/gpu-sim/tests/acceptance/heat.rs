//! How the chip warms and cools.

use gpu_sim::{Gpu, Work};
use model::cost::{PerPipe, PhaseCost, Pipe};
use model::units::Seconds;

use crate::lab::{
    board, changed_board, endless, ideal, mean_w, on_another_day, play, play_and_poll, reach,
};

/// Arithmetic that keeps the board a share of its time busy, launched by a host that takes a
/// second for each piece.
fn light(operations: f64) -> Work {
    Work::endless(PhaseCost {
        operations: PerPipe::only(Pipe::Fp32, operations),
        host: Seconds::new(1.0),
        toggle: 1.0,
        ..PhaseCost::default()
    })
}

/// A load that draws so many watts above idle. Power goes straight with the operations.
fn load_above_idle(name: &str, above_w: f64) -> Work {
    let rise = |operations: f64| {
        let mut gpu = ideal(name);
        gpu.set_context(true);
        play(&mut gpu, &[(300.0, None), (4.0, Some(light(operations)))]);
        mean_w(&gpu, 300.0, 304.0) - mean_w(&gpu, 299.0, 300.0)
    };
    let probe = 1e12;
    light(probe * above_w / rise(probe))
}

fn idle(name: &str) -> Gpu {
    let mut gpu = ideal(name);
    gpu.set_context(true);
    reach(&mut gpu, 300.0);
    gpu
}

/// Derived from a trace of an A100-PCIE-40GB (`GPU_Power_Benchmark`): 38 °C at 60 W, then 187 W.
#[test]
fn an_a100_warms_and_cools_as_recorded() {
    let recorded = [
        (0.03, 40.0),
        (0.09, 41.0),
        (0.17, 42.0),
        (0.36, 43.0),
        (0.78, 44.0),
        (1.65, 45.0),
        (3.63, 46.0),
    ];
    let mut gpu = idle("a100-40");
    let start_c = gpu.temperature_c();
    gpu.set_work(Some(load_above_idle("a100-40", 127.0)));
    let mut warm_c = Vec::new();
    for (after_s, expected_c) in recorded {
        reach(&mut gpu, 300.0 + after_s);
        let rise_k = gpu.temperature_c() - start_c;
        assert!(
            (rise_k - (expected_c - 38.0)).abs() <= 1.0,
            "{rise_k:.2} K after {after_s} s, recorded {} K",
            expected_c - 38.0
        );
        warm_c.push(rise_k);
    }
    // Cooling mirrors heating.
    let hot_c = gpu.temperature_c();
    gpu.set_work(None);
    for ((after_s, _), rise_k) in recorded.iter().zip(&warm_c) {
        reach(&mut gpu, 303.63 + after_s);
        let fall_k = hot_c - gpu.temperature_c();
        assert!(
            (fall_k - rise_k).abs() < 1.0,
            "fell {fall_k:.2} K, rose {rise_k:.2} K"
        );
    }
}

/// Recorded on an H200: from 38 °C under a load of 6 s at its limit, and back. Times are those at
/// which a value was first seen, when it had just been refreshed.
#[test]
fn an_h200_warms_and_cools_as_recorded() {
    let heating = [
        (0.12, 48.0),
        (0.24, 50.0),
        (0.34, 52.0),
        (0.54, 54.0),
        (0.95, 56.0),
        (1.7, 57.0),
        (4.3, 58.0),
    ];
    let cooling = [
        (0.09, 49.0),
        (0.18, 46.0),
        (0.27, 45.0),
        (0.37, 44.0),
        (0.48, 43.0),
        (0.58, 42.0),
        (0.78, 41.0),
        (1.28, 40.0),
        (2.5, 39.0),
    ];
    let mut gpu = idle("h200");
    let start_c = gpu.temperature_c();
    let mut rise_from = |begin_s: f64, list: &[(f64, f64)], work| {
        gpu.set_work(work);
        for (after_s, expected_c) in list {
            reach(&mut gpu, begin_s + after_s);
            let rise_k = gpu.temperature_c() - start_c;
            let off_k = rise_k - (expected_c - 38.0);
            assert!(
                off_k.abs() <= 2.0,
                "{after_s} s after {begin_s} s: {rise_k:.2} K, recorded {} K",
                expected_c - 38.0
            );
        }
        reach(&mut gpu, begin_s + 6.006);
    };
    rise_from(300.0, &heating, endless("gemm-bf16"));
    rise_from(306.006, &cooling, None);
}

#[test]
fn temperatures_are_shown_in_whole_degrees_of_the_last_refresh() {
    for run in 0..10 {
        let mut gpu = on_another_day(&board("h200"), run);
        gpu.set_context(true);
        play(&mut gpu, &[(20.0, None)]);
        gpu.set_work(endless("gemm-bf16"));
        let mut truth = Vec::new();
        for step in 0..2_000 {
            reach(&mut gpu, 20.0 + f64::from(step) * 0.001);
            truth.push(gpu.temperature_c());
            let shown = gpu.read().temperature_c;
            let recent = &truth[truth.len().saturating_sub(103)..];
            let (low, high) = recent
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| {
                    (l.min(*t), h.max(*t))
                });
            #[expect(clippy::cast_precision_loss, reason = "a temperature")]
            let shown = shown as f64;
            // Before a whole period of load has passed, the idle level may still be shown.
            if truth.len() > 103 {
                assert!(
                    (low - 0.51..=high + 0.51).contains(&shown),
                    "{shown} °C, of the last 0.1 s {low:.2} to {high:.2} °C"
                );
            }
        }
    }
}

/// The clock gives way where the air is hot, and the chip never comes near switching itself off.
#[test]
fn in_hot_air_software_lowers_the_clock_and_holds_the_temperature() {
    let hot = changed_board(
        "h200-sxm-141gb",
        &[("ambient_c", "{ value = 58.0, sd = 0.0, source = \"test\" }")],
    );
    let mut gpu = on_another_day(&hot, 1);
    gpu.set_context(true);
    let polls = play_and_poll(
        &mut gpu,
        &[(2.0, None), (240.0, endless("gemm-bf16"))],
        0.05,
    );
    let highest = polls.iter().map(|p| p.shown.temperature_c).max();
    assert!(
        highest.is_some_and(|c| (87..95).contains(&c)),
        "{highest:?} °C"
    );
    let shown = gpu.read();
    assert_ne!(
        shown.event_reasons & 0x20,
        0,
        "software thermal slowdown is the reason"
    );
    assert!(
        (86.0..88.5).contains(&gpu.temperature_c()),
        "{} °C",
        gpu.temperature_c()
    );
    let mut cool = ideal("h200");
    cool.set_context(true);
    play(&mut cool, &[(2.0, None), (240.0, endless("gemm-bf16"))]);
    assert!(mean_w(&gpu, 200.0, 242.0) < 0.9 * mean_w(&cool, 200.0, 242.0));
    assert_eq!(cool.read().violation_thermal.get(), 0);
    let held_s = Seconds::from(shown.violation_thermal).get();
    assert!((150.0..240.0).contains(&held_s), "{held_s} s");
    // Afterwards the clock is free again.
    gpu.set_work(None);
    reach(&mut gpu, 262.0);
    let before = gpu.read().violation_thermal;
    assert_eq!(gpu.core_clock_mhz(), 1_980);
    gpu.set_work(endless("copy-small"));
    reach(&mut gpu, 263.0);
    assert_eq!(gpu.read().violation_thermal, before);
}

/// A heatsink that hardly conducts: software is too slow and hardware halves the clock.
#[test]
fn where_software_is_too_slow_hardware_halves_the_clock() {
    let badly_cooled = changed_board(
        "h200-sxm-141gb",
        &[
            ("ambient_c", "{ value = 55.0, sd = 0.0, source = \"test\" }"),
            ("poles", "{ value = [[0.2, 0.06]], source = \"test\" }"),
        ],
    );
    let mut gpu = on_another_day(&badly_cooled, 1);
    gpu.set_context(true);
    let polls = play_and_poll(&mut gpu, &[(2.0, None), (60.0, endless("gemm-bf16"))], 0.01);
    let bits = polls.iter().fold(0, |bits, p| bits | p.shown.event_reasons);
    assert_eq!(
        bits & 0x48,
        0x48,
        "hardware slowdown and its cause are shown"
    );
    let halved = polls.iter().filter(|p| p.shown.event_reasons & 0x40 != 0);
    assert!(halved.clone().count() > 0);
    let lowest = polls
        .iter()
        .map(|p| p.shown.sm_clock.get())
        .filter(|c| *c > 345)
        .min();
    assert!(lowest.is_some_and(|mhz| mhz <= 990), "{lowest:?} MHz");
    let highest = gpu.timeline().steps().map(|(_, level)| level.temperature_c);
    let highest = highest.fold(0.0, f64::max);
    assert!(
        (89.0..95.0).contains(&highest),
        "{highest:.1} °C, 95 would be the end"
    );
    // In the end software holds it alone.
    let late = polls.iter().filter(|p| p.at_s > 40.0);
    assert!(late.clone().all(|p| p.shown.event_reasons & 0x40 == 0));
    assert!(late.clone().all(|p| p.shown.event_reasons & 0x20 != 0));
}
