//! Tests: what the canonical programs computed (`tests/fixtures`), and the inputs they had.

use serde_json::Value;

use crate::picture::{Picture, Size};
use crate::rows::Rows;

/// What is expected by the fixture of this name.
pub(crate) fn expected(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut content: Value = serde_json::from_str(&text).unwrap();
    content["expected"].take()
}

/// A number of a fixture.
pub(crate) fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no {key}"))
}

/// A count of a fixture.
pub(crate) fn count(value: &Value, key: &str) -> usize {
    usize::try_from(value[key].as_u64().unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

/// `SplitMix64` of the numbers from `seed + 1` on.
fn bits(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |index| {
        let mut z = (seed + index).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// Multiples of 2⁻⁵³ in [0, 1).
pub(crate) fn uniform(seed: u64) -> impl Iterator<Item = f64> {
    bits(seed).map(|bits| (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0))
}

/// Rows of sums of four uniforms; feature k is scaled by 1/√(k + 1) and mixed with its neighbour.
pub(crate) fn features(seed: u64, rows: usize, width: usize, shift: f64) -> Rows {
    let mut draws = uniform(seed);
    let mut four = || [(); 4].map(|()| draws.next().unwrap());
    let mut values = Vec::with_capacity(rows * width);
    for _ in 0..rows {
        let mut left = 0.0;
        for column in 0..width {
            let [a, b, c, d] = four();
            let scaled = ((a + b) + (c + d) - 2.0) / ((column + 1) as f64).sqrt();
            values.push(scaled + 0.5 * left + shift);
            left = scaled;
        }
    }
    Rows::new(values, width).unwrap()
}

/// The pictures `ramp` and `noise`.
pub(crate) fn picture(kind: &str, size: Size) -> Picture<u8> {
    let count = size.pixels() * 3;
    let values = if kind == "ramp" {
        (0..count)
            .map(|index| {
                let (pixel, channel) = (index / 3, index % 3);
                let (y, x) = (pixel / size.width, pixel % size.width);
                u8::try_from((7 * x + 3 * y + 40 * channel) % 256).unwrap()
            })
            .collect()
    } else {
        let seed = (size.height * 1000 + size.width) as u64;
        let byte = |bits: u64| bits.to_be_bytes()[0];
        bits(seed).map(byte).take(count).collect()
    };
    Picture::new(size, 3, values).unwrap()
}

/// Whether two numbers differ by at most this share of the second.
pub(crate) fn close(found: f64, expected: f64, share: f64) -> bool {
    (found - expected).abs() <= share * expected.abs()
}
