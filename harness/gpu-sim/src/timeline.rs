//! What truly happened: steps between which nothing changes, and the exact integral over them.

use model::units::{Joules, Nanos, Seconds, Watts};

use crate::execution::Activity;

/// What holds during a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Power of the board.
    pub power: Watts,
    /// Of that, power of the memory.
    pub memory_power: Watts,
    /// Core clock in MHz.
    pub core_mhz: u32,
    /// Memory clock in MHz.
    pub memory_mhz: u32,
    /// Temperature of the chip at the beginning of the step, in °C.
    pub temperature_c: f64,
    /// Bits of `nvmlClocksEventReasons`.
    pub event_reasons: u64,
    /// Shares of what the board could do.
    pub activity: Activity,
}

/// A step, and the integrals from the origin up to its beginning.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: Nanos,
    level: Level,
    energy: Joules,
    memory_energy: Joules,
    active: Activity,
}

/// Levels over time. The last one holds until another follows.
#[derive(Clone, Debug)]
pub struct Timeline {
    origin: Nanos,
    steps: Vec<Step>,
}

impl Timeline {
    /// A level from the given moment on, which is also the origin of the integrals.
    pub fn new(at: Nanos, level: Level) -> Self {
        Self {
            origin: at,
            steps: vec![Step {
                at,
                level,
                energy: Joules::new(0.0),
                memory_energy: Joules::new(0.0),
                active: Activity::default(),
            }],
        }
    }

    /// The level changes; a moment before the last change counts as the last change.
    pub fn change(&mut self, at: Nanos, level: Level) {
        let last = *self.last();
        let at = at.max(last.at);
        if at == last.at {
            self.steps.pop();
        }
        self.steps.push(Step {
            at,
            level,
            energy: last.energy_at(at),
            memory_energy: last.memory_energy_at(at),
            active: last.active_at(at),
        });
    }

    /// The origin of the integrals.
    pub fn origin(&self) -> Nanos {
        self.origin
    }

    /// What holds at a moment; before the first step that of the first.
    pub fn level(&self, at: Nanos) -> &Level {
        &self.step_at(at).level
    }

    /// Power at a moment.
    pub fn power(&self, at: Nanos) -> Watts {
        self.level(at).power
    }

    /// Energy from the origin to a moment; zero before the origin.
    pub fn energy(&self, at: Nanos) -> Joules {
        self.step_at(at).energy_at(at)
    }

    /// Energy between two moments.
    pub fn energy_between(&self, from: Nanos, to: Nanos) -> Joules {
        self.energy(to) - self.energy(from)
    }

    /// Energy of the memory from the origin to a moment.
    pub fn memory_energy(&self, at: Nanos) -> Joules {
        self.step_at(at).memory_energy_at(at)
    }

    /// Seconds of full activity from the origin to a moment.
    pub fn active(&self, at: Nanos) -> Activity {
        self.step_at(at).active_at(at)
    }

    /// Mean power over the time before a moment. Where the window reaches beyond the origin, the
    /// first level stands in for what was before.
    pub fn mean_power(&self, until: Nanos, window: Nanos) -> Watts {
        self.mean(until, window, |step| step.level.power, Self::energy)
    }

    /// Mean power of the memory over the time before a moment.
    pub fn mean_memory_power(&self, until: Nanos, window: Nanos) -> Watts {
        self.mean(
            until,
            window,
            |step| step.level.memory_power,
            Self::memory_energy,
        )
    }

    fn mean(
        &self,
        until: Nanos,
        window: Nanos,
        level: impl Fn(&Step) -> Watts,
        energy: impl Fn(&Self, Nanos) -> Joules,
    ) -> Watts {
        let known = Nanos::new(until.saturating_sub(self.origin).get().min(window.get()));
        let before = Seconds::from(window.saturating_sub(known));
        let first = self.steps.first().map_or(Watts::new(0.0), level);
        let sum = energy(self, until) - energy(self, until.saturating_sub(known)) + first * before;
        sum / Seconds::from(window)
    }

    /// Drops what ended before a moment; integrals and everything after it stay as they are.
    pub fn forget_before(&mut self, at: Nanos) {
        let kept_from = self.steps.partition_point(|step| step.at <= at);
        self.steps.drain(..kept_from.saturating_sub(1));
    }

