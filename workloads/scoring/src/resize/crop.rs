//! What stands around a resize: the shorter side, and the centre.

use crate::ScoringError;
use crate::picture::{Picture, Size};

/// The size with this shorter side and, rounded down, the proportions of `from`: torchvision's
/// `Resize(side)` and the processors of CLIP.
pub const fn with_shorter_side(from: Size, side: usize) -> Size {
    if from.width <= from.height {
        Size::new(side * from.height / from.width, side)
    } else {
        Size::new(side, side * from.width / from.height)
    }
}

/// Where half a pixel goes if the picture is larger by an odd number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Rounded down: the processors of Hugging Face.
    Down,
    /// To the even number: torchvision's `CenterCrop`.
    Even,
}

impl Half {
    const fn of(self, surplus: usize) -> usize {
        match self {
            Self::Down => surplus / 2,
            // 1 → 0, 3 → 2, 5 → 2, 7 → 4.
            Self::Even => (surplus + 1) / 4 * 2 + if surplus % 4 == 2 { 1 } else { 0 },
        }
    }
}

/// The centre of a picture.
///
/// # Errors
/// A centre that is larger than the picture: resize it first.
pub fn centre<T: Copy>(
    picture: &Picture<T>,
    size: Size,
    half: Half,
) -> Result<Picture<T>, ScoringError> {
    let from = picture.size();
    let fits = size.height <= from.height && size.width <= from.width;
    if !fits || size.pixels() == 0 {
        return Err(ScoringError::Value {
            what: "size of the centre",
            found: format!("{} × {}", size.height, size.width),
            expected: format!("1 pixel a side to {} × {}", from.height, from.width),
        });
    }
    let top = half.of(from.height - size.height);
    let left = half.of(from.width - size.width);
    let channels = picture.channels();
    let rows = picture.values().chunks_exact(from.width * channels);
    let values = rows
        .skip(top)
        .take(size.height)
        .flat_map(|row| &row[left * channels..(left + size.width) * channels])
        .copied()
        .collect();
    Ok(Picture::fitting(size, channels, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_met_and_the_longer_rounded_down() {
        assert_eq!(
            with_shorter_side(Size::new(480, 640), 224),
            Size::new(224, 298)
        );
        assert_eq!(
            with_shorter_side(Size::new(500, 333), 224),
            Size::new(336, 224)
        );
        assert_eq!(with_shorter_side(Size::square(32), 224), Size::square(224));
    }

    /// Python's `int(round(surplus / 2.0))` for 0 … 9.
    #[test]
    fn halves_go_to_even_numbers_as_in_python() {
        let found: Vec<usize> = (0..10).map(|surplus| Half::Even.of(surplus)).collect();
        assert_eq!(found, [0, 0, 1, 2, 2, 2, 3, 4, 4, 4]);
    }

    #[test]
    fn the_centre_by_hand() {
        let picture = Picture::new(Size::new(3, 4), 1, (0..12).collect()).unwrap();
        let found = centre(&picture, Size::new(1, 1), Half::Down).unwrap();
        assert_eq!(found.values(), [5]);
        let found = centre(&picture, Size::new(1, 1), Half::Even).unwrap();
        assert_eq!(found.values(), [6]);
        assert!(centre(&picture, Size::new(4, 4), Half::Down).is_err());
    }
}
