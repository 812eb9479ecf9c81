//! Whether a window has settled, while there is still time to prolong it.
//!
//! The rule is [`statistics::steady_state`]; here the counter and the marks become its series: mean
//! power and time of an iteration over stretches of at least a second. A stretch ends with an
//! iteration, so that phases of unlike power within one do not look like change.

use model::mark::Mark;
use model::sample::Sample;
use model::trace::ReceivedMark;
use model::units::{Nanos, Seconds};
use statistics::error::StatisticsError;
use statistics::steady_state::{Attempt, Series, SteadyState, Unsteady, steady_state};

/// Shortest stretch that is averaged.
const STRETCH: Nanos = Nanos::from_millis(1_000);

/// Marks are stamped to less than this, in seconds; times of iterations that differ by less are the
/// same.
const MARK_RESOLUTION_S: f64 = 1e-6;

/// What of the window so far bears on its steadiness.
#[derive(Debug, Default)]
pub(super) struct Progress {
    ticks: Vec<Tick>,
}

/// A new value of the energy counter and the sample that showed it.
#[derive(Clone, Copy, Debug)]
struct Tick {
    at_s: f64,
    energy_j: f64,
}

impl Progress {
    /// Sees the next sample of the window.
    pub(super) fn see(&mut self, sample: &Sample) {
        let Some(energy_mj) = sample.energy_mj else {
            return;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a board's lifetime is below 2^53 mJ"
        )]
        let energy_j = energy_mj.get() as f64 / 1e3;
        if self
            .ticks
            .last()
            .is_none_or(|last| energy_j > last.energy_j)
        {
            self.ticks.push(Tick {
                at_s: Seconds::from(sample.at_ns).get(),
                energy_j,
            });
        }
    }

    /// What the rule says of the window that began at this moment.
    pub(super) fn verdict(
        &self,
        marks: &[ReceivedMark],
        begin: Nanos,
        period: Nanos,
        attempt: Attempt,
    ) -> Result<SteadyState, StatisticsError> {
        let stretches = stretches(&iteration_ends(marks, begin), begin);
        let ticks = even(&self.ticks);
        let (mut time_s, mut power_w, mut iteration_s) = (Vec::new(), Vec::new(), Vec::new());
        for stretch in &stretches {
            let energy = [stretch.begin_s, stretch.end_s].map(|at_s| energy_at(&ticks, at_s));
            let length_s = stretch.end_s - stretch.begin_s;
            match energy {
                [Some(begin_j), Some(end_j)] => power_w.push((end_j - begin_j) / length_s),
                // Before the first tick or after the last: the stretch has no energy yet.
                _ if !ticks.is_empty() => continue,
                _ => {}
            }
            time_s.push(f64::midpoint(stretch.begin_s, stretch.end_s));
            iteration_s.push(length_s / f64::from(stretch.iterations));
        }
        let series = |values, resolution| Series {
            time_s: &time_s,
            values,
            resolution,
        };
        let iterations = series(&iteration_s, MARK_RESOLUTION_S);
        if power_w.is_empty() {
            return steady_state(&[iterations], attempt);
        }
        // A tick is known to one sampling period, so the length of a stretch is.
        #[expect(clippy::cast_precision_loss, reason = "a count of stretches")]
        let mean_w = power_w.iter().sum::<f64>() / power_w.len() as f64;
        let resolution_w = mean_w * (Seconds::from(period) / Seconds::from(STRETCH));
        steady_state(&[series(&power_w, resolution_w), iterations], attempt)
    }
}

/// Whole iterations that take a second or more together.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    begin_s: f64,
    end_s: f64,
    iterations: u32,
}

/// When iterations of the window ended: the ends of the output phase.
fn iteration_ends(marks: &[ReceivedMark], begin: Nanos) -> Vec<Nanos> {
    let output_phase = marks.iter().find_map(|received| match &received.mark {
        Mark::Ready { worker, .. } => Some(worker.output_phase.as_str()),
        _ => None,
    });
    let ends = marks.iter().filter_map(|received| match &received.mark {
        Mark::End { at_ns, phase, .. } if Some(phase.as_str()) == output_phase => Some(*at_ns),
        _ => None,
    });
    ends.filter(|at| *at > begin).collect()
}

fn stretches(ends: &[Nanos], begin: Nanos) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut from, mut iterations) = (begin, 0);
    for end in ends {
        iterations += 1;
        if end.saturating_sub(from) >= STRETCH {
            stretches.push(Stretch {
                begin_s: Seconds::from(from).get(),
                end_s: Seconds::from(*end).get(),
                iterations,
            });
            (from, iterations) = (*end, 0);
        }
    }
    stretches
}

/// Ticks at the moments of an even grid: a counter ticks evenly, and the sample that shows a tick
/// is up to one period late. Where the grid does not fit, the samples' own moments stay.
fn even(ticks: &[Tick]) -> Vec<Tick> {
    let mut gaps: Vec<f64> = ticks
        .windows(2)
        .map(|pair| pair[1].at_s - pair[0].at_s)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let (Some(first), Some(last), Some(typical_s)) =
        (ticks.first(), ticks.last(), gaps.get(gaps.len() / 2))
    else {
        return ticks.to_vec();
    };
    let place = |tick: &Tick| ((tick.at_s - first.at_s) / typical_s).round();
    let period_s = (last.at_s - first.at_s) / place(last).max(1.0);
    let lateness = |tick: &Tick| tick.at_s - first.at_s - place(tick) * period_s;
    if ticks
        .iter()
        .any(|tick| lateness(tick).abs() > typical_s / 2.0)
    {
        return ticks.to_vec();
    }
    let earliest_s = ticks.iter().map(lateness).fold(f64::INFINITY, f64::min);
    ticks
        .iter()
        .map(|tick| Tick {
            at_s: first.at_s + place(tick) * period_s + earliest_s,
            energy_j: tick.energy_j,
        })
        .collect()
}

