//! How the power limit is kept, as recorded on an H200 at 700 W, and that every board keeps its own.

use gpu_sim::{Gpu, Work, kernels};

use crate::lab::{
    Poll, at, deviation, endless, ideal, mean, mean_w, play, play_and_poll, reach, tenths_w, watts,
};

/// `nvmlClocksEventReasonSwPowerCap`.
const SOFTWARE_POWER_CAP: u64 = 0x4;

/// A card with a context that has been idle, and then multiplies matrices from 2 s to 10 s.
fn loaded(name: &str) -> (Gpu, Vec<Poll>) {
    let mut gpu = ideal(name);
    gpu.set_context(true);
    let polls = play_and_poll(&mut gpu, &[(2.0, None), (8.0, endless("gemm-bf16"))], 0.003);
    (gpu, polls)
}

#[test]
fn a_load_begins_above_the_limit_and_is_held_a_few_percent_above_it() {
    let (gpu, _) = loaded("h200");
    let first = mean_w(&gpu, 2.0, 2.1);
    assert!(
        (780.0..=910.0).contains(&first),
        "first 0.1 s: {first:.0} W, recorded 831"
    );
    let early = mean_w(&gpu, 2.1, 2.9) / 700.0;
    assert!(
        (1.02..=1.05).contains(&early),
        "0.1 to 0.9 s: {early:.3} of the limit, recorded 1.028"
    );
}

#[test]
fn power_dips_when_the_mean_of_a_second_reaches_the_limit() {
    let (gpu, polls) = loaded("h200");
    let deepest = tenths_w(&gpu, 2.8, 3.3)
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    assert!(
        (500.0..=620.0).contains(&deepest),
        "dip to {deepest:.0} W, recorded 526 to 539"
    );
    let average = |p: &Poll| watts(p.shown.power_average.expect("a board with this field"));
    let peak = polls.iter().map(average).fold(0.0, f64::max);
    assert!(
        (690.0..=725.0).contains(&peak),
        "field 185 peaks at {peak:.0} W, recorded 704"
    );
    let dip = gpu
        .timeline()
        .steps()
        .filter(|(begin, _)| (at(2.8)..at(3.4)).contains(begin));
    let lowest = dip.map(|(_, level)| level.core_mhz).min();
    assert!(
        lowest.is_some_and(|mhz| (1_050..=1_380).contains(&mhz)),
        "{lowest:?} MHz, recorded 1140"
    );
}

