//! Pictures as arrays: channels last, row after row from the top.

use crate::ScoringError;

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
}

impl Size {
    /// Height and width.
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// As high as wide.
    pub const fn square(side: usize) -> Self {
        Self::new(side, side)
    }

    /// Number of pixels.
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }
}

/// One picture `[height, width, channels]`, of bytes or of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture<T> {
    size: Size,
    channels: usize,
    values: Vec<T>,
}

impl<T: Copy> Picture<T> {
    /// A picture from its values.
    ///
    /// # Errors
    /// A side or a number of channels of zero, or another number of values than these ask for.
    pub fn new(size: Size, channels: usize, values: Vec<T>) -> Result<Self, ScoringError> {
        let expected = size.pixels() * channels;
        if expected == 0 || values.len() != expected {
            return Err(ScoringError::Value {
                what: "number of values of a picture",
                found: values.len().to_string(),
                expected: format!(
                    "{} × {} × {channels} = {expected}, none of them zero",
                    size.height, size.width
                ),
            });
        }
        Ok(Self {
            size,
            channels,
            values,
        })
    }

    /// Height and width.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Values of a pixel.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// All values: rows from the top, in a row pixels from the left, of a pixel its channels.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The values themselves.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Each value through a function.
    pub fn map<U>(&self, function: impl Fn(T) -> U) -> Picture<U> {
        Picture {
            size: self.size,
            channels: self.channels,
            values: self.values.iter().map(|value| function(*value)).collect(),
        }
    }

    /// The same values as planes, a channel after another: what networks with channels first take.
    pub fn planes(&self) -> Vec<T> {
        (0..self.channels)
            .flat_map(|channel| self.values[channel..].iter().step_by(self.channels))
            .copied()
            .collect()
    }

    /// A picture whose values are known to fit.
    pub(crate) fn fitting(size: Size, channels: usize, values: Vec<T>) -> Self {
        debug_assert_eq!(values.len(), size.pixels() * channels);
        Self {
            size,
            channels,
            values,
        }
    }
}

/// Refuses two pictures of different shape.
pub(crate) fn require_same_shape<T: Copy, U: Copy>(
    a: &Picture<T>,
    b: &Picture<U>,
) -> Result<(), ScoringError> {
    if a.size == b.size && a.channels == b.channels {
        return Ok(());
    }
    let words =
        |size: Size, channels: usize| format!("{} × {} × {channels}", size.height, size.width);
    Err(ScoringError::Mismatch {
        what: "pair of pictures",
        left: words(a.size, a.channels),
        right: words(b.size, b.channels),
        expected: "compare pictures of one size; resize neither, as that alone changes the score",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_channels_first() {
        let picture = Picture::new(Size::new(1, 2), 3, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(picture.planes(), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn wrong_counts_are_refused() {
        assert!(Picture::new(Size::new(2, 2), 3, vec![0; 11]).is_err());
        assert!(Picture::<u8>::new(Size::new(0, 2), 3, vec![]).is_err());
        let a = Picture::new(Size::new(1, 2), 1, vec![0, 0]).unwrap();
        let b = Picture::new(Size::new(2, 1), 1, vec![0, 0]).unwrap();
        let refusal = require_same_shape(&a, &b).unwrap_err().to_string();
        assert!(
            refusal.starts_with("pair of pictures: 1 × 2 × 1 and 2 × 1 × 1"),
            "{refusal}"
        );
    }
}
