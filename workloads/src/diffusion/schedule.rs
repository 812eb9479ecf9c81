//! What samplers do: at which noise levels the network is asked, and which sums of samples and
//! predictions lead from one to the next.
//!
//! Every sampler here is linear in what it has seen. So a [`Schedule`] is data: for each step a time,
//! a factor for the network's input, and the coefficients of a few sums ([`Update`]), computed once
//! in f64. The loop that draws knows no sampler by name, and a recorded step serves all of them.
//!
//! Formulas are those of the papers named in each file, conventions (which times, what the last step
//! is) those of the released models, as `diffusers` runs them; the tests hold every trajectory
//! against it.

mod ddim;
mod dpm;
mod euler;
mod prediction;
mod spacing;
mod training;
#[cfg(test)]
mod trajectory;
mod unipc;
mod update;

use crate::job::word::{Scheduler, Word};

pub use prediction::Prediction;
pub use spacing::Spacing;
pub use training::Training;
pub use update::{Quantity, Update};

use spacing::Grid;

/// How a sampler gets from noise to a picture in so many steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Times that the network is asked at, one for each step, falling: 0 is a clean picture, and
    /// the number of trained noise levels is noise. Some samplers ask between the trained ones.
    pub times: Vec<f64>,
    /// Standard deviation of the sample that the first step begins with.
    pub initial_deviation: f64,
    /// What the sample is multiplied with before the network sees it, one for each step.
    pub input_scales: Vec<f64>,
    /// The sums of a step, in order.
    pub updates: Vec<Update>,
}

/// Why there is no such schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Too many steps or none.
    #[error(
        "the scheduler '{scheduler}' cannot take {steps} steps with {spacing} spacing: the model \
         has {trained} noise levels; choose 1 to {most} steps"
    )]
    Steps {
        /// Sampler.
        scheduler: &'static str,
        /// What was asked for.
        steps: usize,
        /// Where times lie.
        spacing: Spacing,
        /// Noise levels that the model was trained on.
        trained: usize,
        /// The most steps that there is a time for.
        most: usize,
    },
    /// A noise level that there cannot be.
    #[error(
        "noise is added with the variance {beta} at level {level}, expected more than 0 and less \
         than 1; correct the model's configuration"
    )]
    Beta {
        /// Which level.
        level: usize,
        /// Its variance.
        beta: String,
    },
    /// There is nothing to go back from.
    #[error("there are no noise levels, expected at least 2; correct the model's configuration")]
    Untrained,
}

impl Schedule {
    /// The schedule of a sampler with a model that was trained on these noise levels and predicts
    /// this. Without a `spacing`, the sampler's usual one.
    ///
    /// # Errors
    /// There are not as many different times as steps.
    pub fn new(
        scheduler: Scheduler,
        training: &Training,
        prediction: Prediction,
        spacing: Option<Spacing>,
        steps: usize,
    ) -> Result<Self, ScheduleError> {
        let spacing = spacing.unwrap_or_else(|| Spacing::usual(scheduler));
        let grid = Grid::of(scheduler);
        let trained = training.levels();
        let Some(times) = spacing.times(grid, trained, steps) else {
            return Err(ScheduleError::Steps {
                scheduler: scheduler.word(),
                steps,
                spacing,
                trained,
                most: spacing.most_steps(grid, trained),
            });
        };
        Ok(match scheduler {
            Scheduler::Ddim => ddim::schedule(training, prediction, times),
            Scheduler::Euler => euler::schedule(training, prediction, spacing, times),
            Scheduler::EulerAncestral => euler::ancestral(training, prediction, spacing, times),
            Scheduler::DpmPp2m => dpm::schedule(training, prediction, times),
            Scheduler::UniPc => unipc::schedule(training, prediction, times),
        })
    }

    /// How often the network is asked.
    pub fn steps(&self) -> usize {
        self.times.len()
    }

    /// Whether a step draws fresh noise.
    pub fn draws_noise(&self) -> bool {
        self.updates.iter().any(|update| update.draws_noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(scheduler: Scheduler, spacing: Option<Spacing>, steps: usize) -> Schedule {
        let training = Training::stable_diffusion();
        Schedule::new(scheduler, &training, Prediction::Noise, spacing, steps).expect("possible")
    }

    #[test]
    fn every_step_has_a_time_a_scale_and_finite_coefficients() {
        for scheduler in Scheduler::ALL {
            for steps in [1, 2, 3, 20, 100] {
                let schedule = schedule(*scheduler, None, steps);
                assert_eq!(schedule.steps(), steps);
                assert_eq!(schedule.input_scales.len(), steps);
                for update in &schedule.updates {
                    assert_eq!(update.coefficients.len(), steps);
                    for row in &update.coefficients {
                        assert_eq!(
                            row.len(),
                            update.terms.len() + usize::from(update.draws_noise)
                        );
                        assert!(row.iter().all(|value| value.is_finite()), "{scheduler:?}");
                    }
                }
                let noisy = *scheduler == Scheduler::EulerAncestral;
                assert_eq!(schedule.draws_noise(), noisy);
            }
        }
    }

    #[test]
    fn steps_beyond_the_noise_levels_are_refused_with_the_most() {
        let training = Training::stable_diffusion();
        for (scheduler, spacing, steps, most) in [
            (Scheduler::Ddim, Spacing::Leading, 0, 999),
            (Scheduler::Ddim, Spacing::Leading, 1000, 999),
            (Scheduler::Euler, Spacing::Linspace, 1001, 1000),
            (Scheduler::EulerAncestral, Spacing::Trailing, 1001, 1000),
            (Scheduler::DpmPp2m, Spacing::Leading, 999, 998),
            (Scheduler::UniPc, Spacing::Linspace, 1000, 999),
        ] {
            let new = |steps| {
                let noise = Prediction::Noise;
                Schedule::new(scheduler, &training, noise, Some(spacing), steps)
            };
            new(most).expect("the most");
            let message = new(steps).expect_err("too many").to_string();
            assert_eq!(
                message,
                format!(
                    "the scheduler '{}' cannot take {steps} steps with {spacing} spacing: the \
                     model has 1000 noise levels; choose 1 to {most} steps",
                    scheduler.word()
                )
            );
        }
    }

    #[test]
    fn a_scheduler_that_nobody_knows_is_none() {
        assert_eq!(Scheduler::parse("heun"), None);
        assert_eq!(Scheduler::parse("unipc"), Some(Scheduler::UniPc));
    }

    /// Tables of four steps, to six digits.
    #[test]
    fn coefficients_of_four_steps() {
        let rounded = |value: &f64| -> f64 { format!("{value:.5e}").parse().expect("a number") };
        let tables: Vec<_> = Scheduler::ALL
            .iter()
            .map(|scheduler| {
                let schedule = schedule(*scheduler, None, 4);
                let list = |values: &[f64]| values.iter().map(rounded).collect::<Vec<_>>();
                let updates: Vec<_> = schedule
                    .updates
                    .iter()
                    .map(|update| {
                        let rows = &update.coefficients;
                        serde_json::json!({
                            "sum": update.to_string(),
                            "rows": rows.iter().map(|row| list(row)).collect::<Vec<_>>(),
                        })
                    })
                    .collect();
                serde_json::json!({
                    "scheduler": scheduler.word(),
                    "times": list(&schedule.times),
                    "initial_deviation": rounded(&schedule.initial_deviation),
                    "input_scales": list(&schedule.input_scales),
                    "updates": updates,
                })
            })
            .collect();
        let lines: Vec<String> = tables.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!("coefficients_of_four_steps", lines.join("\n"));
    }
}
