//! The networks by name: which tensors each has, and where its trained weights are.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::batch::SIDE;
use super::caption::WORDS;
use super::compose::{Compose, Trainable};
use super::{classifier, clip, denoiser, detector, segmenter, upscaler};
use crate::Error;
use crate::checkpoint::Spelling;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Pictures, Task};
use crate::job::word::Origin;
use crate::training::Variables;
use crate::weights::{Places, Weights};

/// A network of this room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// `shapes-net`.
    Classifier,
    /// `shapes-clip`.
    Clip,
    /// `shapes-detector`.
    Detector,
    /// `shapes-segmenter`.
    Segmenter,
    /// `shapes-upscaler`.
    Upscaler,
    /// `shapes-diffusion`.
    Denoiser,
}

impl Network {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Classifier,
        Self::Clip,
        Self::Detector,
        Self::Segmenter,
        Self::Upscaler,
        Self::Denoiser,
    ];

    /// Name of the model.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Classifier => "shapes-net",
            Self::Clip => "shapes-clip",
            Self::Detector => "shapes-detector",
            Self::Segmenter => "shapes-segmenter",
            Self::Upscaler => "shapes-upscaler",
            Self::Denoiser => "shapes-diffusion",
        }
    }

    /// One pass over `batch` pictures (and captions) of zeros, or over given pictures.
    ///
    /// # Errors
    /// The weights do not fit, or the device failed.
    pub fn pass(self, compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
        let (batch, dtype, device) = (pictures.dim(0)?, pictures.dtype(), pictures.device());
        let zeros = |shape: &[usize]| Tensor::zeros(shape, dtype, device);
        compose.begin();
        match self {
            Self::Classifier => Ok(classifier::network(compose, pictures)?.scores),
            Self::Clip => {
                let seen = clip::picture_tower(compose, pictures)?;
                clip::caption_tower(compose, &zeros(&[batch, WORDS.len()])?)?;
                Ok(seen)
            }
            Self::Detector => detector::network(compose, pictures),
            Self::Segmenter => segmenter::network(compose, pictures),
            Self::Upscaler => upscaler::network(compose, pictures),
            Self::Denoiser => {
                let asked = denoiser::conditions(&vec![0.0; batch], &vec![None; batch])?;
                let places = denoiser::places(batch)?;
                let here = |x: &Tensor| x.to_dtype(dtype)?.to_device(device);
                denoiser::network(compose, pictures, &here(&asked)?, &here(&places)?)
            }
        }
    }

    /// Every tensor by its name with its shape, in the order of the names.
    ///
    /// # Errors
    /// The network cannot be composed.
    pub fn tensors(self) -> Result<Vec<(String, Vec<usize>)>> {
        let variables = Variables::seeded(0);
        let mut compose = Trainable::new(variables.builder());
        let picture = Tensor::zeros((1, SIDE, SIDE, 3), DType::F32, &Device::Cpu)?;
        self.pass(&mut compose, &picture)?;
        let named = variables.sorted().into_iter();
        Ok(named
            .map(|(name, variable)| (name, variable.dims().to_vec()))
            .collect())
    }

    /// The trained weights, and what tells them from others.
    ///
    /// # Errors
    /// They are missing or damaged.
    pub fn trained(
        self,
        places: &Places,
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<(VarBuilder<'static>, String), Error> {
        let pictures = Pictures {
            batch: 1,
            resolution_px: SIDE,
        };
        let job = Job {
            origin: Origin::Tiny,
            ..Job::plain(self.model(), Precision::F32, Task::See(pictures))
        };
        let weights = Weights::find(&job, places)?;
        let tensors = weights.tensors(&self.tensors()?, Spelling::EXACT, dtype, device)?;
        Ok((tensors, weights.id().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::parameters;
    use crate::shapes::compose::Prepared;
    use crate::training::SHAPES_MODELS;

    /// Both compositions over the same variables, and a pass twice over the same memory.
    #[test]
    fn what_is_measured_is_what_was_trained() {
        for network in Network::ALL {
            let variables = Variables::seeded(7);
            let values: Vec<f32> = (0..2 * SIDE * SIDE * 3)
                .map(|i| ((i * 31 % 97) as f32 - 48.0) / 50.0)
                .collect();
            let pictures =
                Tensor::from_vec(values, (2, SIDE, SIDE, 3), &Device::Cpu).expect("made");
            let mut trainable = Trainable::new(variables.builder());
            let wanted = network.pass(&mut trainable, &pictures).expect("computes");
            let mut prepared = Prepared::new(variables.builder());
            for _ in 0..2 {
                let found = network.pass(&mut prepared, &pictures).expect("computes");
                assert_eq!(found.dims(), wanted.dims());
                let apart = found
                    .sub(&wanted)
                    .and_then(|d| d.abs()?.max_all()?.to_scalar::<f32>());
                let largest = wanted.abs().and_then(|w| w.max_all()?.to_scalar::<f32>());
                let (apart, largest) = (apart.expect("a number"), largest.expect("a number"));
                assert!(
                    apart < 2e-5 * largest,
                    "{}: {apart} of {largest}",
                    network.model()
                );
            }
        }
    }

    #[test]
    fn networks_are_small() {
        let names: Vec<&str> = Network::ALL.map(Network::model).into();
        assert_eq!(names, SHAPES_MODELS);
        for network in Network::ALL {
            let count = parameters(&network.tensors().expect("lists"));
            // 2 MiB in f32.
            assert!(
                (10_000..500_000).contains(&count),
                "{}: {count}",
                network.model()
            );
        }
    }
}
