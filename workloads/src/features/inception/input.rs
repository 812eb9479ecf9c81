//! How a picture becomes what the network sees: 299 × 299, near [−1, 1].

use scoring::ScoringError;
use scoring::network::FidInput;
use scoring::picture::{Picture, Size};
use scoring::resize::{
    Filter, pillow_float, tensorflow1_bilinear, torch_antialiased, torch_bilinear,
};

/// Side of the picture that the network sees.
const SIDE: usize = 299;

/// Resizes and normalises, each program in its own order.
pub(super) fn prepare(
    picture: &Picture<u8>,
    input: FidInput,
) -> Result<Picture<f32>, ScoringError> {
    let target = Size::square(SIDE);
    let numbers = picture.map(f32::from);
    let resized = match input {
        FidInput::Clean => pillow_float(&numbers, target, Filter::Bicubic, (0.0, 255.0))?,
        FidInput::TorchFidelity => tensorflow1_bilinear(&numbers, target)?,
        FidInput::Torchmetrics => torch_antialiased(&numbers, target, Filter::Bilinear)?,
        FidInput::PytorchFid => {
            let shares = numbers.map(|value| value / 255.0);
            return Ok(torch_bilinear(&shares, target)?.map(|value| 2.0 * value - 1.0));
        }
    };
    Ok(resized.map(|value| (value - 128.0) / 128.0))
}
