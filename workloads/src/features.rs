//! The networks that the metrics of pictures look through, with the weights of a user's folder.
//!
//! | network | scores | tensors as in |
//! |---|---|---|
//! | [`inception`] | FID, KID | `pt_inception-2015-12-05-6726825d.pth` of pytorch-fid, the same as torch-fidelity's |
//! | [`lpips`] | LPIPS | `vgg16` of torchvision, and the linear heads of LPIPS 0.1 |
//! | [`clip`] | CLIP score | (what stands before the network: resize, crop, normalise) |
//!
//! They run on the CPU in single precision, with channels first and plain operations: a score is
//! computed once, after the measured window. With other weights than the published ones a score has
//! no canonical name ([`scoring::network`]).

pub mod clip;
mod convolution;
mod folder;
#[cfg(test)]
mod formula;
pub mod inception;
pub mod lpips;

use candle_core::{Device, Tensor};
use scoring::ScoringError;
use scoring::picture::Picture;

use crate::Error;

/// Channels of a picture that these networks see.
const CHANNELS: usize = 3;

/// Pictures of one size as a batch `[n, channels, height, width]`.
fn batch(pictures: &[Picture<f32>]) -> Result<Tensor, Error> {
    let Some(first) = pictures.first() else {
        return Err(Error::Request(
            "a network was given no picture, expected at least one".to_owned(),
        ));
    };
    if let Some(other) = pictures
        .iter()
        .find(|picture| picture.size() != first.size())
    {
        return Err(Error::Request(format!(
            "pictures of one batch are {:?} and {:?}, expected one size",
            first.size(),
            other.size()
        )));
    }
    let size = first.size();
    let planes: Vec<f32> = pictures.iter().flat_map(Picture::planes).collect();
    let shape = (pictures.len(), first.channels(), size.height, size.width);
    Ok(Tensor::from_vec(planes, shape, &Device::Cpu)?)
}

/// Refuses grey pictures and those with transparency by their number.
fn require_colours<T: Copy>(pictures: &[Picture<T>]) -> Result<(), Error> {
    match pictures
        .iter()
        .position(|picture| picture.channels() != CHANNELS)
    {
        None => Ok(()),
        Some(index) => Err(Error::Request(format!(
            "picture {index} has {} channels, expected 3 (red, green, blue); convert it",
            pictures[index].channels()
        ))),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands in `map_err`, which gives the refusal away"
)]
fn refused(refusal: ScoringError) -> Error {
    Error::Request(refusal.to_string())
}
