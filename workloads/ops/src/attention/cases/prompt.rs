//! Prompts, and decoders that look at an encoder.

use candle_core::DType;

use super::{cache, scale_of, three, tolerance, work};
use crate::attention::prefill;
use crate::case::{Bound, Case, Purpose, Work};
use crate::plain;

/// Queries of a prompt, or of a decoder that looks at an encoder's places.
#[derive(Clone, Copy)]
pub(super) struct Prompt {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    length: usize,
    /// Place of the first query; `None`: all of `places` are seen.
    causal_from: Option<usize>,
    /// Places of the cache.
    places: usize,
    purpose: Purpose,
}

impl Prompt {
    const fn causal(heads: [usize; 2], d: usize, length: usize, start: usize) -> Self {
        Self {
            batch: 2,
            heads: heads[0],
            kv_heads: heads[1],
            d,
            length,
            causal_from: Some(start),
            places: start + length + 5,
            purpose: Purpose::Check,
        }
    }

    const fn model(batch: usize, heads: [usize; 2], d: usize, length: usize) -> Self {
        Self {
            batch,
            heads: heads[0],
            kv_heads: heads[1],
            d,
            length,
            causal_from: Some(0),
            places: length,
            purpose: Purpose::Bench,
        }
    }

    /// Odd lengths around the 64 keys of a step and the 64 or 128 queries of a block, then models.
    pub(super) fn all() -> Vec<Self> {
        let cross = |length, places, purpose| Self {
            length,
            places,
            causal_from: None,
            purpose,
            ..Self::causal([4, 4], 64, 1, 0)
        };
        vec![
            Self::causal([2, 2], 64, 1, 0),
            Self::causal([4, 1], 128, 7, 0),
            Self::causal([4, 2], 16, 63, 0),
            Self::causal([3, 3], 32, 64, 1),
            Self::causal([8, 1], 80, 65, 63),
            Self::causal([4, 2], 128, 130, 5),
            Self::causal([2, 1], 64, 300, 64),
            // Enough heads for blocks of 128 queries; the first three are small enough to emulate.
            Self::causal([198, 198], 64, 60, 1),
            Self::causal([198, 99], 80, 40, 0),
            Self::causal([198, 1], 128, 33, 3),
            Self::causal([200, 8], 128, 200, 3),
            Self::causal([200, 200], 64, 129, 0),
            Self::causal([200, 40], 80, 130, 1),
            // Heads of diffusion models, which have no cache.
            Self::causal([2, 1], 40, 70, 3),
            Self::causal([198, 198], 40, 30, 0),
            Self::causal([2, 2], 160, 66, 60),
            Self::causal([2, 1], 512, 70, 59),
            cross(7, 300, Purpose::Check),
            cross(130, 65, Purpose::Check),
            // LLaMA-7B, LLaMA-3-8B, StarCoder-1B, GPT-2 XL, Whisper large (cross).
            Self::model(1, [32, 32], 128, 512),
            Self::model(1, [32, 32], 128, 2048),
            Self::model(8, [32, 32], 128, 2048),
            Self::model(1, [32, 8], 128, 2048),
            Self::model(1, [16, 1], 128, 2048),
            Self::model(1, [25, 25], 64, 1024),
            Self {
                batch: 8,
                heads: 20,
                kv_heads: 20,
                ..cross(448, 1500, Purpose::Bench)
            },
        ]
    }

    /// Whether there is something to learn in this format: f32 has blocks of one size.
    pub(super) fn concerns(&self, dtype: DType) -> bool {
        dtype != DType::F32 || self.purpose != Purpose::Check || self.heads < 198
    }

    /// Places that hold numbers.
    fn filled(&self) -> usize {
        self.causal_from
            .map_or(self.places, |start| start + self.length)
    }

    fn work(&self, dtype: DType) -> Work {
        let Self {
            batch,
            heads,
            kv_heads,
            d,
            length,
            ..
        } = *self;
        let pairs = match self.causal_from {
            Some(start) => length * start + length * (length + 1) / 2,
            None => length * self.places,
        };
        let values = 2 * batch * d * (heads * length + kv_heads * self.filled());
        work(batch * heads * pairs, d, values, dtype)
    }

    pub(super) fn case(self, dtype: DType) -> Case {
        let (start, causal) = (self.causal_from.unwrap_or(0), self.causal_from.is_some());
        let Self {
            batch,
            heads,
            kv_heads,
            d,
            length,
            places,
            ..
        } = self;
        let seen = match self.causal_from {
            Some(start) => format!("from {start}"),
            None => format!("to {places}"),
        };
        Case {
            op: "attention_prefill",
            shape: format!("{batch}x{heads}/{kv_heads}x{length} d{d} {seen}"),
            dtype,
            purpose: self.purpose,
            tolerance: tolerance(dtype),
            work: self.work(dtype),
            inputs: Box::new(move |draw| {
                let shape = [batch, kv_heads, places, d];
                Ok(vec![
                    draw.normal((batch, heads, length, d), 1.0)?,
                    cache(draw, shape, self.filled())?,
                    cache(draw, shape, self.filled())?,
                ])
            }),
            bind: Box::new(move |operands| {
                let [query, keys, values] = three(operands)?;
                let out = query.zeros_like()?.reshape((batch * length, heads * d))?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || {
                        prefill(&query, &keys, &values, start, causal, scale_of(d), &out)
                    }),
                })
            }),
            plain: Box::new(move |operands| {
                let [query, keys, values] = three(operands)?;
                Ok(vec![plain::attention::prefill(
                    &query,
                    &keys,
                    &values,
                    start,
                    causal,
                    scale_of(d),
                )?])
            }),
        }
    }
}
