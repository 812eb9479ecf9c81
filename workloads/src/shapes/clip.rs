//! `shapes-clip`: a tower for pictures and one for captions that end in the same space.

use candle_core::{Result, Tensor};

use super::classifier::trunk;
use super::compose::{Activation, Compose};

/// Numbers of an embedding.
pub const WIDTH: usize = 64;

/// By what the cosine of two embeddings is multiplied in training.
pub const SCALE: f64 = 15.0;

/// Embeds pictures `[batch, 32, 32, 3]` as `[batch, WIDTH]`, of any length.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn picture_tower(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
    let x = trunk(compose, pictures)?;
    compose.linear("picture", &x, WIDTH, Activation::None)
}

/// Embeds the words of captions (`[batch, words]`) as `[batch, WIDTH]`, of any length.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn caption_tower(compose: &mut dyn Compose, bags: &Tensor) -> Result<Tensor> {
    let x = compose.linear("words", bags, 2 * WIDTH, Activation::Relu)?;
    compose.linear("caption", &x, WIDTH, Activation::None)
}

/// Embeddings of length one.
///
/// # Errors
/// The device failed.
pub fn normalised(embeddings: &Tensor) -> Result<Tensor> {
    let length = (embeddings.sqr()?.sum_keepdim(1)? + 1e-12)?.sqrt()?;
    embeddings.broadcast_div(&length)
}
