//! The Inception of FID: `pt_inception-2015-12-05`, converted from TensorFlow.
//!
//! It is not torchvision's network: averages at the edge do not count the zeros around the picture,
//! the last block takes the largest instead of the average, and there are 1,008 classes (which no
//! distance looks at, so the last layer is not loaded). The features of a picture are the averages
//! of the last block over all places.

mod blocks;
mod input;

use std::path::Path;

use candle_core::{Tensor, bail};
use candle_nn::VarBuilder;
use scoring::network::{Canonical, FidInput, Network};
use scoring::picture::Picture;
use scoring::rows::Rows;

use super::convolution::{Convolution, Shape};
use super::{batch, folder, refused, require_colours};
use crate::Error;

use blocks::{Block, Layout, largest};

/// Pictures that go through the network at once: more take memory and no less time.
const TOGETHER: usize = 8;

/// Which features are taken. Canonical is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// After the first pool, width 64.
    Pool1,
    /// After the second pool, width 192.
    Pool2,
    /// Before the third stage of blocks, width 768.
    Mixed6e,
    /// After the last block, width 2,048.
    Pool3,
}

impl Tap {
    /// Features of a picture.
    pub const fn width(self) -> usize {
        match self {
            Self::Pool1 => 64,
            Self::Pool2 => 192,
            Self::Mixed6e => 768,
            Self::Pool3 => 2048,
        }
    }
}

/// The network with its weights.
#[derive(Clone, Debug)]
pub struct Inception {
    stem: Vec<Convolution>,
    blocks: Vec<Block>,
    weights: String,
}

/// Convolutions before the blocks; a pool follows the third and the fifth.
const STEM: [(&str, Shape); 5] = [
    ("Conv2d_1a_3x3", stem(3, 32, 3, 2, 0)),
    ("Conv2d_2a_3x3", stem(32, 32, 3, 1, 0)),
    ("Conv2d_2b_3x3", stem(32, 64, 3, 1, 1)),
    ("Conv2d_3b_1x1", stem(64, 80, 1, 1, 0)),
    ("Conv2d_4a_3x3", stem(80, 192, 3, 1, 0)),
];

const fn stem(input: usize, output: usize, side: usize, stride: usize, padding: usize) -> Shape {
    Shape {
        input,
        output,
        kernel: (side, side),
        stride,
        padding: (padding, padding),
    }
}

impl Inception {
    /// Names and shapes of the tensors, as in the published file.
    pub fn tensors() -> Vec<(String, Vec<usize>)> {
        let stem = STEM
            .iter()
            .flat_map(|(name, shape)| Convolution::normalised_tensors(name, *shape));
        let blocks = Layout::all();
        let blocks = blocks.iter().flat_map(Layout::tensors);
        stem.chain(blocks).collect()
    }

    /// The network of a folder with `model.safetensors`.
    ///
    /// # Errors
    /// A pickle, a missing or damaged file, or a tensor that is missing or has another shape.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (weights, id) = folder::open(path, &Self::tensors())?;
        Ok(Self::load(&weights, id)?)
    }

    fn load(weights: &VarBuilder<'_>, id: String) -> candle_core::Result<Self> {
        Ok(Self {
            stem: STEM
                .iter()
                .map(|(name, shape)| Convolution::normalised(*shape, &weights.pp(name)))
                .collect::<Result<_, _>>()?,
            blocks: Layout::all()
                .iter()
                .map(|layout| Block::load(layout, weights))
                .collect::<Result<_, _>>()?,
            weights: id,
        })
    }

    /// What scores of these features are called.
    ///
    /// # Errors
    /// Weights that are not from files.
    pub fn network(&self, input: FidInput, tap: Tap) -> Result<Network, Error> {
        let canonical = Canonical::FidInception(input);
        if tap == Tap::Pool3 {
            return Network::canonical(canonical, &self.weights).map_err(refused);
        }
        let name = format!("{} at width {}", canonical.name(), tap.width());
        Ok(Network::other(name, &self.weights))
    }

    /// The features of pictures, a row for each. They may have any size: `input` says how they
    /// become 299 × 299.
    ///
    /// # Errors
    /// A picture without three channels, or features that are not finite.
    pub fn features(
        &self,
        pictures: &[Picture<u8>],
        input: FidInput,
        tap: Tap,
    ) -> Result<Rows, Error> {
        require_colours(pictures)?;
        let mut values = Vec::with_capacity(pictures.len() * tap.width());
        for some in pictures.chunks(TOGETHER) {
            let prepared: Vec<Picture<f32>> = some
                .iter()
                .map(|picture| input::prepare(picture, input))
                .collect::<Result<_, _>>()
                .map_err(refused)?;
            let features = self.forward(&batch(&prepared)?, tap)?;
            values.extend(features.flatten_all()?.to_vec1::<f32>()?);
        }
        Rows::of_f32(&values, tap.width()).map_err(refused)
    }

    /// The features of a batch `[n, 3, 299, 299]`, normalised.
    fn forward(&self, x: &Tensor, tap: Tap) -> candle_core::Result<Tensor> {
        let mut x = x.clone();
        for (index, convolution) in self.stem.iter().enumerate() {
            x = convolution.forward(&x)?;
            let reached = match index {
                2 => Tap::Pool1,
                4 => Tap::Pool2,
                _ => continue,
            };
            x = largest(&x, 2)?;
            if tap == reached {
                return averages(&x);
            }
        }
        for block in &self.blocks {
            x = block.forward(&x)?;
            if tap == Tap::Mixed6e && block.is("Mixed_6e") {
                return averages(&x);
            }
        }
        if tap != Tap::Pool3 {
            bail!("the network has no tap {tap:?}");
        }
        averages(&x)
    }
}

/// The average of each channel over all places.
fn averages(x: &Tensor) -> candle_core::Result<Tensor> {
    x.mean((2, 3))
}

#[cfg(test)]
mod tests;
