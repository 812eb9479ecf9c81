//! A schedule on a device: one recorded step serves all of its steps.
//!
//! Samples are in f32 whatever the network computes in: their coefficients are large and nearly
//! cancel.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use ops::Start;
use ops::sampler::{Coefficients, Noise, step};
use ops::sequence::append;

use super::schedule::{Quantity, Schedule};

/// A schedule, its samples, and the number of the step.
pub struct Sampler {
    steps: usize,
    noise: Noise,
    /// The deviation of the first sample, in the row behind the last step.
    initial: Coefficients,
    input: Coefficients,
    /// One, for a copy.
    output: Coefficients,
    updates: Vec<DeviceUpdate>,
    state: BTreeMap<Quantity, Tensor>,
    /// Number of the step, u32 `[1]`.
    number: Tensor,
    /// 0, u32 `[1]`.
    first: Tensor,
    /// Where the numbers of past steps are written down, u32 `[1, steps + 1]`: moving the number is
    /// what a growing sequence does.
    past: Tensor,
}

struct DeviceUpdate {
    target: Quantity,
    terms: &'static [Quantity],
    draws_noise: bool,
    coefficients: Coefficients,
}

impl Sampler {
    /// Samples of this shape, the pictures first, with noise from a seed.
    ///
    /// # Errors
    /// The schedule has no steps, or the device is out of memory.
    pub fn new(
        schedule: &Schedule,
        shape: impl Into<Shape>,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let (shape, steps) = (shape.into(), schedule.steps());
        let zeros = || Tensor::zeros(&shape, DType::F32, device);
        let mut state = BTreeMap::from([(Quantity::Sample, zeros()?)]);
        let mut keep = |quantity: Quantity| -> Result<()> {
            if let Entry::Vacant(place) = state.entry(quantity) {
                place.insert(zeros()?);
            }
            Ok(())
        };
        let mut updates = Vec::with_capacity(schedule.updates.len());
        for update in &schedule.updates {
            keep(update.target)?;
            for term in update.terms {
                if *term != Quantity::Output {
                    keep(*term)?;
                }
            }
            updates.push(DeviceUpdate {
                target: update.target,
                terms: update.terms,
                draws_noise: update.draws_noise,
                coefficients: table(&update.coefficients, device)?,
            });
        }
        let mut initial = vec![vec![0.0]; steps];
        initial.push(vec![schedule.initial_deviation]);
        let input: Vec<Vec<f64>> = schedule.input_scales.iter().map(|x| vec![*x]).collect();
        Ok(Self {
            steps,
            noise: Noise { seed, first: 0 },
            initial: table(&initial, device)?,
            input: table(&input, device)?,
            output: table(&[vec![1.0]], device)?,
            updates,
            state,
            number: Tensor::zeros(1, DType::U32, device)?,
            first: Tensor::zeros(1, DType::U32, device)?,
            past: Tensor::zeros((1, steps + 1), DType::U32, device)?,
        })
    }

    /// Bytes of a sampler, but for its tables.
    pub fn bytes(schedule: &Schedule, values: usize) -> u64 {
        let mut kept: Vec<Quantity> = schedule
            .updates
            .iter()
            .flat_map(|update| update.terms.iter().copied().chain([update.target]))
            .filter(|quantity| *quantity != Quantity::Output)
            .collect();
        kept.sort_unstable();
        kept.dedup();
        (kept.len() * values * DType::F32.size_in_bytes()) as u64
    }

    /// How many steps there are.
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Number of the step, u32 `[1]`.
    pub const fn number(&self) -> &Tensor {
        &self.number
    }

    /// The noisy picture.
    pub fn sample(&self) -> &Tensor {
        &self.state[&Quantity::Sample]
    }

    /// Begins with noise.
    ///
    /// # Errors
    /// The device failed.
    pub fn start(&self) -> Result<()> {
        self.number.slice_set(&self.first, 0, 0)?;
        let (behind, noise) = (Start::At(self.steps), Some(self.noise));
        step(&self.initial, behind, &[], noise, self.sample())
    }

    /// Writes what the network is to see, in its number format.
    ///
    /// # Errors
    /// The shape is not that of the samples, or the device failed.
    pub fn feed(&self, input: &Tensor) -> Result<()> {
        let number = Start::Device(&self.number);
        step(&self.input, number, &[self.sample()], None, input)
    }

