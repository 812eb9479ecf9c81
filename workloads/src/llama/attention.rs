//! Rotary self-attention with a preallocated cache.

use candle_core::{D, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear_no_bias, ops, rotary_emb};

use super::cache::{LayerCache, Positions, QUERY_CHUNK};
use super::config::Config;

/// Self-attention of one block.
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl Attention {
    /// Takes the weights from below `self_attn`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &Config, weights: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, kv) = (config.hidden_size, config.kv_size());
        Ok(Self {
            query: linear_no_bias(hidden, hidden, weights.pp("q_proj"))?,
            key: linear_no_bias(hidden, kv, weights.pp("k_proj"))?,
            value: linear_no_bias(hidden, kv, weights.pp("v_proj"))?,
            output: linear_no_bias(hidden, hidden, weights.pp("o_proj"))?,
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim(),
        })
    }

    /// Attends from `x` (`[batch, length, hidden]`, first position `start`) to everything up to
    /// and including itself, and leaves its keys and values in the cache.
    ///
    /// # Errors
    /// The cache is too short, or the device failed.
    pub fn forward(
        &self,
        x: &Tensor,
        start: usize,
        positions: &Positions,
        cache: &LayerCache,
    ) -> Result<Tensor> {
        let (batch, length, hidden) = x.dims3()?;
        let cos = positions.cos.narrow(0, start, length)?;
        let sin = positions.sin.narrow(0, start, length)?;
        let split = |x: Tensor, heads: usize| {
            x.reshape((batch, length, heads, self.head_dim))?
                .transpose(1, 2)?
                .contiguous()
        };
        let query = rotary_emb::rope(&split(self.query.forward(x)?, self.heads)?, &cos, &sin)?;
        let key = rotary_emb::rope(&split(self.key.forward(x)?, self.kv_heads)?, &cos, &sin)?;
        let value = split(self.value.forward(x)?, self.kv_heads)?;

        let per_head = (batch * self.kv_heads, length, self.head_dim);
        cache.keys.slice_set(&key.reshape(per_head)?, 1, start)?;
        cache
            .values
            .slice_set(&value.reshape(per_head)?, 1, start)?;

        // Scaling the queries is cheaper than scaling the scores.
        #[expect(
            clippy::cast_precision_loss,
            reason = "a head is far narrower than 2^53"
        )]
        let query = (query * (1.0 / (self.head_dim as f64).sqrt()))?;
        let attended = if length == 1 {
            self.attend_one(&query, start + 1, cache)?
        } else {
            self.attend_chunks(&query, start, positions, cache)?
        };
        let merged = attended
            .reshape((batch, self.heads, length, self.head_dim))?
            .transpose(1, 2)?
            .reshape((batch, length, hidden))?;
        self.output.forward(&merged)
    }

    /// One query per head: queries that share a key head are the rows of one product.
    fn attend_one(&self, query: &Tensor, keys: usize, cache: &LayerCache) -> Result<Tensor> {
        let rows = self.heads / self.kv_heads;
        let query = query.reshape((cache.keys.dim(0)?, rows, self.head_dim))?;
        let scores = query.matmul(&cache.keys.narrow(1, 0, keys)?.t()?)?;
        ops::softmax_last_dim(&scores)?.matmul(&cache.values.narrow(1, 0, keys)?)
    }

    /// Many queries per head, chunk by chunk.
    fn attend_chunks(
        &self,
        query: &Tensor,
        start: usize,
        positions: &Positions,
        cache: &LayerCache,
    ) -> Result<Tensor> {
        let (batch, _, length, _) = query.dims4()?;
        let groups = batch * self.kv_heads;
        let rows = self.heads / self.kv_heads;
        let query = query.reshape((groups, rows, length, self.head_dim))?;
        let attended = Tensor::zeros(query.shape(), query.dtype(), query.device())?;
        for first in (0..length).step_by(QUERY_CHUNK) {
            let chunk = QUERY_CHUNK.min(length - first);
            let before = start + first;
            let keys = before + chunk;
            let queries =
                query
                    .narrow(2, first, chunk)?
                    .reshape((groups, rows * chunk, self.head_dim))?;
            let scores = queries.matmul(&cache.keys.narrow(1, 0, keys)?.t()?)?;
            let scores = Self::mask_diagonal(
                scores.reshape((groups, rows, chunk, keys))?,
                before,
                positions,
            )?;
            let weights = ops::softmax_last_dim(&scores)?.reshape((groups, rows * chunk, keys))?;
            drop(scores);
            let values = weights.matmul(&cache.values.narrow(1, 0, keys)?)?;
            attended.slice_set(
                &values.reshape((groups, rows, chunk, self.head_dim))?,
                2,
                first,
            )?;
        }
        Ok(attended)
    }

    /// Hides later keys. Only the square where the chunk meets itself needs it: everything to
    /// its left is earlier, so the mask is written over that square in place.
    fn mask_diagonal(scores: Tensor, before: usize, positions: &Positions) -> Result<Tensor> {
        let chunk = scores.dim(2)?;
        let causal = positions.causal.narrow(0, 0, chunk)?.narrow(1, 0, chunk)?;
        let square = scores
            .narrow(D::Minus1, before, chunk)?
            .broadcast_add(&causal)?;
        if before == 0 {
            return Ok(square);
        }
        scores.slice_set(&square, D::Minus1, before)?;
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::seeded::SeededWeights;

    /// The textbook: all scores at once, a full mask, keys repeated for each query head.
    fn reference(attention: &Attention, x: &Tensor, positions: &Positions) -> Result<Tensor> {
        let (batch, length, hidden) = x.dims3()?;
        let split = |x: Tensor, heads: usize| {
            x.reshape((batch, length, heads, attention.head_dim))?
                .transpose(1, 2)?
                .contiguous()
        };
        let cos = positions.cos.narrow(0, 0, length)?;
        let sin = positions.sin.narrow(0, 0, length)?;
        let repeat = |x: Tensor| {
            let repeats = attention.heads / attention.kv_heads;
            x.unsqueeze(2)?
                .broadcast_as((
                    batch,
                    attention.kv_heads,
                    repeats,
                    length,
                    attention.head_dim,
                ))?
                .reshape((batch, attention.heads, length, attention.head_dim))
        };
        let q = rotary_emb::rope_slow(
            &split(attention.query.forward(x)?, attention.heads)?,
            &cos,
            &sin,
        )?;
        let k = rotary_emb::rope_slow(
            &split(attention.key.forward(x)?, attention.kv_heads)?,
            &cos,
            &sin,
        )?;
        let (k, v) = (
            repeat(k)?,
            repeat(split(attention.value.forward(x)?, attention.kv_heads)?)?,
        );
        let scores = (q.matmul(&k.t()?)? / (attention.head_dim as f64).sqrt())?;
        let mask: Vec<f32> = (0..length * length)
            .map(|i| {
                if i % length <= i / length {
                    0.0
                } else {
                    f32::NEG_INFINITY
                }
            })
            .collect();
        let scores =
            scores.broadcast_add(&Tensor::from_vec(mask, (length, length), &Device::Cpu)?)?;
        let merged = ops::softmax(&scores, D::Minus1)?
            .matmul(&v)?
            .transpose(1, 2)?;
        attention
            .output
            .forward(&merged.reshape((batch, length, hidden))?)
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b)
            .and_then(|d| d.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>())
            .expect("same shapes")
    }

    /// Chunked prefill, grouped heads and step-by-step decoding all equal the textbook.
    #[test]
    fn chunks_groups_and_steps_equal_the_textbook() {
        for kv_heads in [4, 2, 1] {
            let config = Config {
                num_key_value_heads: kv_heads,
                ..Config::tiny()
            };
            let seeded = SeededWeights::new(5, config.parameters());
            let weights = VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu);
            let attention = Attention::load(&config, &weights).expect("seeded");
            let length = 2 * QUERY_CHUNK + 7;
            let positions =
                Positions::new(&config, length + 3, DType::F32, &Device::Cpu).expect("fits");
            let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
            let x = weights
                .get_with_hints((2, length + 3, config.hidden_size), "x", random)
                .expect("seeded");
            let x = (x * 100.0).expect("scales");
            let expected = reference(&attention, &x, &positions).expect("runs");

            let cache =
                LayerCache::new(&config, 2, length + 3, DType::F32, &Device::Cpu).expect("fits");
            let mut found = vec![
                attention
                    .forward(
                        &x.narrow(1, 0, length)
                            .and_then(|x| x.contiguous())
                            .expect("in range"),
                        0,
                        &positions,
                        &cache,
                    )
                    .expect("prefill"),
            ];
            for step in length..length + 3 {
                let token = x
                    .narrow(1, step, 1)
                    .and_then(|x| x.contiguous())
                    .expect("in range");
                found.push(
                    attention
                        .forward(&token, step, &positions, &cache)
                        .expect("decode"),
                );
            }
            let found = Tensor::cat(&found, 1).expect("same shapes");
            let scale = expected
                .abs()
                .and_then(|e| e.flatten_all()?.max(0)?.to_scalar::<f32>())
                .expect("a number");
            let difference = largest_difference(&found, &expected);
            assert!(
                difference < 1e-5 * scale,
                "kv heads {kv_heads}: {difference} of {scale}"
            );
        }
    }
}
