//! The loop: loss, gradients, their length, a step.

use std::collections::BTreeMap;

use candle_core::Var;
use candle_core::backprop::GradStore;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{Course, Recipe, STORED, Variables};
use crate::Error;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Loss of the last one.
    pub loss: f64,
}

/// What a training has come to.
pub struct Trained {
    /// The variables as they are now.
    pub variables: Variables,
    /// Loss of each step.
    pub losses: Vec<f64>,
    /// Metrics on held-out documents.
    pub held_out: BTreeMap<String, f64>,
    /// The recipe, with the steps that were taken.
    pub recipe: Recipe,
    /// Seed of the variables and of the order of documents.
    pub seed: u64,
}

/// Takes a course from the beginning.
///
/// # Errors
/// A variable has no gradient or does not move, the loss is no number, or the device failed.
pub fn run(
    course: &dyn Course,
    steps: usize,
    seed: u64,
    observe: &mut dyn FnMut(Progress),
) -> Result<Trained, Error> {
    let recipe = Recipe {
        steps,
        ..course.recipe()
    };
    let variables = Variables::seeded(seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut losses = Vec::with_capacity(steps);
    let mut optimiser = None;
    let mut at_first = BTreeMap::new();
    for step in 0..steps {
        #[expect(clippy::cast_precision_loss, reason = "steps are far fewer than 2^53")]
        let way = step as f64 / steps as f64;
        let loss = course.loss(&variables.builder(), &mut rng, way)?;
        let mut gradients = loss.backward()?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
        if !loss.is_finite() {
            return Err(Error::Training(format!(
                "the loss of step {step} is {loss}, expected a number; lower the step size"
            )));
        }
        if step == 0 {
            variables.check_gradients(&gradients)?;
            at_first = variables.values()?;
        }
        let sorted: Vec<Var> = variables.sorted().into_iter().map(|(_, var)| var).collect();
        clip(&mut gradients, &sorted, recipe.clip)?;
        let optimiser = match &mut optimiser {
            Some(optimiser) => optimiser,
            None => optimiser.insert(adam(sorted, &recipe)?),
        };
        optimiser.set_learning_rate(recipe.learning_rate_of(step));
        optimiser.step(&gradients)?;
        if step == 0 {
            variables.check_moved(&at_first)?;
        }
        losses.push(loss);
        observe(Progress {
            step: step + 1,
            steps,
            loss,
        });
    }
    // What is judged is what is stored.
    variables.round_to(STORED)?;
    Ok(Trained {
        held_out: course.judge(&variables.builder())?,
        variables,
        losses,
        recipe,
        seed,
    })
}

fn adam(variables: Vec<Var>, recipe: &Recipe) -> Result<AdamW, Error> {
    let parameters = ParamsAdamW {
        lr: recipe.learning_rate,
        beta1: 0.9,
        beta2: 0.98,
        eps: 1e-8,
        weight_decay: recipe.weight_decay,
    };
    Ok(AdamW::new(variables, parameters)?)
}

impl Recipe {
    /// Step size of a step: up in a line, down along half a cosine.
    #[expect(clippy::cast_precision_loss, reason = "steps are far fewer than 2^53")]
    fn learning_rate_of(&self, step: usize) -> f64 {
        let warm_up = (self.steps / 20).max(1);
        if step < warm_up {
            return self.learning_rate * (step + 1) as f64 / warm_up as f64;
        }
        let way = (step - warm_up) as f64 / (self.steps - warm_up).max(1) as f64;
        let fall = f64::midpoint(1.0, (std::f64::consts::PI * way).cos());
        self.learning_rate * (0.05 + 0.95 * fall)
    }
}

/// Shortens all gradients by one factor, so that together they are no longer than `limit`.
fn clip(gradients: &mut GradStore, variables: &[Var], limit: f64) -> Result<(), Error> {
    let mut square = 0.0;
    for variable in variables {
        if let Some(gradient) = gradients.get(variable) {
            square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
    }
    let length = square.sqrt();
    if length <= limit {
        return Ok(());
    }
    for variable in variables {
        if let Some(gradient) = gradients.remove(variable) {
            gradients.insert(variable, (gradient * (limit / length))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    const RECIPE: Recipe = Recipe {
        steps: 100,
        batch: 1,
        learning_rate: 1.0,
        weight_decay: 0.0,
        clip: 1.0,
    };

    #[test]
    fn the_step_size_rises_and_falls() {
        let sizes: Vec<f64> = (0..100).map(|step| RECIPE.learning_rate_of(step)).collect();
        assert_eq!(sizes[0], 0.2);
        assert_eq!(sizes[4], 1.0);
        assert!(sizes[4..].is_sorted_by(|a, b| a >= b));
        assert!((0.05..0.06).contains(&sizes[99]), "{}", sizes[99]);
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_left() {
        let variable = Var::new(&[3f32, 4.], &Device::Cpu).expect("made");
        // Half the square of the length: the gradient is the value, of length 5.
        let loss = |scale: f64| {
            (variable.sqr().and_then(|v| v.sum_all()).expect("sums") * (scale / 2.0))
                .expect("scales")
        };
        let clipped = |scale: f64| {
            let mut gradients = loss(scale).backward().expect("goes back");
            clip(&mut gradients, std::slice::from_ref(&variable), 1.0).expect("clips");
            let gradient: &Tensor = gradients.get(&variable).expect("there");
            gradient.to_vec1::<f32>().expect("a vector")
        };
        assert_eq!(clipped(1.0), [0.6, 0.8]);
        assert_eq!(clipped(0.125), [0.375, 0.5]);
    }
}
