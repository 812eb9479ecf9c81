//! Features as a network gives them: a row for each image.

use statistics::frechet::Features;
use statistics::sum::number;

use crate::ScoringError;

/// Rows of features in double precision, all finite. Means and covariances of single-precision sums
/// would lose the digits that a small distance consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    values: Vec<f64>,
    width: usize,
}

impl Rows {
    /// Features of single precision, row after row.
    ///
    /// # Errors
    /// A width of zero, an incomplete last row, or a value that is not finite.
    pub fn of_f32(values: &[f32], width: usize) -> Result<Self, ScoringError> {
        Self::new(values.iter().copied().map(f64::from).collect(), width)
    }

    /// Features of double precision, row after row.
    ///
    /// # Errors
    /// As [`Rows::of_f32`].
    pub fn new(values: Vec<f64>, width: usize) -> Result<Self, ScoringError> {
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(ScoringError::Ragged {
                what: "features",
                values: values.len(),
                width,
            });
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(Self { values, width }),
            Some(index) => Err(ScoringError::NotFinite {
                what: "features",
                row: index / width,
                column: index % width,
                value: values[index],
            }),
        }
    }

    /// Number of rows.
    pub const fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values of a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The rows one after another.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The rows as the statistics take them.
    pub(crate) fn features(&self) -> Result<Features<'_>, ScoringError> {
        Ok(Features::new(&self.values, self.width)?)
    }
}

/// Refuses features of different widths.
pub(crate) fn require_same_width(
    (left_name, left): (&'static str, &Rows),
    (right_name, right): (&'static str, &Rows),
) -> Result<(), ScoringError> {
    if left.width == right.width {
        return Ok(());
    }
    Err(ScoringError::Widths {
        left_name,
        left: left.width,
        right_name,
        right: right.width,
    })
}

/// `a · b`, in the order of the values.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Mean of some numbers; the caller has at least one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_named_by_image() {
        let found = Rows::of_f32(&[1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0], 2).unwrap_err();
        assert_eq!(
            found.to_string(),
            "features: value 0 of row 1 is NaN, expected a finite number; an output of this image \
             overflowed"
        );
        let ragged = Rows::new(vec![0.0; 7], 2).unwrap_err().to_string();
        assert_eq!(
            ragged,
            "features: 7 values are no whole number of rows of 2"
        );
        assert!(Rows::new(vec![], 0).is_err());
        assert!(Rows::new(vec![], 3).unwrap().is_empty());
    }
}
