//! Random numbers without a state: a function of a counter and a key.

/// Philox 4×32 with 10 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", 2011).
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let (high0, low0) = product(0xD251_1F53, counter[0]);
        let (high1, low1) = product(0xCD9E_8D57, counter[2]);
        counter = [
            high1 ^ counter[1] ^ key[0],
            low1,
            high0 ^ counter[3] ^ key[1],
            low0,
        ];
        key[0] = key[0].wrapping_add(0x9E37_79B9);
        key[1] = key[1].wrapping_add(0xBB67_AE85);
    }
    counter
}

/// High and low half of a product.
#[expect(clippy::cast_possible_truncation, reason = "halves are what is wanted")]
fn product(a: u32, b: u32) -> (u32, u32) {
    let whole = u64::from(a) * u64::from(b);
    ((whole >> 32) as u32, whole as u32)
}

/// A random word as a value of the standard Gumbel distribution, `−ln(−ln u)` for a `u` strictly
/// between 0 and 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "23 bits fit the significand of an f32"
)]
pub fn gumbel(word: u32) -> f32 {
    // 23 bits and a half: with one more, the largest would be rounded up to 1.
    let uniform = ((word >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0);
    -(-uniform.ln()).ln()
}

/// Four random words as four standard normal values (Box and Muller, 1958): the first two words give
/// the first two, the others the rest. Computed in f64 and rounded; none exceeds 5.8.
pub fn normals(words: [u32; 4]) -> [f32; 4] {
    let [first, second, third, fourth] = words;
    let (a, b) = two_normals(first, second);
    let (c, d) = two_normals(third, fourth);
    [a, b, c, d]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is rounded to f32"
)]
fn two_normals(radius: u32, angle: u32) -> (f32, f32) {
    // 24 bits, as many as an f32 has: (0, 1] and [0, 1).
    const STEP: f64 = 1.0 / 16_777_216.0;
    let uniform = f64::from((radius >> 8) + 1) * STEP;
    let turns = f64::from(angle >> 8) * STEP;
    let length = libm::sqrt(-2.0 * libm::log(uniform));
    let (sin, cos) = libm::sincos(2.0 * std::f64::consts::PI * turns);
    ((length * cos) as f32, (length * sin) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers that the authors publish with their implementation (Random123, `kat_vectors`).
    #[test]
    fn known_answers() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn gumbel_values_are_finite_and_have_the_mean_of_their_distribution() {
        assert!(gumbel(0).is_finite() && gumbel(u32::MAX).is_finite());
        let count = 100_000;
        let sum: f64 = (0..count)
            .map(|i| f64::from(gumbel(philox([i, 0, 0, 0], [7, 0])[0])))
            .sum();
        let mean = sum / f64::from(count);
        // The mean is Euler's constant, the standard error of 10^5 values 0.004.
        assert!((mean - 0.577_215_7).abs() < 0.02, "{mean}");
    }

    #[test]
    fn normal_values_are_finite_and_independent_within_a_pair() {
        let extremes = normals([0, 0, u32::MAX, u32::MAX]);
        assert!(
            extremes.iter().all(|value| value.abs() < 5.8),
            "{extremes:?}"
        );
        let count = 50_000;
        let pairs = (0..count).map(|i| normals(philox([i, 0, 0, 1], [7, 0])));
        let product: f64 = pairs.map(|[a, b, ..]| f64::from(a) * f64::from(b)).sum();
        // The standard error of the mean product is 0.0045.
        let mean = product / f64::from(count);
        assert!(mean.abs() < 0.02, "{mean}");
    }
}
