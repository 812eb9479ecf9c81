//! `shapes-upscaler`: twice the pixels along each side. It learns what is missing in a picture
//! whose pixels are simply repeated.

use candle_core::{Result, Tensor};

use super::compose::{Compose, Conv};

/// Channels inside.
const WIDTH: usize = 24;

/// Blocks that add to what they read.
const BLOCKS: usize = 3;

/// Pixels along each side for one.
pub const FACTOR: usize = 2;

/// Pictures `[batch, 2·height, 2·width, 3]` of pictures `[batch, height, width, 3]`.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn network(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
    let mut x = compose.conv("head", pictures, Conv::new(3, WIDTH))?;
    for block in 0..BLOCKS {
        let inner = compose.conv(
            &format!("block{block}.conv1"),
            &x,
            Conv::new(3, WIDTH).relu(),
        )?;
        let inner = compose.conv(
            &format!("block{block}.conv2"),
            &inner,
            Conv::new(3, WIDTH).gain(0.3),
        )?;
        x = compose.add(&x, &inner)?;
    }
    let x = compose.conv("tail", &x, Conv::new(3, 3 * FACTOR * FACTOR).gain(0.1))?;
    let missing = compose.pixel_shuffle(&x, FACTOR)?;
    let repeated = compose.upsample(pictures, FACTOR)?;
    compose.add(&repeated, &missing)
}