    /// Takes a step with what the network said, and moves on to the next.
    ///
    /// # Errors
    /// The shape is not that of the samples, or the device failed.
    pub fn advance(&self, output: &Tensor) -> Result<()> {
        let number = Start::Device(&self.number);
        for update in &self.updates {
            let mut terms = Vec::with_capacity(update.terms.len());
            for term in update.terms {
                terms.push(match term {
                    Quantity::Output => output,
                    kept => &self.state[kept],
                });
            }
            let Some(target) = self.state.get(&update.target) else {
                bail!("a schedule writes to the output of the network");
            };
            let noise = update.draws_noise.then_some(self.noise);
            step(&update.coefficients, number, &terms, noise, target)?;
        }
        append(&self.first, &self.number, &self.past)
    }

    /// Copies the sample, in another number format.
    ///
    /// # Errors
    /// The shape is not that of the samples, or the device failed.
    pub fn finish(&self, latents: &Tensor) -> Result<()> {
        step(&self.output, Start::At(0), &[self.sample()], None, latents)
    }
}

/// Coefficients as the device has them.
fn table(rows: &[Vec<f64>], device: &Device) -> Result<Coefficients> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "computed in f64 to be rounded once, here"
    )]
    let row = |row: &Vec<f64>| row.iter().map(|value| *value as f32).collect();
    let rows: Vec<Vec<f32>> = rows.iter().map(row).collect();
    Coefficients::new(&rows, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::schedule::{Prediction, Training};
    use crate::job::word::{Scheduler, Word};

    fn sampler(scheduler: Scheduler, steps: usize) -> (Schedule, Sampler) {
        let training = Training::stable_diffusion();
        let schedule = Schedule::new(scheduler, &training, Prediction::Noise, None, steps);
        let schedule = schedule.expect("possible");
        let sampler = Sampler::new(&schedule, (1, 2, 2, 4), 7, &Device::Cpu).expect("fits");
        (schedule, sampler)
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        let flat = tensor.flatten_all().expect("a tensor");
        flat.to_vec1().expect("on the CPU")
    }

    /// A network that says a third of what it sees; the host does the same by hand.
    #[test]
    fn a_device_does_what_the_schedule_says() {
        for scheduler in Scheduler::ALL {
            let (schedule, sampler) = sampler(*scheduler, 5);
            sampler.start().expect("runs");
            let mut state: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
            let first = values(sampler.sample());
            let deviation = first.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 16.0;
            let ratio = deviation.sqrt() / schedule.initial_deviation;
            assert!((0.4..1.8).contains(&ratio), "{ratio}");
            state.insert(Quantity::Sample, first.into_iter().map(f64::from).collect());
            let input = sampler.sample().zeros_like().expect("fits");
            for number in 0..schedule.steps() {
                sampler.feed(&input).expect("runs");
                let output = (&input / 3.0).expect("runs");
                sampler.advance(&output).expect("runs");
                if schedule.draws_noise() {
                    continue;
                }
                let output = state[&Quantity::Sample].iter();
                let output = output.map(|x| x * schedule.input_scales[number] / 3.0);
                state.insert(Quantity::Output, output.collect());
                for update in &schedule.updates {
                    let mut sum = vec![0.0; 16];
                    for (term, c) in update.terms.iter().zip(&update.coefficients[number]) {
                        for (sum, value) in
                            sum.iter_mut().zip(state.get(term).into_iter().flatten())
                        {
                            *sum += c * value;
                        }
                    }
                    state.insert(update.target, sum);
                }
            }
            let last = values(sampler.sample());
            assert!(last.iter().all(|value| value.is_finite()));
            if !schedule.draws_noise() {
                let expected = &state[&Quantity::Sample];
                let largest = expected.iter().fold(0f64, |max, v| max.max(v.abs()));
                for (found, expected) in last.iter().zip(expected) {
                    let apart = (f64::from(*found) - expected).abs() / largest;
                    assert!(apart < 1e-5, "{scheduler:?}: {apart}");
                }
            }
            // From the start again, the same.
            sampler.start().expect("runs");
            for _ in 0..schedule.steps() {
                sampler.feed(&input).expect("runs");
                sampler
                    .advance(&(&input / 3.0).expect("runs"))
                    .expect("runs");
            }
            assert_eq!(values(sampler.sample()), last);
            assert!(sampler.advance(&input).is_err(), "there is no further step");
        }
    }
}
