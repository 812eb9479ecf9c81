//! What attention keeps between tokens: keys, values, and the tables of positions.

use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;

/// Queries that attend at once during prefill. Scores of a chunk reach only to its last key, so
/// little of the causal triangle is computed in vain, and at batch 32 and 2,048 tokens they take
/// 1 GiB where the whole square would take 8.
pub(super) const QUERY_CHUNK: usize = 256;

/// Cosines and sines of every position, and the mask of a chunk.
pub struct Positions {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
    /// Zero on and below the diagonal, −∞ above it.
    pub(super) causal: Tensor,
}

impl Positions {
    /// Tables for positions up to `length`.
    ///
    /// # Errors
    /// The device is out of memory.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions are far below 2^53; tables are meant to be rounded to f32"
    )]
    pub fn new(config: &Config, length: usize, dtype: DType, device: &Device) -> Result<Self> {
        let pairs = config.head_dim() / 2;
        let angle = |position: usize, pair: usize| {
            let exponent = 2.0 * pair as f64 / config.head_dim() as f64;
            position as f64 / config.rope_theta.powf(exponent)
        };
        let table = |function: fn(f64) -> f64| {
            let values: Vec<f32> = (0..length)
                .flat_map(|position| (0..pairs).map(move |pair| (position, pair)))
                .map(|(position, pair)| function(angle(position, pair)) as f32)
                .collect();
            Tensor::from_vec(values, (length, pairs), &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)
        };
        let side = QUERY_CHUNK.min(length);
        let causal: Vec<f32> = (0..side)
            .flat_map(|query| {
                (0..side).map(move |key| if key <= query { 0.0 } else { f32::NEG_INFINITY })
            })
            .collect();
        Ok(Self {
            cos: table(f64::cos)?,
            sin: table(f64::sin)?,
            causal: Tensor::from_vec(causal, (side, side), &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)?,
        })
    }
}

/// Keys and values of one layer, `[batch · kv heads, capacity, head]`: in this order the matrix
/// products read the filled part where it lies.
pub struct LayerCache {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl LayerCache {
    /// Room for `capacity` positions of `batch` sequences.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        batch: usize,
        capacity: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let shape = (
            batch * config.num_key_value_heads,
            capacity,
            config.head_dim(),
        );
        Ok(Self {
            keys: Tensor::zeros(shape, dtype, device)?,
            values: Tensor::zeros(shape, dtype, device)?,
        })
    }
}
