//! `shapes-net`: which shape of which colour, how large and where. Its features before the last
//! layer are what `fd(shapes-net)` compares pictures by.

use candle_core::{Result, Tensor};

use super::compose::{Activation, Compose, Conv};
use super::scene::{KIND_COLOURS, Place, Size};

/// Numbers before the last layer.
pub const FEATURES: usize = 64;

/// Scores: kind and colour, then size, then place.
pub const SCORES: usize = KIND_COLOURS + Size::ALL.len() + Place::COUNT;

/// What the network makes of pictures.
pub struct Seen {
    /// `[batch, FEATURES]`, none below zero.
    pub features: Tensor,
    /// `[batch, SCORES]`.
    pub scores: Tensor,
}

/// Reads pictures `[batch, 32, 32, 3]`.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn network(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Seen> {
    let x = trunk(compose, pictures)?;
    let features = compose.linear("features", &x, FEATURES, Activation::Relu)?;
    let scores = compose.linear("scores", &features, SCORES, Activation::None)?;
    Ok(Seen { features, scores })
}

/// Five convolutions down to 4×4, as one row for each picture: also the eye of `shapes-clip`.
pub(super) fn trunk(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
    let x = compose.conv("conv1", pictures, Conv::new(3, 32).halving().relu())?;
    let x = compose.conv("conv2", &x, Conv::new(3, 32).relu())?;
    let x = compose.conv("conv3", &x, Conv::new(3, 64).halving().relu())?;
    let x = compose.conv("conv4", &x, Conv::new(3, 64).relu())?;
    let x = compose.conv("conv5", &x, Conv::new(3, 64).halving().relu())?;
    x.flatten_from(1)
}

/// The three parts of the scores.
///
/// # Errors
/// The scores have another shape.
pub fn parts(scores: &Tensor) -> Result<[Tensor; 3]> {
    let sizes = Size::ALL.len();
    Ok([
        scores.narrow(1, 0, KIND_COLOURS)?,
        scores.narrow(1, KIND_COLOURS, sizes)?,
        scores.narrow(1, KIND_COLOURS + sizes, Place::COUNT)?,
    ])
}
