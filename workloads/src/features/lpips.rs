//! LPIPS with VGG-16: feature maps after five stages of torchvision's `vgg16`, and the linear heads
//! of version 0.1. The arithmetic on the maps is in [`scoring::perceptual`].

use std::path::Path;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use scoring::network::{Canonical, Network};
use scoring::perceptual::{INPUT_SCALE, INPUT_SHIFT, Layer, UnitLength, distance};
use scoring::picture::{Picture, Size};

use super::convolution::{Convolution, Shape};
use super::{CHANNELS, batch, folder, refused, require_colours};
use crate::Error;

/// Number and outputs of the convolutions of each stage, and the place of the first among
/// torchvision's layers. A pool halves the picture between stages.
const STAGES: [(usize, usize, usize); 5] = [
    (2, 64, 0),
    (2, 128, 5),
    (3, 256, 10),
    (3, 512, 17),
    (3, 512, 24),
];

/// The least side of a picture: four pools halve it.
pub const LEAST_SIDE: usize = 16;

/// The network with its heads.
#[derive(Clone, Debug)]
pub struct LpipsVgg16 {
    stages: Vec<Vec<Convolution>>,
    heads: Vec<Vec<f32>>,
    weights: String,
}

/// Name and shape of each convolution of a stage.
fn convolutions(stage: usize) -> Vec<(String, Shape)> {
    let (count, output, first) = STAGES[stage];
    let before = if stage == 0 {
        CHANNELS
    } else {
        STAGES[stage - 1].1
    };
    (0..count)
        .map(|index| {
            let shape = Shape {
                input: if index == 0 { before } else { output },
                output,
                kernel: (3, 3),
                stride: 1,
                padding: (1, 1),
            };
            // A `ReLU` counts as a layer too.
            (format!("features.{}", first + 2 * index), shape)
        })
        .collect()
}

fn head(stage: usize) -> String {
    format!("lin{stage}.model.1.weight")
}

impl LpipsVgg16 {
    /// Names and shapes of the tensors: those of torchvision's `vgg16` without its classifier, and
    /// those of the file of LPIPS's heads.
    pub fn tensors() -> Vec<(String, Vec<usize>)> {
        (0..STAGES.len())
            .flat_map(|stage| {
                let mut tensors: Vec<_> = convolutions(stage)
                    .into_iter()
                    .flat_map(|(name, shape)| Convolution::biased_tensors(&name, shape))
                    .collect();
                tensors.push((head(stage), vec![1, STAGES[stage].1, 1, 1]));
                tensors
            })
            .collect()
    }

    /// The network of a folder whose `model.safetensors` (or its parts) has both sets of tensors.
    ///
    /// # Errors
    /// A pickle, a missing or damaged file, a tensor that is missing or has another shape, or a head
    /// with a weight below zero, with which the distance is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (weights, id) = folder::open(path, &Self::tensors())?;
        let network = Self::load(&weights, id)?;
        for (stage, weights) in network.heads.iter().enumerate() {
            if let Some(weight) = weights
                .iter()
                .find(|weight| weight.is_nan() || **weight < 0.0)
            {
                return Err(Error::file(
                    path,
                    format!(
                        "tensor '{}' has the weight {weight}, expected none below zero; take the \
                         heads of version 0.1",
                        head(stage)
                    ),
                ));
            }
        }
        Ok(network)
    }

    fn load(weights: &VarBuilder<'_>, id: String) -> candle_core::Result<Self> {
        let mut stages = Vec::new();
        let mut heads = Vec::new();
        for (stage, (_, output, _)) in STAGES.into_iter().enumerate() {
            let convolutions: candle_core::Result<Vec<_>> = convolutions(stage)
                .into_iter()
                .map(|(name, shape)| Convolution::biased(shape, &weights.pp(name)))
                .collect();
            stages.push(convolutions?);
            let head = weights.get((1, output, 1, 1), &head(stage))?;
            heads.push(head.flatten_all()?.to_vec1()?);
        }
        Ok(Self {
            stages,
            heads,
            weights: id,
        })
    }

    /// What distances of these features are called.
    ///
    /// # Errors
    /// Weights that are not from files.
    pub fn network(&self) -> Result<Network, Error> {
        Network::canonical(Canonical::LpipsVgg16, &self.weights).map_err(refused)
    }

    /// The distance of each picture to its partner. Pictures are not resized.
    ///
    /// # Errors
    /// Pairs of unequal size, pictures below 16 pixels a side or without three channels, or lists of
    /// unequal length.
    pub fn distances(
        &self,
        first: &[Picture<u8>],
        second: &[Picture<u8>],
        unit_length: UnitLength,
    ) -> Result<Vec<f64>, Error> {
        if first.len() != second.len() {
            return Err(Error::Request(format!(
                "{} pictures are compared with {}, expected one of each, in the same order",
                first.len(),
                second.len()
            )));
        }
        require_colours(first)?;
        require_colours(second)?;
        first
            .iter()
            .zip(second)
            .map(|(first, second)| {
                let (first, second) = (self.maps(first)?, self.maps(second)?);
                let layers: Vec<Layer<'_>> = first
                    .iter()
                    .zip(&second)
                    .zip(&self.heads)
                    .map(|((first, second), head)| Layer {
                        first,
                        second,
                        head,
                    })
                    .collect();
                distance(&layers, unit_length).map_err(refused)
            })
            .collect()
    }

    /// The feature map of each stage.
    fn maps(&self, picture: &Picture<u8>) -> Result<Vec<Picture<f32>>, Error> {
        let size = picture.size();
        if size.height.min(size.width) < LEAST_SIDE {
            return Err(Error::Request(format!(
                "a picture is {} × {}, expected at least {LEAST_SIDE} pixels a side for LPIPS",
                size.height, size.width
            )));
        }
        let mut x = batch(&[scaled(picture)?])?;
        let mut maps = Vec::with_capacity(STAGES.len());
        for (stage, convolutions) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = x.max_pool2d(2)?;
            }
            for convolution in convolutions {
                x = convolution.forward(&x)?;
            }
            maps.push(channels_last(&x)?);
        }
        Ok(maps)
    }
}

