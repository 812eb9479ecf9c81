//! Steps of a decoder: one query per sequence.

use candle_core::{DType, Device, Tensor};

use super::{cache, scale_of, three, tolerance, work};
use crate::attention::{self, DecodeScratch, Kind, decode};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::rope::Tables;
use crate::{Start, plain};

/// One query per sequence.
#[derive(Clone, Copy)]
pub(super) struct Step {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    position: usize,
    capacity: usize,
    /// Where the kernel learns the position.
    on_device: bool,
    purpose: Purpose,
}

impl Step {
    /// Odd positions around the 16 keys of a unit, for one to 48 heads that share keys, in caches
    /// of all sizes, then models.
    pub(super) fn all() -> Vec<Self> {
        let check = |heads: [usize; 2], d, position, capacity, on_device| Self {
            batch: 2,
            heads: heads[0],
            kv_heads: heads[1],
            d,
            position,
            capacity,
            on_device,
            purpose: Purpose::Check,
        };
        let model = |batch, heads: [usize; 2], d, position, capacity| Self {
            batch,
            purpose: Purpose::Bench,
            ..check(heads, d, position, capacity, true)
        };
        vec![
            check([2, 2], 64, 0, 1, false),
            check([4, 1], 128, 0, 300, true),
            check([4, 4], 128, 6, 64, true),
            check([8, 2], 16, 15, 200, false),
            check([8, 1], 32, 16, 200, true),
            check([5, 5], 80, 64, 65, true),
            check([6, 2], 64, 99, 200, true),
            // Caches that are not divided.
            check([8, 2], 16, 15, 40, true),
            check([8, 1], 32, 31, 33, false),
            check([5, 5], 80, 36, 48, true),
            check([22, 1], 128, 129, 513, true),
            check([48, 1], 128, 299, 300, false),
            check([32, 8], 128, 700, 2048, true),
            check([200, 200], 64, 130, 256, true),
            model(1, [32, 32], 128, 511, 1024),
            model(1, [32, 32], 128, 2047, 4096),
            model(8, [32, 32], 128, 511, 1024),
            model(32, [32, 32], 128, 2047, 2176),
            model(1, [32, 8], 128, 2047, 4096),
            model(64, [64, 8], 128, 2047, 2176),
            model(1, [16, 1], 128, 2047, 4096),
            model(1, [25, 25], 64, 511, 1024),
            model(1, [32, 32], 128, 65_535, 65_536),
        ]
    }

