//! Standard uncertainties of both types, stated apart and combined (GUM, JCGM 100:2008).

use serde::{Deserialize, Serialize};

use crate::error::StatisticsError;

/// A standard uncertainty in its two parts, in the unit of the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// From scatter between repetitions (type A).
    pub type_a: f64,
    /// From what is known about the instrument (type B); no repetition makes it smaller.
    pub type_b: f64,
}

impl Uncertainty {
    /// Both parts together, `√(u_A² + u_B²)`.
    pub fn combined(self) -> f64 {
        libm::hypot(self.type_a, self.type_b)
    }
}

/// Standard uncertainty of a limit `±limit` inside which every value is as likely: `limit / √3`.
///
/// # Errors
/// A limit that is negative or not finite.
pub fn from_limit(limit: f64) -> Result<f64, StatisticsError> {
    require_size("limit", 0, limit)?;
    Ok(limit / 3f64.sqrt())
}

/// Root of the sum of squares of independent parts; the order of the parts does not matter.
///
/// # Errors
/// A part that is negative or not finite.
pub fn combine(parts: &[f64]) -> Result<f64, StatisticsError> {
    for (index, &part) in parts.iter().enumerate() {
        require_size("standard uncertainty", index, part)?;
    }
    let mut sorted = parts.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted.into_iter().fold(0.0, libm::hypot))
}

fn require_size(what: &'static str, index: usize, value: f64) -> Result<(), StatisticsError> {
    if !value.is_finite() {
        Err(StatisticsError::NotFinite { what, index, value })
    } else if value < 0.0 {
        Err(StatisticsError::Negative { what, index, value })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_per_cent_limits_are_2_9_per_cent() {
        assert!((from_limit(5.0).unwrap() - 2.886_751_345_948_129).abs() < 1e-15);
        assert!(from_limit(-5.0).is_err());
    }

    #[test]
    fn three_and_four_make_five() {
        let both = Uncertainty {
            type_a: 3.0,
            type_b: 4.0,
        };
        assert!((both.combined() - 5.0).abs() < 1e-15);
        assert!((combine(&[2.0, 3.0, 6.0]).unwrap() - 7.0).abs() < 1e-14);
        assert!(combine(&[]).unwrap().abs() < 1e-300);
    }

    proptest! {
        #[test]
        fn no_part_makes_the_whole_smaller(parts in vec(0.0..1e6, 1..20)) {
            let whole = combine(&parts).unwrap();
            prop_assert!(parts.iter().all(|part| *part <= whole * (1.0 + 1e-14)));
            prop_assert!(combine(&parts[1..]).unwrap() <= whole);
            let mut reversed = parts.clone();
            reversed.reverse();
            prop_assert_eq!(combine(&reversed), Ok(whole));
        }
    }
}
