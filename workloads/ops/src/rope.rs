//! From fused query-key-value rows to rotated queries and the KV cache.
//!
//! Floor: each value once read and once written.

mod cases;

use candle_core::{DType, Device, Result, Tensor, bail};

pub use crate::Start;
use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Maybe, Position, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::plain;

pub(crate) use cases::cases;

/// Cosines and sines of the rotary angles, `[positions, d/2]`, in f32.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Cosines.
    pub cos: Tensor,
    /// Sines.
    pub sin: Tensor,
}

impl Tables {
    /// Angles `position · inverse_frequency[i]` for the positions from 0.
    ///
    /// # Errors
    /// The device failed.
    pub fn new(inverse_frequencies: &[f64], positions: usize, device: &Device) -> Result<Self> {
        let table = |of: fn(f64) -> f64| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "positions are far below 2^53; cosines are kept in f32"
            )]
            let values: Vec<f32> = (0..positions)
                .flat_map(|p| {
                    inverse_frequencies
                        .iter()
                        .map(move |f| of(p as f64 * f) as f32)
                })
                .collect();
            Tensor::from_vec(values, (positions, inverse_frequencies.len()), &Device::Cpu)?
                .to_device(device)
        };
        Ok(Self {
            cos: table(f64::cos)?,
            sin: table(f64::sin)?,
        })
    }
}

/// Splits the rows of `qkv` (`[batch · length, (heads + 2 · kv_heads) · d]`), rotates queries and
/// keys where there are `tables`, and writes `query_out` (`[batch, heads, length, d]`) and the
/// places from `start` of `keys` and `values` (`[batch, kv_heads, capacity, d]`).
///
/// A `start` in device memory is only known there: on a GPU, places beyond the cache or the tables
/// are then left as they were.
///
/// # Errors
/// Shapes or formats differ, the cache or the tables are too short, or the device failed.
pub fn split_rotate_store(
    qkv: &Tensor,
    tables: Option<&Tables>,
    start: Start<'_>,
    query_out: &Tensor,
    keys: &Tensor,
    values: &Tensor,
) -> Result<()> {
    const OP: &str = "split_rotate_store";
    let (batch, heads, length, d) = query_out.dims4()?;
    let (_, kv_heads, capacity, _) = keys.dims4()?;
    let dtype = qkv.dtype();
    floating(OP, dtype)?;
    start.check()?;
    operand(OP, "qkv", qkv).is((batch * length, (heads + 2 * kv_heads) * d), dtype)?;
    operand(OP, "query_out", query_out).is((batch, heads, length, d), dtype)?;
    operand(OP, "keys", keys).is((batch, kv_heads, capacity, d), dtype)?;
    operand(OP, "values", values).is((batch, kv_heads, capacity, d), dtype)?;
    let mut positions = 0;
    if let Some(Tables { cos, sin }) = tables {
        positions = cos.dim(0)?;
        if d % 2 == 1 {
            bail!("{OP}: heads have {d} values, which cannot turn in pairs");
        }
        operand(OP, "cos", cos).is((positions, d / 2), DType::F32)?;
        operand(OP, "sin", sin).is((positions, d / 2), DType::F32)?;
    }
    if let Start::At(first) = start {
        fits("the cache", first, length, capacity)?;
        if tables.is_some() {
            fits("the tables", first, length, positions)?;
        }
    }
    if let Some(gpu) = Gpu::of(query_out) {
        if d % 2 == 1 {
            bail!("{OP}: heads have {d} values, the kernel needs an even number");
        }
        let wide = wide(&[qkv, query_out, keys, values], d / 2);
        let half_vectors = d / 2 / lanes(dtype, wide);
        let total = batch * length * (heads + 2 * kv_heads) * half_vectors;
        let name = kernel_name(OP, dtype, wide)?;
        return gpu.launch(
            &Kernel::one_thread_each("rope", &name, total),
            &[
                Read(qkv),
                Maybe(tables.map(|tables| &tables.cos)),
                Maybe(tables.map(|tables| &tables.sin)),
                Position(start),
                Write(query_out),
                Write(keys),
                Write(values),
                Count(total),
                Count(length),
                Count(heads),
                Count(kv_heads),
                Count(d),
                Count(capacity),
                Count(positions),
            ],
        );
    }
    let start = start.resolve()?;
    fits("the cache", start, length, capacity)?;
    let (mut query, mut key, value) = plain::rope::split(qkv, batch, heads, kv_heads)?;
    if let Some(Tables { cos, sin }) = tables {
        fits("the tables", start, length, positions)?;
        let (cos, sin) = (cos.narrow(0, start, length)?, sin.narrow(0, start, length)?);
        query = plain::rope::rotate(&query, &cos, &sin)?;
        key = plain::rope::rotate(&key, &cos, &sin)?;
    }
    write(query_out, &query)?;
    keys.slice_set(&key.contiguous()?, 2, start)?;
    values.slice_set(&value.contiguous()?, 2, start)
}