    fn work(&self, dtype: DType) -> Work {
        let Self {
            batch,
            heads,
            kv_heads,
            d,
            ..
        } = *self;
        let seen = self.position + 1;
        let values = 2 * batch * d * (heads + kv_heads * seen);
        work(batch * heads * seen, d, values, dtype)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cache has far fewer than 2^32 places"
    )]
    pub(super) fn case(self, dtype: DType) -> Case {
        let Self {
            batch,
            heads,
            kv_heads,
            d,
            position,
            capacity,
            on_device,
            purpose,
        } = self;
        let known = if on_device { "" } else { " by the host" };
        Case {
            op: "attention_decode",
            shape: format!("{batch}x{heads}/{kv_heads} d{d} at {position} of {capacity}{known}"),
            dtype,
            purpose,
            tolerance: tolerance(dtype),
            work: self.work(dtype),
            inputs: Box::new(move |draw| {
                let shape = [batch, kv_heads, capacity, d];
                Ok(vec![
                    draw.normal((batch, heads, 1, d), 1.0)?,
                    cache(draw, shape, position + 1)?,
                    cache(draw, shape, position + 1)?,
                    Tensor::new(&[position as u32], &Device::Cpu)?,
                ])
            }),
            bind: Box::new(move |operands| {
                let [query, keys, values] = three(operands)?;
                let place = operands[3].clone();
                let scratch = DecodeScratch::new(batch, heads, d, capacity, query.device())?;
                let out = query.zeros_like()?.reshape((batch, heads * d))?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || {
                        let position = if on_device {
                            Start::Device(&place)
                        } else {
                            Start::At(position)
                        };
                        let scale = scale_of(d);
                        decode(&query, &keys, &values, position, scale, &scratch, &out)
                    }),
                })
            }),
            plain: Box::new(move |operands| {
                let [query, keys, values] = three(operands)?;
                Ok(vec![plain::attention::prefill(
                    &query,
                    &keys,
                    &values,
                    position,
                    true,
                    scale_of(d),
                )?])
            }),
        }
    }

    /// The same from the fused projection on; heads of 80 are not rotated.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cache has far fewer than 2^32 places"
    )]
    pub(super) fn whole(self, dtype: DType) -> Case {
        let Self {
            batch,
            heads,
            kv_heads,
            d,
            position,
            capacity,
            ..
        } = self;
        let rotated = d != 80;
        Case {
            op: "attention_step",
            tolerance: Tolerance {
                relative: 2.0 * tolerance(dtype).relative,
                reason: "query and key are rounded once more, after they were rotated",
            },
            inputs: Box::new(move |draw| {
                let shape = [batch, kv_heads, capacity, d];
                Ok(vec![
                    draw.normal((batch, (heads + 2 * kv_heads) * d), 1.0)?,
                    cache(draw, shape, position.max(1))?,
                    cache(draw, shape, position.max(1))?,
                    Tensor::new(&[position as u32], &Device::Cpu)?,
                ])
            }),
            bind: Box::new(move |operands| {
                let (qkv, keys, values) = (&operands[0], &operands[1], &operands[2]);
                let qkv = qkv.clone();
                let (keys, values, place) = (keys.clone(), values.clone(), operands[3].clone());
                let device = qkv.device();
                let scratch = DecodeScratch::new(batch, heads, d, capacity, device)?;
                let query = Tensor::zeros((batch, heads, 1, d), qkv.dtype(), device)?;
                let out = Tensor::zeros((batch, heads * d), qkv.dtype(), device)?;
                let tables = angles(d, capacity, device)?;
                // The places behind are not numbers.
                let seen = |cache: &Tensor| cache.narrow(2, 0, position + 1);
                Ok(Bound {
                    outputs: vec![out.clone(), seen(&keys)?, seen(&values)?],
                    call: Box::new(move || {
                        let step = attention::Step {
                            qkv: &qkv,
                            tables: rotated.then_some(&tables),
                            position: Start::Device(&place),
                            query: &query,
                            keys: &keys,
                            values: &values,
                            scale: scale_of(d),
                            scratch: &scratch,
                            out: &out,
                        };
                        step.attend(Kind::Fused)
                    }),
                })
            }),
            plain: Box::new(move |operands| {
                let (qkv, keys, values) = (&operands[0], &operands[1], &operands[2]);
                let (mut query, mut key, value) = plain::rope::split(qkv, batch, heads, kv_heads)?;
                if rotated {
                    let Tables { cos, sin } = angles(d, capacity, &Device::Cpu)?;
                    let (cos, sin) = (cos.narrow(0, position, 1)?, sin.narrow(0, position, 1)?);
                    query = plain::rope::rotate(&query, &cos, &sin)?;
                    key = plain::rope::rotate(&key, &cos, &sin)?;
                }
                let with = |cache: &Tensor, new: &Tensor| match position {
                    0 => Ok(new.clone()),
                    _ => Tensor::cat(&[&cache.narrow(2, 0, position)?, new], 2),
                };
                let (keys, values) = (with(keys, &key)?, with(values, &value)?);
                let out =
                    plain::attention::prefill(&query, &keys, &values, position, true, scale_of(d))?;
                Ok(vec![out, keys, values])
            }),
            ..Self {
                on_device: true,
                ..self
            }
            .case(dtype)
        }
    }
}

/// Angles as of LLaMA.
fn angles(d: usize, positions: usize, device: &Device) -> candle_core::Result<Tables> {
    #[expect(clippy::cast_precision_loss, reason = "a head is narrow")]
    let frequencies: Vec<f64> = (0..d / 2)
        .map(|i| 10_000_f64.powf(-2.0 * i as f64 / d as f64))
        .collect();
    Tables::new(&frequencies, positions, device)
}
