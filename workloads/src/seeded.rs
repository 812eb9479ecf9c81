//! Weights made from a seed: the same bits on every machine and device, in any order of loading.
//!
//! Energy depends on the values that are multiplied, so zeros or constants would flatter a model
//! (an 8192³ bf16 product is 13 % faster on zeros). These weights are what an untrained network
//! has: normal with variance 1/fan-in, and never zero.

mod pool;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use sha2::{Digest, Sha256};

use pool::Pool;

/// Makes each tensor from the seed and its name.
///
/// A pool of normal values is drawn once. A tensor is the stretch of that pool, read in a circle,
/// that begins where the hash of seed and name says. The length of the pool is prime, so no two
/// rows of a large matrix begin at the same place.
pub struct SeededWeights {
    seed: u64,
    pool: Pool,
    /// The pool scaled for a fan-in, in a number format, on the device: scaling on the host is
    /// what keeps the bits the same everywhere, so the device only copies.
    scaled: Mutex<BTreeMap<(&'static str, usize), Tensor>>,
}

impl SeededWeights {
    /// Draws the pool for a model with this many parameters.
    pub fn new(seed: u64, parameters: u64) -> Self {
        Self {
            seed,
            pool: Pool::draw(seed, parameters),
            scaled: Mutex::new(BTreeMap::new()),
        }
    }

    /// Where in the pool the tensor of this name begins.
    fn offset(&self, name: &str) -> usize {
        let hash = Sha256::new()
            .chain_update(b"joulebench weights 1\0")
            .chain_update(self.seed.to_le_bytes())
            .chain_update(name.as_bytes())
            .finalize();
        let head: [u8; 8] = hash[..8].try_into().expect("a SHA-256 has 32 bytes");
        let length = u64::try_from(self.pool.len()).expect("a pool fits the address space");
        usize::try_from(u64::from_le_bytes(head) % length).expect("less than the pool's length")
    }

    /// The whole pool on the device with a standard deviation of 1/√fan-in.
    fn scaled_pool(&self, fan_in: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        let mut scaled = self.scaled.lock().unwrap_or_else(PoisonError::into_inner);
        match scaled.entry((dtype.as_str(), fan_in)) {
            Entry::Occupied(made) => Ok(made.get().clone()),
            Entry::Vacant(place) => {
                let pool =
                    Tensor::from_vec(self.pool.scaled(fan_in), self.pool.len(), &Device::Cpu)?
                        .to_dtype(dtype)?
                        .to_device(device)?;
                Ok(place.insert(pool).clone())
            }
        }
    }
}

impl SimpleBackend for SeededWeights {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        if let Init::Const(value) = init {
            if value == 0.0 {
                bail!("tensor '{name}' would be zero everywhere; zeros falsify power")
            }
            return Tensor::full(1f32, shape, device)?
                .affine(value, 0.0)?
                .to_dtype(dtype);
        }
        let Some(fan_in) = shape
            .dims()
            .get(1..)
            .map(|dims| dims.iter().product::<usize>())
        else {
            bail!("tensor '{name}' has no dimension, expected a weight")
        };
        let pool = self.scaled_pool(fan_in.max(1), dtype, device)?;
        let mut missing = shape.elem_count();
        let mut start = self.offset(name);
        let mut pieces = Vec::new();
        while missing > 0 {
            let length = missing.min(self.pool.len() - start);
            pieces.push(pool.narrow(0, start, length)?);
            missing -= length;
            start = 0;
        }
        // A single piece would be a view: every tensor has to own its memory, or a whole model
        // would be read out of the cache.
        let tensor = match pieces.as_slice() {
            [piece] => piece.force_contiguous()?,
            _ => Tensor::cat(&pieces, 0)?,
        };
        tensor.reshape(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("tensor '{name}' was asked for without a shape; seeded weights need one")
    }

