//! Numbers of axes that are no whole numbers: exact, so that equal ones are the same point.

use std::fmt;

use serde::{Serialize, Serializer};

/// Thousandths in one.
const SCALE: f64 = 1000.0;

/// A number from 0 with up to three decimals. It is held in thousandths: equal values compare, hash
/// and print alike, which floats do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    thousandths: u64,
}

impl Decimal {
    /// A whole number.
    pub const fn whole(number: u32) -> Self {
        Self::thousandths(number as u64 * 1000)
    }

    /// So many thousandths.
    pub const fn thousandths(thousandths: u64) -> Self {
        Self { thousandths }
    }

    /// The decimal that a float was written as: the nearest one, where it prints as the float does.
    ///
    /// # Errors
    /// The number is negative, not finite, or has more than three decimals.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before"
    )]
    pub fn from_float(number: f64) -> Result<Self, String> {
        const MOST: f64 = 1e12;
        if !(0.0..=MOST).contains(&number) {
            return Err(format!("{number} is no number from 0 to {MOST}"));
        }
        let decimal = Self::thousandths((number * SCALE).round() as u64);
        if (decimal.get() - number).abs() > 1e-12 * number.max(1.0) {
            return Err(format!(
                "{number} has more than three decimals; write {decimal}"
            ));
        }
        Ok(decimal)
    }

    /// The number.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    pub fn get(self) -> f64 {
        self.thousandths as f64 / SCALE
    }

    /// The number, where it is a whole one.
    pub const fn as_whole(self) -> Option<u64> {
        if self.thousandths.is_multiple_of(1000) {
            Some(self.thousandths / 1000)
        } else {
            None
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_prints_as_it_was_written() {
        for text in ["0", "1", "7.5", "0.125", "12.003", "50"] {
            let number: f64 = text.parse().unwrap();
            let decimal = Decimal::from_float(number).unwrap();
            assert_eq!(decimal.to_string(), text);
            assert!((decimal.get() - number).abs() < 1e-15, "{text}");
        }
        assert_eq!(Decimal::whole(7), Decimal::from_float(7.0).unwrap());
        assert_eq!(Decimal::whole(7).as_whole(), Some(7));
        assert_eq!(Decimal::thousandths(7_500).as_whole(), None);
    }

    #[test]
    fn other_numbers_are_refused() {
        for number in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Decimal::from_float(number).is_err(), "{number}");
        }
        let message = Decimal::from_float(7.12345).unwrap_err();
        assert_eq!(message, "7.12345 has more than three decimals; write 7.123");
    }
}