    /// How many steps are kept.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Never: a timeline begins with a step and keeps its last.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Beginnings and levels of the steps that are kept.
    pub fn steps(&self) -> impl Iterator<Item = (Nanos, &Level)> {
        self.steps.iter().map(|step| (step.at, &step.level))
    }

    fn step_at(&self, at: Nanos) -> &Step {
        // Questions are nearly always about the last moments.
        if let Some(last) = self.steps.last()
            && last.at <= at
        {
            return last;
        }
        let after = self.steps.partition_point(|step| step.at <= at);
        &self.steps[after.saturating_sub(1)]
    }

    fn last(&self) -> &Step {
        self.steps
            .last()
            .expect("a timeline is made with one step and never loses its last")
    }
}

impl Step {
    fn energy_at(&self, at: Nanos) -> Joules {
        self.energy + self.level.power * Seconds::from(at.saturating_sub(self.at))
    }

    fn memory_energy_at(&self, at: Nanos) -> Joules {
        self.memory_energy + self.level.memory_power * Seconds::from(at.saturating_sub(self.at))
    }

    fn active_at(&self, at: Nanos) -> Activity {
        let seconds = Seconds::from(at.saturating_sub(self.at)).get();
        self.active.plus(&self.level.activity.times(seconds))
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "durations of a second and less")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watts(power: f64) -> Level {
        Level {
            power: Watts::new(power),
            ..Level::default()
        }
    }

    #[test]
    fn a_hundred_watts_for_two_seconds_are_two_hundred_joules() {
        let mut timeline = Timeline::new(Nanos::new(0), watts(100.0));
        timeline.change(Nanos::from_seconds(2.0), watts(0.0));
        let energy = timeline.energy_between(Nanos::new(0), Nanos::from_seconds(5.0));
        assert!((energy.get() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn a_mean_over_more_than_there_was_takes_the_first_level() {
        let mut timeline = Timeline::new(Nanos::from_seconds(10.0), watts(100.0));
        timeline.change(Nanos::from_seconds(10.5), watts(300.0));
        let mean = timeline.mean_power(Nanos::from_seconds(11.0), Nanos::from_seconds(4.0));
        assert!((mean.get() - (3.5 * 100.0 + 0.5 * 300.0) / 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_mean_is_that_of_the_first_level_at_and_before_the_origin() {
        for origin_s in [0.0, 0.5, 10.0] {
            let origin = Nanos::from_seconds(origin_s);
            let timeline = Timeline::new(origin, watts(100.0));
            for until_s in [origin_s, origin_s + 0.25, (origin_s - 0.1).max(0.0)] {
                let mean =
                    timeline.mean_power(Nanos::from_seconds(until_s), Nanos::from_seconds(1.0));
                assert!(
                    (mean.get() - 100.0).abs() < 1e-9,
                    "{origin_s} {until_s}: {mean:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn the_integral_is_the_sum_over_the_steps_and_forgetting_changes_nothing(
            steps in proptest::collection::vec((1u64..1_000_000_000, 0.0f64..700.0), 1..50)
        ) {
            let mut timeline = Timeline::new(Nanos::new(0), watts(0.0));
            let (mut at, mut power, mut expected) = (0, 0.0, 0.0);
            for (duration, next) in steps {
                expected += power * duration as f64 / 1e9;
                at += duration;
                power = next;
                timeline.change(Nanos::new(at), watts(power));
            }
            let energy = timeline.energy(Nanos::new(at)).get();
            prop_assert!((energy - expected).abs() <= 1e-9 * expected.max(1.0));
            let mut short = timeline.clone();
            short.forget_before(Nanos::new(at / 2));
            prop_assert_eq!(short.energy(Nanos::new(at)), timeline.energy(Nanos::new(at)));
            prop_assert_eq!(short.power(Nanos::new(at / 2)), timeline.power(Nanos::new(at / 2)));
            prop_assert!(short.len() <= timeline.len());
        }

        #[test]
        fn energy_never_falls(a in 0u64..4_000_000_000, b in 0u64..4_000_000_000) {
            let mut timeline = Timeline::new(Nanos::new(0), watts(75.0));
            timeline.change(Nanos::from_seconds(1.0), watts(500.0));
            timeline.change(Nanos::from_seconds(2.0), watts(75.0));
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(timeline.energy(Nanos::new(early)) <= timeline.energy(Nanos::new(late)));
        }
    }
}