#[test]
fn power_settles_just_below_the_limit_and_swings_with_a_period_of_a_second() {
    let (gpu, polls) = loaded("h200");
    let settled = mean_w(&gpu, 3.2, 7.9);
    assert!(
        (685.0..=697.0).contains(&settled),
        "settled at {settled:.1} W, recorded 693.0"
    );
    let tenths = tenths_w(&gpu, 3.2, 7.9);
    let spread = deviation(&tenths);
    assert!(
        (10.0..=40.0).contains(&spread),
        "0.1 s steps spread by {spread:.1} W, recorded 26.5"
    );
    let (period, height) = (8..=13)
        .map(|lag| (lag, correlation(&tenths, lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("lags");
    assert!(
        height > 0.3,
        "autocorrelation {height:.2} at {period} steps, recorded 0.45 at 10"
    );

    let mut clocks: Vec<u32> = polls
        .iter()
        .filter(|p| (3.2..7.9).contains(&p.at_s))
        .map(|p| p.shown.sm_clock.get())
        .collect();
    clocks.sort_unstable();
    let share = |percent: usize| clocks[clocks.len() * percent / 100];
    let (low, high) = (share(5), share(95));
    assert!(
        low >= 1_380 && high <= 1_560,
        "{low} to {high} MHz, recorded 1425 to 1530"
    );
    let each: Vec<f64> = clocks.iter().map(|mhz| f64::from(*mhz)).collect();
    let middle = mean(&each);
    assert!(
        (middle / 1_488.0 - 1.0).abs() < 0.04,
        "mean {middle:.0} MHz, recorded 1488"
    );
}

fn correlation(values: &[f64], lag: usize) -> f64 {
    let centre = mean(values);
    let products = |lag: usize| -> f64 {
        values
            .iter()
            .zip(&values[lag..])
            .map(|(a, b)| (a - centre) * (b - centre))
            .sum()
    };
    products(lag) / products(0)
}

#[test]
fn bursts_are_held_down_within_their_first_tenth_of_a_second() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    play(&mut gpu, &[(2.0, None)]);
    for burst in 0..20 {
        let begin_s = 2.0 + f64::from(burst) * 0.403;
        gpu.set_work(endless("gemm-bf16"));
        reach(&mut gpu, begin_s + 0.1);
        let held = gpu.core_clock_mhz();
        assert!(
            (1_455..=1_590).contains(&held),
            "burst {burst}: {held} MHz, recorded about 1530"
        );
        reach(&mut gpu, begin_s + 0.203);
        let shown = gpu.read().sm_clock.get();
        assert!(
            (1_455..=1_590).contains(&shown),
            "burst {burst}: shows {shown} MHz"
        );
        gpu.set_work(None);
        reach(&mut gpu, begin_s + 0.35);
        let free = gpu.core_clock_mhz();
        assert!(
            free >= 1_905,
            "burst {burst}: {free} MHz after 0.15 s of rest, recorded 1905"
        );
        reach(&mut gpu, begin_s + 0.403);
    }
    let one_second = mean_w(&gpu, 5.0, 9.03);
    assert!(
        (420.0..=520.0).contains(&one_second),
        "{one_second:.0} W, recorded 442"
    );
}

#[test]
fn the_limit_is_shown_as_the_reason_and_its_time_is_counted() {
    let (gpu, polls) = loaded("h200");
    let idle = polls.iter().find(|p| p.at_s > 1.5).expect("a poll");
    assert_eq!(idle.shown.event_reasons & SOFTWARE_POWER_CAP, 0);
    assert_eq!(idle.shown.violation_power.get(), 0);
    let shown = gpu.read();
    assert_ne!(shown.event_reasons & SOFTWARE_POWER_CAP, 0);
    let held_s = model::units::Seconds::from(shown.violation_power).get();
    assert!((7.8..=8.0).contains(&held_s), "{held_s} s of 8 s");
    assert_eq!(shown.violation_thermal.get(), 0);
}

#[test]
fn every_board_settles_between_four_percent_below_its_limit_and_the_limit() {
    let cases = [
        ("v100", "pi-fp32", 150.0),
        ("a100-40", "gemm-bf16", 170.0),
        ("a100-80", "gemm-bf16", 180.0),
        ("h100-nvl", "gemm-bf16", 310.0),
        ("h100-sxm", "gemm-bf16", 500.0),
        ("h200", "gemm-bf16", 350.0),
        ("h200", "copy", 500.0),
        ("h200", "gemm-fp64", 600.0),
    ];
    for (name, kernel, limit_w) in cases {
        let mut gpu = ideal(name);
        gpu.set_context(true);
        gpu.set_power_limit_w(limit_w);
        play(&mut gpu, &[(2.0, None), (8.0, endless(kernel))]);
        let free = tenths_w(&gpu, 2.0, 2.1)[0];
        assert!(
            free > limit_w,
            "{name} {kernel}: {free:.0} W would not reach {limit_w} W"
        );
        let settled = mean_w(&gpu, 4.0, 10.0) / limit_w;
        assert!(
            (0.96..=1.0).contains(&settled),
            "{name} {kernel}: {settled:.3} of {limit_w} W"
        );
    }
}

/// The governor must not begin anew wherever one piece of work follows another.
#[test]
fn short_pieces_of_work_in_a_row_are_held_like_one_long_one() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    play(&mut gpu, &[(2.0, None)]);
    let piece = Work::times(kernels::named("gemm-bf16").expect("a kernel"), 7);
    gpu.set_work(Some(piece));
    let mut pieces = 0;
    while gpu.advance(at(10.0)).is_some() {
        gpu.set_work(Some(piece));
        pieces += 1;
    }
    assert!(pieces > 400, "{pieces} pieces");
    let (long, _) = loaded("h200");
    let (in_pieces, in_one) = (mean_w(&gpu, 4.0, 10.0), mean_w(&long, 4.0, 10.0));
    assert!(
        (in_pieces / in_one - 1.0).abs() < 0.01,
        "{in_pieces:.1} W, {in_one:.1} W in one"
    );
}
