//! A value as the driver gave it, and how it is written: bare for `nounits`, with its unit for
//! people.

use std::fmt::Write as _;

use crate::exit::Failure;

/// The pair of words in which a yes or a no is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// `Enabled`, `Disabled`
    Enabled,
    /// `Active`, `Not Active`
    Active,
    /// `Yes`, `No`
    Yes,
}

/// One value with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Switch(Words, bool),
    Milliwatts(u64),
    Megahertz(u32),
    /// Shown in whole MiB, rounded up as the real tool was seen to do it (580.159.04).
    Bytes(u64),
    Percent(u32),
    Celsius(i64),
    Count(u64),
    /// A set of bits, 16 hexadecimal digits.
    Mask(u64),
    Microseconds(u64),
    KilobytesPerSecond(u32),
    /// Lanes of the link to the host.
    Lanes(u32),
    /// A number in hexadecimal, with at least this many digits.
    Hexadecimal(u32, usize),
}

/// A value, or why there is none.
pub(crate) type Reading = Result<Value, Failure>;

/// What `MiB` stands for.
pub(crate) const BYTES_PER_MIB: u64 = 1 << 20;

impl Value {
    /// The value without its unit, as `nounits` asks for it.
    pub(crate) fn bare(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Switch(words, on) => match (words, on) {
                (Words::Enabled, true) => "Enabled",
                (Words::Enabled, false) => "Disabled",
                (Words::Active, true) => "Active",
                (Words::Active, false) => "Not Active",
                (Words::Yes, true) => "Yes",
                (Words::Yes, false) => "No",
            }
            .to_owned(),
            Self::Milliwatts(milliwatts) => hundredths_of_a_watt(*milliwatts),
            Self::Bytes(bytes) => bytes.div_ceil(BYTES_PER_MIB).to_string(),
            Self::Megahertz(number)
            | Self::Percent(number)
            | Self::KilobytesPerSecond(number)
            | Self::Lanes(number) => number.to_string(),
            Self::Celsius(degrees) => degrees.to_string(),
            Self::Count(number) | Self::Microseconds(number) => number.to_string(),
            Self::Mask(bits) => format!("0x{bits:016X}"),
            Self::Hexadecimal(number, digits) => format!("0x{number:0digits$X}"),
        }
    }

    /// The value with its unit, as the log and the table show it.
    pub(crate) fn with_unit(&self) -> String {
        let mut text = self.bare();
        let unit = match self {
            Self::Milliwatts(_) => " W",
            Self::Megahertz(_) => " MHz",
            Self::Bytes(_) => " MiB",
            Self::Percent(_) => " %",
            Self::Celsius(_) => " C",
            Self::Microseconds(_) => " us",
            Self::KilobytesPerSecond(_) => " KB/s",
            Self::Lanes(_) => "x",
            Self::Text(_)
            | Self::Switch(..)
            | Self::Count(_)
            | Self::Mask(_)
            | Self::Hexadecimal(..) => "",
        };
        text.push_str(unit);
        text
    }

    /// Whole watts, for the table and `dmon`; other values as they are.
    pub(crate) fn in_whole_units(&self) -> String {
        match self {
            Self::Milliwatts(milliwatts) => (milliwatts / 1000).to_string(),
            other => other.bare(),
        }
    }
}

/// Milliwatts as watts with two digits, rounded half up in integers: 36 024 mW is `36.02`.
fn hundredths_of_a_watt(milliwatts: u64) -> String {
    let hundredths = milliwatts.saturating_add(5) / 10;
    let mut text = String::new();
    write!(text, "{}.{:02}", hundredths / 100, hundredths % 100).expect("a String takes all");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_is_written_as_the_tool_writes_it() {
        let cases = [
            (Value::Milliwatts(250_000), "250.00", "250.00 W"),
            (Value::Milliwatts(36_024), "36.02", "36.02 W"),
            (Value::Milliwatts(36_025), "36.03", "36.03 W"),
            (Value::Megahertz(1380), "1380", "1380 MHz"),
            (Value::Bytes(34_089_205_760), "32510", "32510 MiB"),
            (Value::Bytes(34_089_205_761), "32511", "32511 MiB"),
            (Value::Percent(35), "35", "35 %"),
            (Value::Celsius(-8), "-8", "-8 C"),
            (
                Value::Mask(0x1FF),
                "0x00000000000001FF",
                "0x00000000000001FF",
            ),
            (Value::Hexadecimal(6, 2), "0x06", "0x06"),
            (Value::Hexadecimal(3, 1), "0x3", "0x3"),
            (Value::Lanes(16), "16", "16x"),
            (Value::KilobytesPerSecond(504), "504", "504 KB/s"),
            (Value::Microseconds(0), "0", "0 us"),
            (
                Value::Switch(Words::Active, false),
                "Not Active",
                "Not Active",
            ),
            (Value::Switch(Words::Enabled, true), "Enabled", "Enabled"),
            (Value::Switch(Words::Yes, false), "No", "No"),
        ];
        for (value, bare, with_unit) in cases {
            assert_eq!(value.bare(), bare);
            assert_eq!(value.with_unit(), with_unit);
        }
    }

    #[test]
    fn the_table_cuts_watts_to_whole_ones() {
        assert_eq!(Value::Milliwatts(113_999).in_whole_units(), "113");
        assert_eq!(Value::Celsius(37).in_whole_units(), "37");
    }

    proptest! {
        #[test]
        fn a_power_is_never_off_by_more_than_half_a_hundredth(milliwatts in 0_u64..10_000_000) {
            let text = Value::Milliwatts(milliwatts).bare();
            let watts: f64 = text.parse().expect("a number");
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let exact = milliwatts as f64 / 1000.0;
            prop_assert!((watts - exact).abs() <= 0.005 + 1e-9);
            prop_assert_eq!(text.rsplit('.').next().map(str::len), Some(2));
        }
    }
}