/// Bytes as −1 to 1, shifted and scaled by channel.
fn scaled(picture: &Picture<u8>) -> Result<Picture<f32>, Error> {
    let values = picture
        .values()
        .chunks_exact(CHANNELS)
        .flat_map(|pixel| {
            let constants = INPUT_SHIFT.into_iter().zip(INPUT_SCALE);
            pixel.iter().zip(constants).map(|(byte, (shift, scale))| {
                let value = f64::from(*byte) / 127.5 - 1.0;
                #[expect(clippy::cast_possible_truncation, reason = "the network is f32")]
                let value = ((value - shift) / scale) as f32;
                value
            })
        })
        .collect();
    Picture::new(picture.size(), CHANNELS, values).map_err(refused)
}

/// A map `[1, channels, height, width]` as a picture.
fn channels_last(x: &Tensor) -> Result<Picture<f32>, Error> {
    let (_, channels, height, width) = x.dims4()?;
    let values = x.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1()?;
    Picture::new(Size::new(height, width), channels, values).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::formula::{self, difference, expected};

    fn network() -> LpipsVgg16 {
        let weights = formula::weights(&LpipsVgg16::tensors());
        LpipsVgg16::load(&weights, "formula".to_owned()).expect("loads")
    }

    #[test]
    fn maps_and_distances_are_those_of_both_programs() {
        let network = network();
        let size = Size::new(40, 48);
        let [ramp, noise] = ["ramp", "noise"].map(|kind| formula::picture(kind, size));
        for (stage, map) in network.maps(&noise).expect("runs").iter().enumerate() {
            let places = map.size().pixels() as f32;
            let means: Vec<f32> = (0..map.channels())
                .map(|channel| {
                    let values = map.values()[channel..].iter();
                    values.step_by(map.channels()).sum::<f32>() / places
                })
                .collect();
            let apart = difference(&means, &expected(&format!("lpips.tap.{stage}")));
            assert!(apart < 1e-4, "stage {stage}: {apart}");
        }
        for (version, program) in [
            (UnitLength::UnderRoot, "torchmetrics"),
            (UnitLength::BesideLength, "original"),
        ] {
            let found = network.distances(
                std::slice::from_ref(&ramp),
                std::slice::from_ref(&noise),
                version,
            );
            let found = found.expect("runs")[0];
            let expected = f64::from(expected(&format!("lpips.{program}"))[0]);
            assert!((found / expected - 1.0).abs() < 1e-4, "{program}: {found}");
        }
        assert!(network.network().is_err());
    }

    #[test]
    fn pictures_that_cannot_be_compared_are_refused() {
        let network = network();
        let small = formula::picture("ramp", Size::new(15, 40));
        let large = formula::picture("ramp", Size::new(16, 40));
        let refusal = |first: &[Picture<u8>], second: &[Picture<u8>]| {
            let found = network.distances(first, second, UnitLength::UnderRoot);
            found.expect_err("refused").to_string()
        };
        let [small, large] = [[small], [large]];
        assert!(refusal(&small, &small).contains("15 × 40, expected at least 16"));
        assert!(refusal(&large, &[]).contains("1 pictures are compared with 0"));
    }
}
