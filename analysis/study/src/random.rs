//! The random numbers of the study: `ChaCha8`, one stream for each chunk of experiments.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A reproducible sequence of variates. Two streams with another seed or place share nothing.
///
/// Transcendental functions come from `libm`, so the variates are the same on every platform.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream at `place` of `seed`.
    pub fn new(seed: u64, place: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(place);
        Self {
            generator,
            spare_normal: None,
        }
    }

    /// A number for the seed of a function under test.
    pub fn seed(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in (0, 1): never 0 and never 1.
    pub fn uniform(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
        let count = (self.generator.next_u64() >> 12) as f64;
        (count + 0.5) / 4_503_599_627_370_496.0
    }

    /// Uniform over `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        // Lemire's multiply-shift. The bias is below count/2⁶⁴, which no study can see.
        let wide = u128::from(self.generator.next_u64()) * (count as u128);
        usize::try_from(wide >> 64).expect("below `count`, which is a usize")
    }

    /// True with probability `probability`.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal, by the polar method (Marsaglia and Bray 1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 {
                let scale = (-2.0 * libm::log(square) / square).sqrt();
                self.spare_normal = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::count;

    fn moments(draws: &[f64]) -> (f64, f64) {
        let n = count(draws.len());
        let mean = draws.iter().sum::<f64>() / n;
        (
            mean,
            draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n,
        )
    }

    #[test]
    fn variates_have_their_moments() {
        let mut stream = Stream::new(1, 2);
        let n = 200_000;
        let normal: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let (mean, variance) = moments(&normal);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015);
        let beyond = normal.iter().filter(|x| x.abs() > 1.959_964).count();
        let beyond = count(beyond) / f64::from(n);
        assert!((beyond - 0.05).abs() < 0.002, "{beyond}");
        let exponential: Vec<f64> = (0..n).map(|_| stream.exponential()).collect();
        let (mean, variance) = moments(&exponential);
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0).abs() < 0.03);
    }

    #[test]
    fn places_and_seeds_are_apart_and_repeat() {
        let first = |seed, place| Stream::new(seed, place).seed();
        assert_eq!(first(7, 3), first(7, 3));
        assert_ne!(first(7, 3), first(7, 4));
        assert_ne!(first(7, 3), first(8, 3));
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_reaches_every_place() {
        let mut stream = Stream::new(5, 0);
        let mut seen = [0_u32; 4];
        for _ in 0..4_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            seen[items.iter().position(|i| *i == 0).unwrap()] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3]);
        }
        assert!(seen.iter().all(|n| (850..1_150).contains(n)), "{seen:?}");
    }
}
