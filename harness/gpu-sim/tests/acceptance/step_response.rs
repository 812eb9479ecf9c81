//! How the power fields follow a step of the load.

use crate::lab::{Poll, board, endless, on_another_day, play_and_poll, watts};

/// When a field that rises from one level to another has first covered a share of the way, in
/// seconds after the step.
fn first_at(polls: &[Poll], step_s: f64, share: f64, field: impl Fn(&Poll) -> f64) -> f64 {
    let before = polls.iter().rfind(|p| p.at_s < step_s).map(&field);
    let last = polls.last().map(&field);
    let (before, last) = (before.expect("polls before"), last.expect("polls after"));
    let found = polls
        .iter()
        .find(|p| p.at_s >= step_s && (field(p) - before) / (last - before) >= share);
    found.expect("the step arrives").at_s - step_s
}

fn average(poll: &Poll) -> f64 {
    watts(poll.shown.power_average.expect("a board with this field"))
}

fn instant(poll: &Poll) -> f64 {
    watts(poll.shown.power_instant)
}

/// Over many phases of the sensor: a boxcar of a second that refreshes every 0.1 s shows 10 % of a
/// step 0.1 s to 0.2 s after it. Recorded, for one phase each: 10/50/90/99 % at 0.12/0.54/0.95/1.05 s
/// on, at 0.18/0.58/0.98/1.08 s off.
#[test]
fn the_average_field_is_a_boxcar_of_one_second() {
    let recorded = [
        (0.10, [0.12, 0.18]),
        (0.50, [0.54, 0.58]),
        (0.90, [0.95, 0.98]),
        (0.99, [1.05, 1.08]),
    ];
    for name in ["h100-sxm", "h200"] {
        for (share, figures) in recorded {
            let mut times = Vec::new();
            for run in 0..40 {
                let mut gpu = on_another_day(&board(name), run);
                gpu.set_context(true);
                let polls = play_and_poll(&mut gpu, &[(3.0, None), (3.0, endless("copy"))], 0.003);
                times.push(first_at(&polls, 3.0, share, average));
            }
            let (low, high) = times
                .iter()
                .fold((f64::INFINITY, 0.0_f64), |(low, high), t| {
                    (low.min(*t), high.max(*t))
                });
            assert!(
                low >= share - 0.02 && high <= share + 0.125,
                "{name}: {share} of the step at {low:.3} to {high:.3} s"
            );
            for figure in figures {
                assert!(
                    (low - 0.02..=high + 0.02).contains(&figure),
                    "{name}: recorded {figure} s lies outside {low:.3} to {high:.3} s"
                );
            }
        }
    }
}

/// Derived from 'Part-time Power Measurements' (arXiv 2312.02741): at most 0.12 s on H100.
#[test]
fn the_instant_field_follows_within_one_period_and_one_window() {
    for name in ["a100-40", "h100-sxm", "h200"] {
        for run in 0..40 {
            let mut gpu = on_another_day(&board(name), run);
            gpu.set_context(true);
            let polls = play_and_poll(&mut gpu, &[(1.0, None), (3.0, endless("copy"))], 0.001);
            let rise_s = first_at(&polls, 1.0, 0.9, instant);
            assert!(rise_s <= 0.127, "{name}, run {run}: {rise_s:.3} s");
        }
    }
}

#[test]
fn power_usage_is_the_average_on_hopper_and_the_instant_field_before() {
    for (name, has_average) in [
        ("v100", false),
        ("a100-40", false),
        ("a100-80", false),
        ("h100-nvl", true),
        ("h100-sxm", true),
        ("h200", true),
    ] {
        let mut gpu = on_another_day(&board(name), 3);
        let polls = play_and_poll(&mut gpu, &[(1.0, None), (2.0, endless("copy"))], 0.007);
        for poll in &polls {
            let shown = poll.shown;
            assert_eq!(shown.power_average.is_some(), has_average, "{name}");
            let expected = shown.power_average.unwrap_or(shown.power_instant);
            assert_eq!(shown.power_usage, expected, "{name} at {}", poll.at_s);
        }
        let differ = polls
            .iter()
            .any(|p| p.shown.power_usage != p.shown.power_instant);
        assert_eq!(
            differ, has_average,
            "{name}: a step tells the two fields apart"
        );
    }
}

/// Readings of a card that has only just begun are those of the state it is in.
#[test]
fn the_first_readings_show_the_idle_level() {
    for start in [model::units::Nanos::new(0), crate::lab::at(0.0)] {
        for seed in 0..20 {
            let mut card = gpu_sim::Card::new(board("h200"), gpu_sim::Seeds { card: 1, run: seed });
            (card.gain, card.offset_w) = (1.0, 0.0);
            let mut gpu = gpu_sim::Gpu::with_card(card, start);
            let idle = gpu.power_parts().total_w();
            for step in 0..300 {
                gpu.advance(start + model::units::Nanos::from_millis(step));
                let shown = gpu.read();
                let fields = [shown.power_instant, shown.power_usage].map(watts);
                for field in fields {
                    assert!(
                        (field - idle).abs() < 1.0,
                        "{field} W of {idle} W at {step} ms"
                    );
                }
            }
        }
    }
}
