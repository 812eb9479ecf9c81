//! Piecewise constant power and its exact integral.

use model::units::{Joules, Nanos, Seconds, Watts};

/// Power over time as steps; the energy up to each step is kept, so that the integral up to any
/// moment costs one binary search.
#[derive(Clone, Debug)]
pub struct Timeline {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: Nanos,
    power: Watts,
    energy_before: Joules,
}

impl Timeline {
    /// Constant power from the given moment, which is also the origin of the energy.
    pub fn new(at: Nanos, power: Watts) -> Self {
        Self {
            steps: vec![Step {
                at,
                power,
                energy_before: Joules::new(0.0),
            }],
        }
    }

    /// Power changes at `at`; a moment before the last change counts as the last change.
    pub fn set_power(&mut self, at: Nanos, power: Watts) {
        let last = self.last();
        let at = at.max(last.at);
        let energy_before =
            last.energy_before + last.power * Seconds::from(at.saturating_sub(last.at));
        if at == last.at {
            self.steps.pop();
        }
        self.steps.push(Step {
            at,
            power,
            energy_before,
        });
    }

    /// Power at a moment; before the origin that of the origin.
    pub fn power(&self, at: Nanos) -> Watts {
        self.step_at(at).power
    }

    /// Energy from the origin to a moment; zero before the origin.
    pub fn energy(&self, at: Nanos) -> Joules {
        let step = self.step_at(at);
        step.energy_before + step.power * Seconds::from(at.saturating_sub(step.at))
    }

    /// Energy between two moments.
    pub fn energy_between(&self, from: Nanos, to: Nanos) -> Joules {
        self.energy(to) - self.energy(from)
    }

    fn step_at(&self, at: Nanos) -> Step {
        let after = self.steps.partition_point(|step| step.at <= at);
        self.steps[after.saturating_sub(1)]
    }

    fn last(&self) -> Step {
        *self
            .steps
            .last()
            .expect("a timeline is made with one step and never loses its last")
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "durations of a second and less")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_watts_for_two_seconds_are_two_hundred_joules() {
        let mut timeline = Timeline::new(Nanos::new(0), Watts::new(100.0));
        timeline.set_power(Nanos::from_seconds(2.0), Watts::new(0.0));
        let energy = timeline.energy_between(Nanos::new(0), Nanos::from_seconds(5.0));
        assert!((energy.get() - 200.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_integral_is_the_sum_over_the_steps(
            steps in proptest::collection::vec((1u64..1_000_000_000, 0.0f64..700.0), 1..50)
        ) {
            let mut timeline = Timeline::new(Nanos::new(0), Watts::new(0.0));
            let (mut at, mut power, mut expected) = (0, 0.0, 0.0);
            for (duration, next) in steps {
                expected += power * duration as f64 / 1e9;
                at += duration;
                power = next;
                timeline.set_power(Nanos::new(at), Watts::new(power));
            }
            let energy = timeline.energy(Nanos::new(at)).get();
            prop_assert!((energy - expected).abs() <= 1e-9 * expected.max(1.0));
        }

        #[test]
        fn energy_never_falls(a in 0u64..4_000_000_000, b in 0u64..4_000_000_000) {
            let mut timeline = Timeline::new(Nanos::new(0), Watts::new(75.0));
            timeline.set_power(Nanos::from_seconds(1.0), Watts::new(500.0));
            timeline.set_power(Nanos::from_seconds(2.0), Watts::new(75.0));
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(timeline.energy(Nanos::new(early)) <= timeline.energy(Nanos::new(late)));
        }
    }
}
