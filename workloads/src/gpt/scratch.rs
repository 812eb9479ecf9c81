//! Memory of a generation, all of it allocated before the first token.

use candle_core::{DType, Device, Result, Tensor};
use ops::attention::DecodeScratch;

use super::config::Config;

/// Keys and values of all layers.
pub struct Cache {
    pub(super) layers: Vec<LayerCache>,
    capacity: usize,
}

/// Keys and values of one layer, `[batch, kv heads, capacity, head]`.
pub(super) struct LayerCache {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl Cache {
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
        let shape = (batch, config.kv_heads(), capacity, config.head_dim());
        let layer = |_| {
            Ok(LayerCache {
                keys: Tensor::zeros(shape, dtype, device)?,
                values: Tensor::zeros(shape, dtype, device)?,
            })
        };
        Ok(Self {
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            capacity,
        })
    }

    /// Positions that it can hold.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of a cache.
    pub fn bytes(config: &Config, batch: usize, capacity: usize, dtype: DType) -> u64 {
        let values = config.layers * 2 * batch * config.kv_heads() * capacity * config.head_dim();
        (values * dtype.size_in_bytes()) as u64
    }
}

/// Everything that a pass over `batch` × `length` tokens writes beside the cache.
pub struct Scratch {
    pub(super) batch: usize,
    pub(super) length: usize,
    /// The stream that blocks add to, `[batch · length, hidden]`, as the next four.
    pub(super) residual: Tensor,
    pub(super) normed: Tensor,
    pub(super) attended: Tensor,
    /// What a half of a block adds.
    pub(super) delta: Tensor,
    /// `[batch · length, hidden + 2 · kv heads · head]`.
    pub(super) qkv: Tensor,
    /// `[batch, heads, length, head]`.
    pub(super) query: Tensor,
    /// `[batch · length, inner]`.
    pub(super) inner: Tensor,
    /// The rows that logits are made for; `None` where these are all.
    pub(super) last: Option<LastRows>,
    /// `[batch, vocabulary]`.
    pub(super) logits: Tensor,
    pub(super) decode: DecodeScratch,
}

/// The last position of each sequence.
pub(super) struct LastRows {
    /// Their rows, u32 `[batch]`.
    pub(super) rows: Tensor,
    /// `[batch, hidden]`.
    pub(super) hidden: Tensor,
}

impl Scratch {
    /// Room for a pass over `length` tokens of each of `batch` sequences, of which each has up to
    /// `capacity` in the cache.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        [batch, length, capacity]: [usize; 3],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let rows = batch * length;
        let wide = |columns: usize| Tensor::zeros((rows, columns), dtype, device);
        let (heads, width) = (config.heads, config.head_dim());
        let last = if length == 1 {
            None
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rows are far below 2^32: each takes kilobytes"
            )]
            let ids: Vec<u32> = (1..=batch).map(|end| (end * length - 1) as u32).collect();
            Some(LastRows {
                rows: Tensor::from_vec(ids, batch, device)?,
                hidden: Tensor::zeros((batch, config.hidden_size), dtype, device)?,
            })
        };
        Ok(Self {
            batch,
            length,
            residual: wide(config.hidden_size)?,
            normed: wide(config.hidden_size)?,
            attended: wide(config.hidden_size)?,
            delta: wide(config.hidden_size)?,
            qkv: wide(config.qkv_size())?,
            query: Tensor::zeros((batch, heads, length, width), dtype, device)?,
            inner: wide(config.inner_size)?,
            last,
            logits: Tensor::zeros((batch, config.vocab_size), dtype, device)?,
            decode: DecodeScratch::new(batch, heads, width, capacity, device)?,
        })
    }

    /// Bytes of a scratch; the ids of its last rows are far fewer.
    pub fn bytes(config: &Config, [batch, length, capacity]: [usize; 3], dtype: DType) -> u64 {
        let row = 5 * config.hidden_size + config.qkv_size() + config.inner_size;
        let last = if length == 1 { 0 } else { config.hidden_size };
        let values = batch * (length * row + last + config.vocab_size);
        let parts = DecodeScratch::bytes(batch, config.heads, config.head_dim(), capacity);
        (values * dtype.size_in_bytes() + parts) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt::config::Family;

    fn bytes(tensors: &[&Tensor]) -> u64 {
        tensors
            .iter()
            .map(|tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64)
            .sum()
    }

    /// What is promised before is what is allocated afterwards.
    #[test]
    fn bytes_are_those_of_the_tensors() {
        for (family, length) in [(Family::Gpt2, 7), (Family::StarCoder, 1)] {
            let config = Config::tiny(family);
            let (dtype, device) = (DType::F16, Device::Cpu);
            let scratch = Scratch::new(&config, [3, length, 9], dtype, &device).expect("fits");
            let Scratch {
                residual,
                normed,
                attended,
                delta,
                qkv,
                query,
                inner,
                logits,
                ..
            } = &scratch;
            let tensors = [residual, normed, attended, delta, qkv, query, inner, logits];
            let last = scratch
                .last
                .as_ref()
                .map_or(0, |last| bytes(&[&last.hidden]));
            let parts = DecodeScratch::bytes(3, config.heads, config.head_dim(), 9) as u64;
            assert_eq!(
                Scratch::bytes(&config, [3, length, 9], dtype),
                bytes(&tensors) + last + parts
            );
            let cache = Cache::new(&config, 3, 9, dtype, &device).expect("fits");
            let layers: Vec<&Tensor> = cache
                .layers
                .iter()
                .flat_map(|layer| [&layer.keys, &layer.values])
                .collect();
            assert_eq!(Cache::bytes(&config, 3, 9, dtype), bytes(&layers));
        }
    }
}