/// The counter at a moment, on the straight line between the ticks beside it.
fn energy_at(ticks: &[Tick], at_s: f64) -> Option<f64> {
    let next = ticks.partition_point(|tick| tick.at_s < at_s);
    let (after, before) = (ticks.get(next)?, ticks.get(next.checked_sub(1)?)?);
    let share = (at_s - before.at_s) / (after.at_s - before.at_s);
    Some(before.energy_j + share * (after.energy_j - before.energy_j))
}

/// Why a window has not settled, in words with numbers.
pub(super) fn describe(unsteady: &Unsteady) -> String {
    match unsteady {
        Unsteady::LateChange { from } => format!(
            "level or scatter still changed at stretch {from} of the window, after its middle"
        ),
        Unsteady::Drift { series, per_minute } => format!(
            "{} drifts by {:+.2} %/min, 90 % interval {:+.2} to {:+.2}, expected within ±0.5",
            ["power", "time of an iteration"]
                .get(*series)
                .unwrap_or(&"a series"),
            per_minute.value * 100.0,
            per_minute.low * 100.0,
            per_minute.high * 100.0,
        ),
    }
}

#[cfg(test)]
mod tests {
    use model::units::Millijoules;

    use super::*;

    const BEGIN_S: f64 = 100.0;
    const PERIOD: Nanos = Nanos::from_millis(10);

    /// Iterations of 0.4 s for a minute, and samples every 10 ms of a counter that ticks every
    /// 100 ms, at this power as a function of the seconds since the beginning.
    fn window(power_w: impl Fn(f64) -> f64) -> (Progress, Vec<ReceivedMark>) {
        let mut progress = Progress::default();
        let mut energy_j = 0.0;
        for index in 0..6_200_u32 {
            let at_s = f64::from(index) * 0.01;
            energy_j += power_w(at_s) * 0.01;
            let shown_j = if index % 10 == 3 { energy_j } else { 0.0 };
            if shown_j > 0.0 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "some kilojoules"
                )]
                let energy_mj = (shown_j * 1e3) as u64;
                progress.see(&Sample {
                    at_ns: Nanos::from_seconds(BEGIN_S + at_s),
                    energy_mj: Some(Millijoules::new(energy_mj)),
                    ..Sample::default()
                });
            }
        }
        let ready = r#"{"mark":"ready","at_ns":1,"worker":{"name":"n","engine":"e","device":"d",
            "weights":"none","output_phase":"decode","unit":"token"}}"#;
        let mut lines = vec![ready.to_owned()];
        for iteration in 1..=150_u64 {
            let at_ns = Nanos::from_seconds(BEGIN_S).get() + iteration * 400_000_000;
            for phase in ["prefill", "decode"] {
                lines.push(format!(
                    r#"{{"mark":"end","at_ns":{at_ns},"phase":"{phase}","work":1}}"#
                ));
            }
        }
        let marks = lines.iter().map(|line| Mark::parse(line).unwrap());
        let marks = marks.map(|mark| ReceivedMark {
            received_ns: mark.at(),
            mark,
        });
        (progress, marks.collect())
    }

    fn verdict(power_w: impl Fn(f64) -> f64) -> SteadyState {
        let (progress, marks) = window(power_w);
        progress
            .verdict(&marks, Nanos::from_seconds(BEGIN_S), PERIOD, Attempt::First)
            .unwrap()
    }

    #[test]
    fn constant_power_is_steady_from_the_beginning() {
        let verdict = verdict(|_| 500.0);
        assert!(
            matches!(verdict, SteadyState::Steady { from: 0 }),
            "{verdict:?}"
        );
    }

    #[test]
    fn phases_within_an_iteration_are_no_change() {
        // Three quarters of each iteration at twice the power of the rest.
        let verdict = verdict(|at_s| {
            if (at_s / 0.4).fract() < 0.75 {
                600.0
            } else {
                300.0
            }
        });
        assert!(matches!(verdict, SteadyState::Steady { .. }), "{verdict:?}");
    }

    #[test]
    fn a_late_step_and_a_ramp_call_for_more_time() {
        let step = verdict(|at_s| if at_s < 45.0 { 500.0 } else { 480.0 });
        assert!(
            matches!(step, SteadyState::Extend(Unsteady::LateChange { .. })),
            "{step:?}"
        );
        let ramp = verdict(|at_s| 500.0 + at_s / 60.0 * 15.0);
        assert!(matches!(ramp, SteadyState::Extend(_)), "{ramp:?}");
    }

    #[test]
    fn a_window_without_marks_cannot_be_judged() {
        let (progress, _) = window(|_| 500.0);
        let begin = Nanos::from_seconds(BEGIN_S);
        progress
            .verdict(&[], begin, PERIOD, Attempt::First)
            .expect_err("no iteration");
    }

    #[test]
    fn a_stretch_is_whole_iterations_of_a_second_or_more() {
        let ends = [0.4, 0.8, 1.2, 1.6, 3.0].map(Nanos::from_seconds);
        let lengths: Vec<(f64, u32)> = stretches(&ends, Nanos::new(0))
            .iter()
            .map(|stretch| (stretch.end_s - stretch.begin_s, stretch.iterations))
            .collect();
        assert_eq!(lengths, [(1.2, 3), (1.8, 2)]);
    }
}
