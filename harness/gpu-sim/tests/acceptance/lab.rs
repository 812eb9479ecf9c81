//! A card on the bench: moments, loads by name, schedules that are played and polled.

use std::sync::Arc;

use gpu_sim::{Board, Card, Gpu, Readings, Seeds, Work, kernels};
use model::units::Nanos;

/// Where the time of every test begins.
const START: Nanos = Nanos::from_millis(10_000);

/// Stretches of time in seconds, and what is done in each.
pub(crate) type Schedule = Vec<(f64, Option<Work>)>;

/// What was shown at a time, in seconds after the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    pub(crate) at_s: f64,
    pub(crate) shown: Readings,
}

pub(crate) fn at(seconds: f64) -> Nanos {
    START + Nanos::from_seconds(seconds)
}

pub(crate) fn board(name: &str) -> Arc<Board> {
    Board::named(name).expect("a board that is compiled in")
}

/// A board of which some lines of the profile read otherwise.
pub(crate) fn changed_board(slug: &str, changes: &[(&str, &str)]) -> Arc<Board> {
    let mut text = Board::text_of(slug)
        .expect("a board that is compiled in")
        .to_owned();
    for (key, value) in changes {
        let (before, rest) = text
            .split_once(&format!("\n{key} = "))
            .unwrap_or_else(|| panic!("{key} must stand in {slug}"));
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        text = format!("{before}\n{key} = {value}\n{after}");
    }
    Arc::new(Board::from_toml(&text).expect("still a board"))
}

/// A card of nominal silicon with perfect scales.
pub(crate) fn ideal(name: &str) -> Gpu {
    Gpu::ideal(board(name), at(0.0))
}

/// Perfect scales and nominal silicon, but a day of its own: sensors that refresh at other moments.
pub(crate) fn on_another_day(board: &Arc<Board>, run: u64) -> Gpu {
    let mut card = Card::new(Arc::clone(board), Seeds { card: 1, run });
    (card.gain, card.offset_w, card.silicon_voltage) = (1.0, 0.0, 1.0);
    Gpu::with_card(card, at(0.0))
}

/// What a schedule has where a kernel runs without an end.
#[expect(
    clippy::unnecessary_wraps,
    reason = "schedules have nothing to do, too"
)]
pub(crate) fn endless(kernel: &str) -> Option<Work> {
    Some(Work::endless(
        kernels::named(kernel).expect("a kernel of this name"),
    ))
}

/// Plays a schedule from the present moment on.
pub(crate) fn play(gpu: &mut Gpu, schedule: &[(f64, Option<Work>)]) {
    play_and_poll(gpu, schedule, 1e9);
}

/// Plays a schedule from the present moment on and reads the card every so many seconds.
pub(crate) fn play_and_poll(
    gpu: &mut Gpu,
    schedule: &[(f64, Option<Work>)],
    every_s: f64,
) -> Vec<Poll> {
    let begin_s = seconds(gpu.now());
    let (mut polls, mut polled, mut end_s) = (Vec::new(), 0_u32, begin_s);
    for (length_s, work) in schedule {
        gpu.set_work(*work);
        end_s += length_s;
        loop {
            let at_s = begin_s + f64::from(polled) * every_s;
            if at_s >= end_s {
                break;
            }
            reach(gpu, at_s);
            polls.push(Poll {
                at_s,
                shown: gpu.read(),
            });
            polled += 1;
        }
        reach(gpu, end_s);
    }
    polls
}

/// Goes to a time, past the ends of finite work.
pub(crate) fn reach(gpu: &mut Gpu, at_s: f64) {
    while gpu.advance(at(at_s)).is_some() {}
}

/// Seconds after the start.
pub(crate) fn seconds(moment: Nanos) -> f64 {
    model::units::Seconds::from(moment.saturating_sub(START)).get()
}

/// True mean power between two times, in watts.
pub(crate) fn mean_w(gpu: &Gpu, from_s: f64, to_s: f64) -> f64 {
    gpu.timeline().energy_between(at(from_s), at(to_s)).get() / (to_s - from_s)
}

/// True mean power of each tenth of a second between two times.
pub(crate) fn tenths_w(gpu: &Gpu, from_s: f64, to_s: f64) -> Vec<f64> {
    let mut means = Vec::new();
    let mut begin_s = from_s;
    while begin_s + 0.1 <= to_s + 1e-9 {
        means.push(mean_w(gpu, begin_s, begin_s + 0.1));
        begin_s += 0.1;
    }
    means
}

/// Mean.
#[expect(clippy::cast_precision_loss, reason = "few values")]
pub(crate) fn mean(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "a mean needs values");
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: Vec<f64> = values.iter().map(|v| (v - centre) * (v - centre)).collect();
    mean(&squares).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn watts(shown: model::units::Milliwatts) -> f64 {
    shown.get() as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn joules(shown: model::units::Millijoules) -> f64 {
    shown.get() as f64 / 1e3
}

/// Moments at which a column changes, with its value from there on.
pub(crate) fn changes<T: PartialEq>(
    polls: &[Poll],
    column: impl Fn(&Readings) -> T,
) -> Vec<(f64, T)> {
    let mut found = Vec::new();
    for pair in polls.windows(2) {
        let (before, after) = (column(&pair[0].shown), column(&pair[1].shown));
        if before != after {
            found.push((pair[1].at_s, after));
        }
    }
    found
}

/// Draws for the accidents of an experiment; the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Uniform in 0 to 1 (`SplitMix64`).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Nearly normal with standard deviation 1: twelve uniform draws.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
