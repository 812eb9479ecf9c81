//! The working memory of a pass, allocated once: afterwards nothing is, so a pass can be recorded
//! as a CUDA graph, and its need is known before anything is loaded.

use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;

/// Rows that a prefill processes at once, unless one prompt is longer: enough for matrix products
/// at full speed, few enough that a large batch of long prompts leaves memory to the cache.
const PREFILL_ROWS: usize = 16_384;

/// Room for what lies between the operations of a block, for the places of some sequences.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Sequences.
    pub batch: usize,
    /// Places of each.
    pub length: usize,
    /// The residual stream, `[batch · length, hidden]`.
    pub residual: Tensor,
    /// Queries, keys, values, `[batch · length, hidden + 2 · kv]`.
    pub qkv: Tensor,
    /// Rotated queries, `[batch, heads, length, head]`.
    pub query: Tensor,
    /// What attention found, `[batch · length, hidden]`.
    pub attended: Tensor,
    /// What the gates let through, `[batch · length, inner]`.
    pub inner: Tensor,
}

impl Rows {
    /// Room for `length` places of `batch` sequences.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        batch: usize,
        length: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (heads, head) = (config.num_attention_heads, config.head_dim());
        let matrix = |columns: usize| Tensor::zeros((batch * length, columns), dtype, device);
        Ok(Self {
            batch,
            length,
            residual: matrix(config.hidden_size)?,
            qkv: matrix(config.hidden_size + 2 * config.kv_size())?,
            query: Tensor::zeros((batch, heads, length, head), dtype, device)?,
            attended: matrix(config.hidden_size)?,
            inner: matrix(config.intermediate_size)?,
        })
    }

    /// The part of the room for the first so many sequences.
    ///
    /// # Errors
    /// There are fewer.
    pub fn first(&self, sequences: usize) -> Result<Self> {
        let rows = sequences * self.length;
        let part = |tensor: &Tensor| tensor.narrow(0, 0, rows);
        Ok(Self {
            batch: sequences,
            length: self.length,
            residual: part(&self.residual)?,
            qkv: part(&self.qkv)?,
            query: self.query.narrow(0, 0, sequences)?,
            attended: part(&self.attended)?,
            inner: part(&self.inner)?,
        })
    }

    /// Values of one place.
    pub const fn values_per_place(config: &Config) -> usize {
        4 * config.hidden_size + 2 * config.kv_size() + config.intermediate_size
    }
}

/// Sequences that a prefill takes at once.
pub fn sequences_at_once(batch: usize, length: usize) -> usize {
    (PREFILL_ROWS / length.max(1)).clamp(1, batch.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_what_is_said_of_it() {
        let config = Config {
            num_key_value_heads: 2,
            ..Config::tiny()
        };
        let rows = Rows::new(&config, 3, 5, DType::F32, &Device::Cpu).expect("fits");
        let Rows {
            batch: _,
            length: _,
            residual,
            qkv,
            query,
            attended,
            inner,
        } = &rows;
        let values: usize = [residual, qkv, query, attended, inner]
            .into_iter()
            .map(Tensor::elem_count)
            .sum();
        assert_eq!(values, 15 * Rows::values_per_place(&config));
    }

    #[test]
    fn a_prefill_takes_whole_sequences() {
        assert_eq!(sequences_at_once(32, 512), 32);
        assert_eq!(sequences_at_once(32, 2048), 8);
        assert_eq!(sequences_at_once(2, 100_000), 1);
        assert_eq!(sequences_at_once(1, 1), 1);
    }
}
