//! The pool of normal values that seeded weights are cut from.

use std::num::NonZero;
use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Values that one stream of the generator makes; streams are independent, so the pool is the
/// same whatever the number of threads.
const STRETCH: usize = 1 << 16;

/// Largest prime below 2^20: 4 MiB, drawn in milliseconds.
const SMALL: usize = 1_048_573;

/// Largest prime below 2^26: 128 MiB in two-byte formats, more than any GPU's cache.
const LARGE: usize = 67_108_859;

/// Models up to this size use the small pool.
const SMALL_MODEL_PARAMETERS: u64 = 1 << 24;

/// Standard deviation of [`odd_normal`]: twice that of the sum of eight uniform 16-bit integers,
/// 2 · √(8 · (2^32 − 1) / 12).
const RAW_STD: f64 = 107_019.839_842_900_15;

/// Values with standard deviation [`RAW_STD`].
pub(super) struct Pool {
    raw: Vec<f32>,
}

impl Pool {
    /// Draws the values for a model with this many parameters.
    pub(super) fn draw(seed: u64, parameters: u64) -> Self {
        let length = if parameters <= SMALL_MODEL_PARAMETERS {
            SMALL
        } else {
            LARGE
        };
        Self::with_length(seed, length)
    }

    fn with_length(seed: u64, length: usize) -> Self {
        let mut raw = vec![0f32; length];
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let stretches_per_thread = length.div_ceil(STRETCH).div_ceil(threads);
        thread::scope(|scope| {
            for (part, values) in raw.chunks_mut(stretches_per_thread * STRETCH).enumerate() {
                let first = part * stretches_per_thread;
                scope.spawn(move || {
                    for (index, stretch) in values.chunks_mut(STRETCH).enumerate() {
                        fill(seed, first + index, stretch);
                    }
                });
            }
        });
        Self { raw }
    }

    /// Number of values, a prime.
    pub(super) const fn len(&self) -> usize {
        self.raw.len()
    }

    /// All values with standard deviation 1/√`fan_in`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a fan-in is far below 2^53; the factor is meant to be rounded to f32 once"
    )]
    pub(super) fn scaled(&self, fan_in: usize) -> Vec<f32> {
        // Square root and division are exactly rounded everywhere, unlike ln and cos.
        let factor = (1.0 / ((fan_in as f64).sqrt() * RAW_STD)) as f32;
        self.raw.iter().map(|value| value * factor).collect()
    }
}

/// Draws one stretch from its own stream.
fn fill(seed: u64, stream: usize, values: &mut [f32]) {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(u64::try_from(stream).expect("a pool has fewer than 2^64 stretches"));
    for value in values {
        *value = odd_normal(rng.next_u64(), rng.next_u64());
    }
}

/// A nearly normal odd integer (Irwin-Hall of order eight, excess kurtosis −0.15): sums of
/// integers have the same bits on every machine, and an odd number is never zero.
#[expect(clippy::cast_precision_loss, reason = "at most 2^20, exact in f32")]
fn odd_normal(low: u64, high: u64) -> f32 {
    let words = [
        low,
        low >> 16,
        low >> 32,
        low >> 48,
        high,
        high >> 16,
        high >> 32,
        high >> 48,
    ];
    let sum: i32 = words
        .map(|word| i32::from((word & 0xffff) as u16))
        .iter()
        .sum();
    (2 * sum - 8 * 65_535 + 1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_are_prime() {
        for length in [SMALL, LARGE] {
            assert!(
                (2..length)
                    .take_while(|d| d * d <= length)
                    .all(|d| !length.is_multiple_of(d))
            );
        }
    }

    #[test]
    fn the_raw_deviation_is_the_formula() {
        let formula = 2.0 * (8.0 * (2f64.powi(32) - 1.0) / 12.0).sqrt();
        assert!((RAW_STD / formula - 1.0).abs() < 1e-12, "{formula}");
    }

    #[test]
    fn extremes_are_odd_and_symmetric_within_one() {
        assert_eq!(odd_normal(0, 0), -524_279.0);
        assert_eq!(odd_normal(u64::MAX, u64::MAX), 524_281.0);
    }

    #[test]
    fn stretches_do_not_depend_on_who_draws_them() {
        let pool = Pool::with_length(9, 3 * STRETCH + 5);
        let mut last = vec![0f32; 5];
        fill(9, 3, &mut last);
        assert_eq!(pool.raw[3 * STRETCH..], last);
        let mut first = vec![0f32; STRETCH];
        fill(9, 0, &mut first);
        assert_eq!(pool.raw[..STRETCH], first);
        assert_ne!(pool.raw[..STRETCH], pool.raw[STRETCH..2 * STRETCH]);
    }
}
