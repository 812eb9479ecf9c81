//! `shapes-diffusion` learns to tell noise from a captioned picture, at every noise level.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::Judged;
use crate::Error;
use crate::corpus::Part;
use crate::shapes::batch::{Batch, Layout, SIDE, tensor};
use crate::shapes::caption::{Caption, WORDS};
use crate::shapes::compose::Trainable;
use crate::shapes::denoiser::{
    GUIDANCE, LEVELS, VARIANCES, conditions, network, places, signal_shares,
};
use crate::training::{Course, Material, Recipe};

/// Held-out pictures that the model is judged on.
const JUDGED: Judged = Judged::clean(6, Layout::Captioned, SIDE, 256);

/// One caption in ten is hidden, so that the network can draw without one and be guided.
const HIDDEN: u32 = 10;

pub(super) struct Denoiser {
    held_out: Batch,
    shares: Vec<f64>,
}

impl Denoiser {
    pub(super) fn new() -> Self {
        Self {
            held_out: JUDGED.batch(),
            shares: signal_shares(),
        }
    }

    /// Mean square of what is wrong with the velocity, with noise, levels and hidden captions from
    /// the generator.
    fn loss_of(
        &self,
        weights: &VarBuilder<'static>,
        batch: &Batch,
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor, Error> {
        let pictures = tensor(&batch.pictures)?;
        let count = batch.pictures.len();
        let noise: Vec<f32> = (0..pictures.elem_count()).map(|_| normal(rng)).collect();
        let noise = Tensor::from_vec(noise, pictures.shape(), &Device::Cpu)?;
        // One level from each stretch of equal length, in an order that does not matter.
        let levels: Vec<usize> = (0..count)
            .map(|index| {
                let within = rng.next_u64() % (LEVELS as u64);
                let within = usize::try_from(within).expect("below a thousand");
                (index * LEVELS + within) / count
            })
            .collect();
        let captions: Vec<Option<Caption>> = batch
            .captions()
            .into_iter()
            .map(|caption| (!rng.next_u32().is_multiple_of(HIDDEN)).then_some(caption))
            .collect();
        let factors = |of: fn(f64) -> f64| -> Result<Tensor, Error> {
            #[expect(clippy::cast_possible_truncation, reason = "factors are in f32")]
            let values = levels
                .iter()
                .map(|level| of(self.shares[*level]) as f32)
                .collect();
            Ok(Tensor::from_vec(values, (count, 1, 1, 1), &Device::Cpu)?)
        };
        let signal = factors(f64::sqrt)?;
        let rest = factors(|share| (1.0 - share).sqrt())?;
        let noisy = (pictures.broadcast_mul(&signal)? + noise.broadcast_mul(&rest)?)?;
        let velocity = (noise.broadcast_mul(&signal)? - pictures.broadcast_mul(&rest)?)?;
        let mut compose = Trainable::new(weights.clone());
        #[expect(clippy::cast_precision_loss, reason = "levels are a thousand")]
        let times: Vec<f64> = levels.iter().map(|level| *level as f64).collect();
        let conditions = conditions(&times, &captions)?;
        let found = network(&mut compose, &noisy, &conditions, &places(count)?)?;
        Ok((found - velocity)?.sqr()?.mean_all()?)
    }
}

/// A sum of twelve uniform numbers less six: nearly normal, and without a logarithm.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let sum: u64 = (0..3)
        .map(|_| {
            let bits = rng.next_u64();
            (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)
        })
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "below 2^20, exact in f32")]
    let sum = sum as f32;
    sum / 65_536.0 - 6.0
}

impl Course for Denoiser {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 3000,
            batch: 32,
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        _way: f64,
    ) -> Result<Tensor, Error> {
        let count = self.recipe().batch;
        let batch = Batch::clean(rng, Part::Training, Layout::Captioned, SIDE, count);
        self.loss_of(weights, &batch, rng)
    }

    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let loss = self.loss_of(weights, &self.held_out, &mut rng)?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
        Ok([("mean_square_of_the_velocity_error".to_owned(), loss)].into())
    }

    fn config(&self) -> Value {
        json!({
            "model_type": "shapes-diffusion",
            "sample_size": SIDE,
            "prediction_type": "v_prediction",
            "beta_schedule": "scaled_linear",
            "beta_start": VARIANCES[0],
            "beta_end": VARIANCES[1],
            "num_train_timesteps": LEVELS,
            "guidance_scale": GUIDANCE,
            "words": WORDS,
        })
    }

    fn what(&self) -> &'static str {
        "a diffusion U-Net of two levels that draws captioned shapes in 32x32 pixels"
    }

    fn material(&self) -> Material {
        Material::Shapes(JUDGED)
    }
}
