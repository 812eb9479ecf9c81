//! Numbers with units as people read them.

/// A value in a unit with a prefix that keeps it between 1 and 1000, in four digits.
pub(crate) fn scaled(value: f64, unit: &str) -> String {
    let (factor, prefix) = scale_of(value);
    format!("{} {prefix}{unit}", digits(value / factor))
}

/// Bounds in the unit and prefix of their value: `[310.9, 313.9]`.
pub(crate) fn bounds(value: f64, bounds: [f64; 2]) -> String {
    let (factor, _) = scale_of(value);
    let decimals = decimals_of(value / factor);
    let [low, high] = bounds.map(|bound| format!("{:.decimals$}", bound / factor));
    format!("[{low}, {high}]")
}

/// A share as a percentage with two digits: `0.52 %`, `5.7 %`, `12 %`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let size = value.abs();
    if size == 0.0 {
        "0 %".to_owned()
    } else if size < 0.005 {
        "<0.01 %".to_owned()
    } else if size < 1.0 {
        format!("{value:.2} %")
    } else if size < 10.0 {
        format!("{value:.1} %")
    } else {
        format!("{value:.0} %")
    }
}

/// Two whole numbers, or one where they read the same.
pub(crate) fn range(low: f64, high: f64) -> String {
    if format!("{low:.0}") == format!("{high:.0}") {
        format!("{low:.0}")
    } else {
        format!("{low:.0} to {high:.0}")
    }
}

fn scale_of(value: f64) -> (f64, &'static str) {
    match value.abs() {
        size if size >= 999.95e6 => (1e9, "G"),
        size if size >= 999.95e3 => (1e6, "M"),
        size if size >= 9_999.5 => (1e3, "k"),
        size if size >= 0.099_995 || size == 0.0 => (1.0, ""),
        size if size >= 0.999_95e-3 => (1e-3, "m"),
        _ => (1e-6, "µ"),
    }
}

fn decimals_of(value: f64) -> usize {
    match value.abs() {
        size if size >= 999.95 => 0,
        size if size >= 99.995 => 1,
        size if size >= 9.9995 => 2,
        _ => 3,
    }
}

fn digits(value: f64) -> String {
    let decimals = decimals_of(value);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_and_a_prefix() {
        let cases = [
            (312.44, "312.4 J"),
            (0.708, "0.708 J"),
            (1.0, "1.000 J"),
            (4_711.2, "4711 J"),
            (47_110.0, "47.11 kJ"),
            (0.0123, "12.30 mJ"),
            (0.000_04, "40.00 µJ"),
            (-3.2, "-3.200 J"),
            (0.0, "0.000 J"),
            (2.5e6, "2.500 MJ"),
        ];
        for (value, text) in cases {
            assert_eq!(scaled(value, "J"), text);
        }
        assert_eq!(bounds(312.44, [310.91, 313.96]), "[310.9, 314.0]");
        assert_eq!(bounds(0.0123, [0.0119, 0.0127]), "[11.90, 12.70]");
    }

    #[test]
    fn shares_have_two_digits() {
        let texts = [0.0, 0.000_01, 0.0052, 0.0571, 0.12].map(percent);
        assert_eq!(texts, ["0 %", "<0.01 %", "0.52 %", "5.7 %", "12 %"]);
    }
}
