//! Variables of a network in training: seeded by name, held in the order of their names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::Error;

/// Variables by name. Copies are the same variables.
#[derive(Clone)]
pub struct Variables {
    seed: u64,
    named: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl Variables {
    /// None yet: each is made when a network asks for it, from the seed and its name.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            named: Arc::default(),
        }
    }

    /// As weights that a network takes. What it makes of them on loading is computed from the
    /// variables as they are then, so it is loaded again for each step.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu)
    }

    /// The variables, in the order of their names: a sum over them is then always the same.
    pub fn sorted(&self) -> Vec<(String, Var)> {
        self.lock()
            .iter()
            .map(|(name, variable)| (name.clone(), variable.clone()))
            .collect()
    }

    /// Copies of the values, by name.
    ///
    /// # Errors
    /// The device failed.
    pub fn values(&self) -> Result<BTreeMap<String, Tensor>> {
        self.lock()
            .iter()
            .map(|(name, variable)| Ok((name.clone(), variable.as_tensor().copy()?)))
            .collect()
    }

    /// Rounds every variable to a number format.
    ///
    /// # Errors
    /// The device failed.
    pub fn round_to(&self, format: DType) -> Result<()> {
        for (_, variable) in self.sorted() {
            // Nothing to round; and a variable cannot be set to itself.
            if variable.dtype() == format {
                continue;
            }
            let rounded = variable.to_dtype(format)?.to_dtype(variable.dtype())?;
            variable.set(&rounded)?;
        }
        Ok(())
    }

    /// Refuses a network of which some variable takes no part in the loss: candle cuts gradients
    /// silently at operations without a derivative.
    ///
    /// # Errors
    /// The first variable without a gradient.
    pub fn check_gradients(&self, gradients: &GradStore) -> std::result::Result<(), Error> {
        match self
            .lock()
            .iter()
            .find(|(_, variable)| gradients.get(variable).is_none())
        {
            None => Ok(()),
            Some((name, _)) => Err(Error::Training(format!(
                "variable '{name}' has no gradient; is there an operation without a derivative on \
                 its way to the loss?"
            ))),
        }
    }

    /// Refuses a training in which some variable still has the values that it had.
    ///
    /// # Errors
    /// The first such variable, or the device failed.
    pub fn check_moved(&self, since: &BTreeMap<String, Tensor>) -> std::result::Result<(), Error> {
        for (name, variable) in self.lock().iter() {
            let Some(before) = since.get(name) else {
                return Err(Error::Training(format!("variable '{name}' came later")));
            };
            let moved = variable.sub(before)?.abs()?.sum_all()?.to_scalar::<f32>()?;
            // A value that is no number is not above zero either.
            if moved.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
                return Err(Error::Training(format!(
                    "variable '{name}' moved by {moved}, expected more than 0"
                )));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, shape: &Shape, name: &str, init: Init) -> Vec<f32> {
        let key = Sha256::new()
            .chain_update(b"joulebench training 1\0")
            .chain_update(self.seed.to_le_bytes())
            .chain_update(name.as_bytes())
            .finalize();
        let mut rng = ChaCha8Rng::from_seed(key.into());
        let count = shape.elem_count();
        let fan_in = shape.dims().last().copied().unwrap_or(1).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a fan-in is far below 2^53")]
        let usual = 1.0 / (fan_in as f64).sqrt();
        match init {
            Init::Const(value) => vec![single(value); count],
            Init::Uniform { lo, up } => (0..count)
                .map(|_| single(lo + (up - lo) * uniform(&mut rng)))
                .collect(),
            Init::Randn { mean, stdev } => normal(&mut rng, count, mean, stdev),
            Init::Kaiming { .. } => normal(&mut rng, count, 0.0, usual),
        }
    }
}

/// Sums of twelve uniform numbers less six: nearly normal, and without a logarithm, which differs
/// between machines.
fn normal(rng: &mut ChaCha8Rng, count: usize, mean: f64, deviation: f64) -> Vec<f32> {
    (0..count)
        .map(|_| {
            let sum: f64 = (0..12).map(|_| uniform(rng)).sum();
            single(mean + deviation * (sum - 6.0))
        })
        .collect()
}

/// From 0 to 1, in steps of 2^-32.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "variables are in f32")]
const fn single(value: f64) -> f32 {
    value as f32
}

impl SimpleBackend for Variables {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut named = self.lock();
        let variable = if let Some(variable) = named.get(name) {
            variable
        } else {
            let values = self.draw(&shape, name, init);
            let tensor = Tensor::from_vec(values, shape.clone(), device)?.to_dtype(dtype)?;
            named
                .entry(name.to_owned())
                .or_insert(Var::from_tensor(&tensor)?)
        };
        if variable.shape() != &shape {
            bail!(
                "variable '{name}' has the shape {:?}, asked for {shape:?}",
                variable.shape()
            );
        }
        Ok(variable.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        match self.lock().get(name) {
            Some(variable) => Ok(variable.as_tensor().clone()),
            None => bail!("variable '{name}' has no shape yet"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use candle_nn::ops;

    use super::*;

    fn ask(variables: &Variables, name: &str) -> Tensor {
        let init = Init::Randn {
            mean: 0.0,
            stdev: 2.0,
        };
        variables
            .builder()
            .get_with_hints((64, 64), name, init)
            .expect("made")
    }

    #[test]
    fn values_depend_on_seed_and_name_alone() {
        let values = |tensor: &Tensor| tensor.to_vec2::<f32>().expect("a matrix").concat();
        let (one, two) = (Variables::seeded(1), Variables::seeded(1));
        let a = values(&ask(&one, "a"));
        let b = values(&ask(&two, "b"));
        assert_eq!(a, values(&ask(&two, "a")));
        assert_ne!(a, b);
        assert_ne!(a, values(&ask(&Variables::seeded(2), "a")));
        let variance = a.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 4096.0;
        // Five standard errors of a variance over 4,096 values around 4.
        assert!((variance - 4.0).abs() < 0.45, "{variance}");
        let names: Vec<String> = two.sorted().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn rounded_variables_keep_their_type() {
        let variables = Variables::seeded(1);
        let before = ask(&variables, "a");
        let same = variables.round_to(DType::F32);
        same.expect("nothing to round");
        variables.round_to(DType::F16).expect("rounds");
        let after = ask(&variables, "a");
        assert_eq!(after.dtype(), DType::F32);
        let expected = before
            .to_dtype(DType::F16)
            .and_then(|t| t.to_dtype(DType::F32)?.to_vec2::<f32>());
        assert_eq!(after.to_vec2::<f32>().ok(), expected.ok());
    }

    /// The trap: candle's own softmax over the last dimension has no derivative.
    #[test]
    fn a_cut_gradient_is_an_error_with_the_name_of_the_variable() {
        let variables = Variables::seeded(1);
        let loss = ops::softmax_last_dim(&ask(&variables, "cut"))
            .and_then(|x| x.sqr()?.sum_all())
            .expect("computes");
        let gradients = loss.backward().expect("goes back");
        let error = variables.check_gradients(&gradients).expect_err("cut");
        assert!(
            error.to_string().contains("'cut' has no gradient"),
            "{error}"
        );
        let before = variables.values().expect("copies");
        let error = variables.check_moved(&before).expect_err("rests");
        assert!(error.to_string().contains("'cut' moved by 0"), "{error}");
    }
}
