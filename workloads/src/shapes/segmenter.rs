//! `shapes-segmenter`: a small U-Net that says of each pixel which kind of shape it belongs to.

use candle_core::{Result, Tensor};

use super::compose::{Compose, Conv};
use super::scene::Kind;

/// Background and kinds.
pub const CLASSES: usize = 1 + Kind::ALL.len();

/// Scores `[batch, 32, 32, CLASSES]` of pictures `[batch, 32, 32, 3]`.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn network(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
    let fine = compose.conv("down1", pictures, Conv::new(3, 16).relu())?;
    let x = compose.conv("down2a", &fine, Conv::new(3, 32).halving().relu())?;
    let middle = compose.conv("down2b", &x, Conv::new(3, 32).relu())?;
    let x = compose.conv("down3a", &middle, Conv::new(3, 64).halving().relu())?;
    let coarse = compose.conv("down3b", &x, Conv::new(3, 64).relu())?;
    let x = compose.upsample(&coarse, 2)?;
    let x = compose.concat(&x, &middle)?;
    let x = compose.conv("up2", &x, Conv::new(3, 32).relu())?;
    let x = compose.upsample(&x, 2)?;
    let x = compose.concat(&x, &fine)?;
    let x = compose.conv("up1", &x, Conv::new(3, 16).relu())?;
    compose.conv("scores", &x, Conv::new(1, CLASSES))
}
