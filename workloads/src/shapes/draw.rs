//! Drawing: from noise to pictures, by any of the samplers, with the composition of one's choice.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use ops::Start;
use ops::sampler::{self, Coefficients, Noise};

use super::batch::SIDE;
use super::caption::Caption;
use super::compose::Compose;
use super::denoiser::{LEVELS, VARIANCES, conditions, network, places};
use crate::Error;
use crate::diffusion::schedule::{Prediction, Quantity, Schedule, Spacing, Training};
use crate::job::word::Scheduler;

/// How pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Which sampler.
    pub scheduler: Scheduler,
    /// How often the network is asked.
    pub steps: usize,
    /// How much more the caption counts than it does by itself; 1 asks the network once a step.
    pub guidance: f64,
    /// Seed of the noise.
    pub seed: u64,
    /// Number of the first picture: each has noise of its own, whatever batch it is drawn in.
    pub first: usize,
}

impl Manner {
    /// Whether the network is asked without a caption too.
    pub fn is_guided(&self) -> bool {
        self.guidance > 1.0
    }
}

/// The noise levels that the network learned.
///
/// # Panics
/// Never: the variances are between 0 and 1.
pub fn training() -> Training {
    let [first, last] = VARIANCES;
    Training::scaled_linear(first, last, LEVELS).expect("variances between 0 and 1")
}

/// Everything that drawing needs; nothing is allocated after the first drawing.
pub struct Easel {
    manner: Manner,
    schedule: Schedule,
    sums: Vec<Coefficients>,
    input_scales: Coefficients,
    kept: BTreeMap<Quantity, Tensor>,
    /// What the network sees: without captions, then with them, where it is guided.
    inputs: Vec<Tensor>,
    input: Tensor,
    conditions: Vec<Tensor>,
    places: Tensor,
    output: Tensor,
}

impl Easel {
    /// Makes ready to draw a picture of each caption.
    ///
    /// # Errors
    /// The sampler cannot take so many steps, or the device is out of memory.
    pub fn new(
        manner: Manner,
        captions: &[Caption],
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Self, Error> {
        // Only this spacing begins where there is nothing but noise, however few steps there are.
        let spacing = Some(Spacing::Trailing);
        let schedule = Schedule::new(
            manner.scheduler,
            &training(),
            Prediction::Velocity,
            spacing,
            manner.steps,
        )
        .map_err(|error| Error::Request(error.to_string()))?;
        let count = captions.len();
        let shape = (count, SIDE, SIDE, 3);
        let zeros = || Tensor::zeros(shape, DType::F32, device);
        let mut kept = BTreeMap::new();
        for quantity in Quantity::KEPT {
            kept.insert(quantity, zeros()?);
        }
        let passes = if manner.is_guided() { 2 } else { 1 };
        let input = Tensor::zeros((passes * count, SIDE, SIDE, 3), dtype, device)?;
        let mut asked: Vec<Option<Caption>> = vec![None; (passes - 1) * count];
        asked.extend(captions.iter().copied().map(Some));
        let conditions = schedule
            .times
            .iter()
            .map(|time| {
                conditions(&vec![*time; asked.len()], &asked)?
                    .to_dtype(dtype)?
                    .to_device(device)
            })
            .collect::<Result<_>>()?;
        let scales: Vec<Vec<f32>> = schedule
            .input_scales
            .iter()
            .map(|s| vec![single(*s)])
            .collect();
        Ok(Self {
            manner,
            sums: schedule
                .updates
                .iter()
                .map(|update| {
                    let rows = update.coefficients.iter();
                    let rows: Vec<Vec<f32>> = rows
                        .map(|row| row.iter().copied().map(single).collect())
                        .collect();
                    Coefficients::new(&rows, device)
                })
                .collect::<Result<_>>()?,
            input_scales: Coefficients::new(&scales, device)?,
            schedule,
            kept,
            inputs: (0..passes)
                .map(|pass| input.narrow(0, pass * count, count))
                .collect::<Result<_>>()?,
            input,
            conditions,
            places: places(passes * count)?.to_dtype(dtype)?.to_device(device)?,
            output: zeros()?,
        })
    }

    /// Draws, from the beginning.
    ///
    /// # Errors
    /// The weights do not fit the network, or the device failed.
    pub fn draw(&mut self, compose: &mut dyn Compose) -> Result<()> {
        let Manner { seed, first, .. } = self.manner;
        let noise = Noise { seed, first };
        let steps = self.schedule.steps();
        for (quantity, tensor) in &self.kept {
            if *quantity != Quantity::Sample {
                sampler::guide(tensor, tensor, 0.0, tensor)?;
            }
        }
        let sample = &self.kept[&Quantity::Sample];
        sampler::noise(noise, Start::At(steps), sample)?;
        let deviation = Coefficients::new(
            &[vec![single(self.schedule.initial_deviation)]],
            sample.device(),
        )?;
        sampler::step(&deviation, Start::At(0), &[sample], None, sample)?;
        for step in 0..steps {
            self.step(compose, step, noise)?;
        }
        Ok(())
    }

    fn step(&self, compose: &mut dyn Compose, step: usize, noise: Noise) -> Result<()> {
        let at = Start::At(step);
        let sample = &self.kept[&Quantity::Sample];
        for input in &self.inputs {
            sampler::step(&self.input_scales, at, &[sample], None, input)?;
        }
        compose.begin();
        let found = network(compose, &self.input, &self.conditions[step], &self.places)?;
        let count = sample.dim(0)?;
        let asked = found.narrow(0, found.dim(0)? - count, count)?;
        let free = found.narrow(0, 0, count)?;
        sampler::guide(&free, &asked, single(self.manner.guidance), &self.output)?;
        for (update, sums) in self.schedule.updates.iter().zip(&self.sums) {
            let mut terms = Vec::with_capacity(update.terms.len());
            for term in update.terms {
                terms.push(match term {
                    Quantity::Output => &self.output,
                    kept => &self.kept[kept],
                });
            }
            let Some(target) = self.kept.get(&update.target) else {
                bail!("the sum '{update}' writes what is only read");
            };
            sampler::step(
                sums,
                at,
                &terms,
                update.draws_noise.then_some(noise),
                target,
            )?;
        }
        Ok(())
    }

    /// What was drawn, f32 `[pictures, 32, 32, 3]` from about −1 to 1.
    pub fn drawn(&self) -> &Tensor {
        &self.kept[&Quantity::Sample]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "coefficients are in f32")]
const fn single(value: f64) -> f32 {
    value as f32
}