    fn contains_tensor(&self, _name: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use candle_nn::init::DEFAULT_KAIMING_NORMAL;
    use proptest::prelude::*;

    use super::*;

    const PARAMETERS: u64 = 100_000;

    fn values(weights: &SeededWeights, name: &str, shape: (usize, usize)) -> Vec<f32> {
        weights
            .get(
                shape.into(),
                name,
                DEFAULT_KAIMING_NORMAL,
                DType::F32,
                &Device::Cpu,
            )
            .expect("made")
            .flatten_all()
            .and_then(|tensor| tensor.to_vec1())
            .expect("on the CPU")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn a_tensor_depends_on_seed_and_name_only(seed: u64, first in "[a-z]{1,8}", other in "[a-z]{1,8}") {
            prop_assume!(first != other);
            let one = SeededWeights::new(seed, PARAMETERS);
            let two = SeededWeights::new(seed, PARAMETERS);
            let of_first = values(&one, &first, (8, 64));
            let of_other = values(&one, &other, (8, 64));
            prop_assert_eq!(&values(&two, &other, (8, 64)), &of_other);
            prop_assert_eq!(&values(&two, &first, (8, 64)), &of_first);
            prop_assert_ne!(&of_first, &of_other);
            let elsewhere = SeededWeights::new(seed.wrapping_add(1), PARAMETERS);
            prop_assert_ne!(&values(&elsewhere, &first, (8, 64)), &of_first);
        }
    }

    #[test]
    fn weights_are_normal_with_the_fan_in_and_never_zero() {
        let weights = SeededWeights::new(7, PARAMETERS);
        for fan_in in [64usize, 344, 1024] {
            let values = values(&weights, "layer.weight", (2048, fan_in));
            let count = values.len() as f64;
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
            let variance = values
                .iter()
                .map(|v| (f64::from(*v) - mean).powi(2))
                .sum::<f64>()
                / count;
            let expected_std = 1.0 / (fan_in as f64).sqrt();
            // Five standard errors of each.
            assert!(
                mean.abs() < 5.0 * expected_std / count.sqrt(),
                "mean {mean}"
            );
            assert!((variance.sqrt() / expected_std - 1.0).abs() < 5.0 / (2.0 * count).sqrt());
            assert!(values.iter().all(|value| *value != 0.0));
        }
    }

    #[test]
    fn no_two_rows_of_a_matrix_larger_than_the_pool_are_the_same() {
        let weights = SeededWeights::new(1, PARAMETERS);
        let rows = 2 * weights.pool.len() / 64 + 10;
        let values = values(&weights, "embedding", (rows, 64));
        let mut sorted: Vec<Vec<u32>> = values
            .chunks(64)
            .map(|row| row.iter().map(|value| value.to_bits()).collect())
            .collect();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), rows);
    }

    #[test]
    fn small_formats_have_no_zeros_either() {
        let weights = SeededWeights::new(3, PARAMETERS);
        for dtype in [DType::F16, DType::BF16] {
            let tensor = weights
                .get(
                    (1024, 1024).into(),
                    "w",
                    DEFAULT_KAIMING_NORMAL,
                    dtype,
                    &Device::Cpu,
                )
                .and_then(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>())
                .expect("made");
            assert!(tensor.iter().all(|value| *value != 0.0), "{dtype:?}");
        }
    }

    /// The pool of the 7B model: made in about a second, with the right deviation in bf16.
    #[test]
    fn a_large_model_gets_the_large_pool() {
        let weights = SeededWeights::new(1, 6_738_415_616);
        assert!(weights.pool.len() > 1 << 25);
        let tensor = weights
            .get(
                (256, 4096).into(),
                "w",
                DEFAULT_KAIMING_NORMAL,
                DType::BF16,
                &Device::Cpu,
            )
            .and_then(|tensor| {
                tensor
                    .to_dtype(DType::F32)?
                    .sqr()?
                    .mean_all()?
                    .to_scalar::<f32>()
            })
            .expect("made");
        // Five standard errors of a variance over 2^20 values, and bf16's rounding.
        assert!((tensor * 4096.0 - 1.0).abs() < 0.008, "{tensor}");
    }

    #[test]
    fn constants_are_honoured_and_zeros_refused() {
        let weights = SeededWeights::new(3, PARAMETERS);
        let norm = weights.get(4.into(), "norm", Init::Const(1.0), DType::F32, &Device::Cpu);
        assert_eq!(
            norm.and_then(|t| t.to_vec1::<f32>()).expect("made"),
            [1.0; 4]
        );
        let zeros = weights.get(4.into(), "bias", Init::Const(0.0), DType::F32, &Device::Cpu);
        assert!(
            zeros
                .expect_err("refused")
                .to_string()
                .contains("'bias' would be zero")
        );
        let unknown = weights.get_unchecked("w", DType::F32, &Device::Cpu);
        assert!(
            unknown
                .expect_err("refused")
                .to_string()
                .contains("without a shape")
        );
    }
}
