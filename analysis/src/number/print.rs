//! Rounding for readers.

/// An estimate as text; all parts have the same decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The value.
    pub value: String,
    /// The lower bound.
    pub low: Option<String>,
    /// The upper bound.
    pub high: Option<String>,
}

impl Printed {
    /// `[low, high]`, where there are bounds.
    pub fn interval(&self) -> Option<String> {
        Some(format!("[{}, {}]", self.low.as_ref()?, self.high.as_ref()?))
    }

    /// `value [low, high]`, or the value alone.
    pub fn with_interval(&self) -> String {
        match self.interval() {
            Some(interval) => format!("{} {interval}", self.value),
            None => self.value.clone(),
        }
    }
}

/// Digits of a value without an interval.
const PLAIN_DIGITS: i32 = 3;
/// Digits of the half-width of an interval; they decide the decimals of the value.
const HALF_WIDTH_DIGITS: i32 = 2;
/// More decimals than this say nothing, however narrow the interval.
const MOST_DECIMALS: i32 = 6;

/// Rounds a value so that the half-width of its interval keeps two digits; without an interval, or
/// with one of no width, the value keeps three.
pub fn print_estimate(value: f64, low: Option<f64>, high: Option<f64>) -> Printed {
    let half_width = low
        .zip(high)
        .map(|(low, high)| (high - low) / 2.0)
        .filter(|w| *w > 0.0);
    let decimals = match half_width {
        Some(half_width) => decimals(half_width, HALF_WIDTH_DIGITS),
        None => decimals(value, PLAIN_DIGITS),
    };
    let print = |number: f64| fixed(number, decimals);
    Printed {
        value: print(value),
        low: low.map(print),
        high: high.map(print),
    }
}

/// Decimals that give a number this many significant digits.
fn decimals(number: f64, digits: i32) -> usize {
    if number == 0.0 || !number.is_finite() {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the exponent of an f64 is below 400"
    )]
    let exponent = libm::floor(libm::log10(number.abs())) as i32;
    usize::try_from((digits - 1 - exponent).clamp(0, MOST_DECIMALS)).unwrap_or(0)
}

/// Fixed decimals, with the sign that typesetters use and no negative zero.
fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: f64, low: f64, high: f64) -> String {
        print_estimate(value, Some(low), Some(high)).with_interval()
    }

    #[test]
    fn the_interval_decides_the_decimals() {
        assert_eq!(printed(3.512_34, 3.498_7, 3.527_1), "3.512 [3.499, 3.527]");
        assert_eq!(printed(421.4, 380.0, 460.0), "421 [380, 460]");
        assert_eq!(printed(-2.34, -7.1, 2.4), "\u{2212}2.3 [\u{2212}7.1, 2.4]");
        assert_eq!(printed(2.0, 2.0, 2.0), "2.00 [2.00, 2.00]");
    }

    #[test]
    fn without_an_interval_three_digits_stay() {
        let plain = |value| print_estimate(value, None, None).with_interval();
        assert_eq!(plain(0.123_456), "0.123");
        assert_eq!(plain(693.04), "693");
        assert_eq!(plain(12_345.0), "12345");
        assert_eq!(plain(-0.000_000_01), "0.000000");
        assert_eq!(plain(0.0), "0");
    }
}
