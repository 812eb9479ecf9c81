//! What stands before CLIP's image tower: the shorter side to 224 pixels, the centre, mean and
//! deviation of each channel.
//!
//! The programs differ: on noise, a processor of PyTorch and one of Pillow give other bytes, and
//! where the surplus is odd the centre lies a pixel apart.

use scoring::network::Canonical;
use scoring::picture::{Picture, Size};
use scoring::resize::crop::{Half, centre, with_shorter_side};
use scoring::resize::{Filter, pillow_bytes, torch_bytes};

use super::{CHANNELS, refused, require_colours};
use crate::Error;

/// Mean of each channel.
pub const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Standard deviation of each channel.
pub const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Side of the picture that the published towers see.
pub const SIDE: usize = 224;

/// Whose preprocessing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipInput {
    /// `clip.load(…)[1]` of the authors: Pillow, and torchvision's centre.
    Authors,
    /// `CLIPImageProcessor` of transformers 5, which torchmetrics calls: torchvision on bytes.
    Transformers,
    /// `CLIPImageProcessor` of older transformers, and the Pillow backend of 5.
    TransformersPillow,
}

/// A picture as the tower sees it.
///
/// # Errors
/// A picture without three channels, or so narrow that its long side would be none.
pub fn prepare(picture: &Picture<u8>, input: ClipInput) -> Result<Picture<f32>, Error> {
    require_colours(std::slice::from_ref(picture))?;
    let target = with_shorter_side(picture.size(), SIDE);
    let (resized, half) = match input {
        ClipInput::Authors => (pillow_bytes(picture, target, Filter::Bicubic), Half::Even),
        ClipInput::Transformers => (torch_bytes(picture, target, Filter::Bicubic), Half::Down),
        ClipInput::TransformersPillow => {
            (pillow_bytes(picture, target, Filter::Bicubic), Half::Down)
        }
    };
    let resized = resized.map_err(refused)?;
    let middle = centre(&resized, Size::square(SIDE), half).map_err(refused)?;
    let values = middle
        .values()
        .chunks_exact(CHANNELS)
        .flat_map(|pixel| {
            let constants = MEAN.into_iter().zip(DEVIATION);
            pixel
                .iter()
                .zip(constants)
                .map(|(byte, (mean, deviation))| (f32::from(*byte) / 255.0 - mean) / deviation)
        })
        .collect();
    Picture::new(middle.size(), CHANNELS, values).map_err(refused)
}

/// The name under which scores with these towers are known, by the side of a patch; `None` for
/// another tower.
pub const fn canonical(patch_px: usize) -> Option<Canonical> {
    match patch_px {
        32 => Some(Canonical::ClipVitBase32),
        14 => Some(Canonical::ClipVitLarge14),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::formula::{self, difference, expected};

    #[test]
    fn pictures_reach_the_tower_as_in_each_program() {
        let picture = formula::picture("noise", Size::new(250, 391));
        for (input, program) in [
            (ClipInput::Authors, "openai"),
            (ClipInput::Transformers, "transformers"),
        ] {
            let planes = prepare(&picture, input).expect("prepares").planes();
            let found: Vec<f32> = planes.iter().step_by(499).copied().collect();
            let apart = difference(&found, &expected(&format!("clip.{program}")));
            assert!(apart < 1e-6, "{program}: {apart}");
        }
        // 350 pixels wide: the surplus of 126 is even, so both centres are one.
        let pillow = prepare(&picture, ClipInput::TransformersPillow).expect("prepares");
        assert_eq!(
            pillow,
            prepare(&picture, ClipInput::Authors).expect("prepares")
        );
        let grey = Picture::new(Size::square(8), 1, vec![0u8; 64]).expect("fits");
        assert!(prepare(&grey, ClipInput::Authors).is_err());
    }
}
