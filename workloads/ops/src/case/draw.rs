//! Operands made from a seed.

use candle_core::{Device, Result, Shape, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Normal values that are drawn; longer tensors go round in circles. Prime, so that the rows of a
/// large matrix begin at different places.
const POOL: usize = 1_048_583;

/// Draws operands; the same seed gives the same ones.
pub struct Draw {
    generator: ChaCha8Rng,
    pool: Vec<f32>,
    next: usize,
}

impl Draw {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            generator: ChaCha8Rng::seed_from_u64(seed),
            pool: Vec::new(),
            next: 0,
        }
    }

    /// Normal values with this standard deviation, in f32 on the CPU.
    ///
    /// # Errors
    /// The memory is short.
    pub fn normal(&mut self, shape: impl Into<Shape>, deviation: f32) -> Result<Tensor> {
        let shape = shape.into();
        let count = shape.elem_count();
        while self.pool.len() < POOL.min(self.next + count) {
            let value = self.one_normal();
            self.pool.push(value);
        }
        let first = self.next;
        self.next = (self.next + count) % POOL;
        let values: Vec<f32> = self
            .pool
            .iter()
            .cycle()
            .skip(first)
            .take(count)
            .map(|value| value * deviation)
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    }

    /// Numbers below `limit`, as u32.
    ///
    /// # Errors
    /// The memory is short.
    pub fn ids(&mut self, shape: impl Into<Shape>, limit: u32) -> Result<Tensor> {
        let shape = shape.into();
        let values: Vec<u32> = (0..shape.elem_count())
            .map(|_| self.generator.next_u32() % limit)
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    }

    /// The sum of twelve uniform values less six: normal enough, and the same bits everywhere.
    #[expect(
        clippy::cast_precision_loss,
        reason = "24 bits fit the significand of an f32"
    )]
    fn one_normal(&mut self) -> f32 {
        let sum: f32 = (0..12)
            .map(|_| (self.generator.next_u32() >> 8) as f32 / 16_777_216.0)
            .sum();
        sum - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_normal_repeatable_and_go_on() {
        let mut draw = Draw::new(1);
        let first = draw.normal(10_000, 2.0).unwrap().to_vec1::<f32>().unwrap();
        let second = draw.normal(10_000, 2.0).unwrap().to_vec1::<f32>().unwrap();
        assert_ne!(first, second);
        let again = Draw::new(1)
            .normal(10_000, 2.0)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert_eq!(first, again);
        let mean = first.iter().sum::<f32>() / 1e4;
        let variance = first.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 1e4;
        assert!(
            mean.abs() < 0.1 && (variance - 4.0).abs() < 0.3,
            "{mean} {variance}"
        );
    }

    #[test]
    fn long_tensors_go_round_in_circles() {
        let mut draw = Draw::new(2);
        let long = draw
            .normal(POOL + 2, 1.0)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert_eq!(long[..2], long[POOL..]);
        let next = draw.normal(1, 1.0).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(next[0], long[2]);
    }
}