/// Refuses positions beyond what there is room for.
fn fits(what: &str, start: usize, length: usize, room: usize) -> Result<()> {
    if start + length > room {
        bail!(
            "split_rotate_store: positions {start} to {} exceed {what}, which end at {room}",
            start + length
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(shape: (usize, usize, usize, usize)) -> Tensor {
        Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
    }

    /// A prompt and a step after it leave the same cache as both at once.
    #[test]
    fn steps_add_up_wherever_the_position_lies() {
        let tables = Tables::new(&[1.0, 0.1], 8, &Device::Cpu).unwrap();
        let rows: Vec<f32> = (0..3 * 16_u8).map(f32::from).collect();
        let qkv = Tensor::from_vec(rows, (3, 16), &Device::Cpu).unwrap();
        let (keys, values) = (zeros((1, 1, 5, 4)), zeros((1, 1, 5, 4)));
        let whole = zeros((1, 2, 3, 4));
        split_rotate_store(&qkv, Some(&tables), Start::At(1), &whole, &keys, &values).unwrap();

        let (keys_2, values_2) = (zeros((1, 1, 5, 4)), zeros((1, 1, 5, 4)));
        let (two, one) = (zeros((1, 2, 2, 4)), zeros((1, 2, 1, 4)));
        let first = qkv.narrow(0, 0, 2).unwrap();
        let last = qkv.narrow(0, 2, 1).unwrap();
        let place = Tensor::new(&[3_u32], &Device::Cpu).unwrap();
        split_rotate_store(
            &first,
            Some(&tables),
            Start::At(1),
            &two,
            &keys_2,
            &values_2,
        )
        .unwrap();
        let start = Start::Device(&place);
        split_rotate_store(&last, Some(&tables), start, &one, &keys_2, &values_2).unwrap();

        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(flat(&keys), flat(&keys_2));
        assert_eq!(flat(&values), flat(&values_2));
        let joined = Tensor::cat(&[two, one], 2).unwrap();
        assert_eq!(flat(&whole), flat(&joined));
        // The place before the start and the one after the end stay empty.
        assert_eq!(flat(&keys)[..4], [0.0; 4]);
        assert_eq!(flat(&keys)[16..], [0.0; 4]);
    }

    #[test]
    fn a_step_beyond_the_cache_or_the_tables_is_refused() {
        let qkv = Tensor::zeros((3, 16), DType::F32, &Device::Cpu).unwrap();
        let (query, cache) = (zeros((1, 2, 3, 4)), zeros((1, 1, 5, 4)));
        let short = Tables::new(&[1.0, 0.1], 4, &Device::Cpu).unwrap();
        let call = |tables, start| {
            split_rotate_store(
                &qkv,
                tables,
                Start::At(start),
                &query,
                &cache,
                &cache.copy()?,
            )
        };
        call(None, 2).unwrap();
        let message = call(None, 3).unwrap_err().to_string();
        assert!(
            message.contains("3 to 6 exceed the cache, which end at 5"),
            "{message}"
        );
        let message = call(Some(&short), 2).unwrap_err().to_string();
        assert!(message.contains("exceed the tables"), "{message}");
    }
}
