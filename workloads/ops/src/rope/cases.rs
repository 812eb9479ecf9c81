//! Splitting and rotating as cases.

use candle_core::{DType, Result, Tensor};

use super::{Tables, split_rotate_store};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::{Start, plain};

/// Where the step of a case begins.
const START: usize = 3;

/// Sequences, places of each, heads and their width.
#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    length: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    rotated: bool,
    purpose: Purpose,
}

impl Shape {
    const fn new(sizes: [usize; 5], rotated: bool, purpose: Purpose) -> Self {
        let [batch, length, heads, kv_heads, d] = sizes;
        Self {
            batch,
            length,
            heads,
            kv_heads,
            d,
            rotated,
            purpose,
        }
    }

    const fn capacity(self) -> usize {
        START + self.length + 2
    }

    /// Operands: rows, cosines, sines, start, keys, values.
    fn bind(self, operands: &[Tensor]) -> Result<Bound> {
        let operands = operands.to_vec();
        let qkv = &operands[0];
        let shape = (self.batch, self.heads, self.length, self.d);
        let query = Tensor::zeros(shape, qkv.dtype(), qkv.device())?;
        // Angles are f32 whatever the format of the rows.
        let tables = Tables {
            cos: operands[1].to_dtype(DType::F32)?,
            sin: operands[2].to_dtype(DType::F32)?,
        };
        let outputs = vec![query.clone(), operands[4].clone(), operands[5].clone()];
        Ok(Bound {
            outputs,
            call: Box::new(move || {
                let [qkv, _, _, start, keys, values] = operands.as_slice() else {
                    candle_core::bail!("six operands");
                };
                let tables = self.rotated.then_some(&tables);
                split_rotate_store(qkv, tables, Start::Device(start), &query, keys, values)
            }),
        })
    }

    fn plain(self, operands: &[Tensor]) -> Result<Vec<Tensor>> {
        let [qkv, cos, sin, _, keys, values] = operands else {
            candle_core::bail!("six operands");
        };
        let (mut query, mut key, value) =
            plain::rope::split(qkv, self.batch, self.heads, self.kv_heads)?;
        if self.rotated {
            let (cos, sin) = (
                cos.narrow(0, START, self.length)?,
                sin.narrow(0, START, self.length)?,
            );
            query = plain::rope::rotate(&query, &cos, &sin)?;
            key = plain::rope::rotate(&key, &cos, &sin)?;
        }
        let after = START + self.length;
        let with = |cache: &Tensor, new: &Tensor| {
            let before = cache.narrow(2, 0, START)?;
            let rest = cache.narrow(2, after, self.capacity() - after)?;
            Tensor::cat(&[&before, new, &rest], 2)
        };
        Ok(vec![query, with(keys, &key)?, with(values, &value)?])
    }

    fn case(self, dtype: DType) -> Case {
        let Self {
            batch,
            length,
            heads,
            kv_heads,
            d,
            ..
        } = self;
        let columns = (heads + 2 * kv_heads) * d;
        let angles = if self.rotated { length * d * 4 } else { 0 };
        let bytes = 2 * batch * length * columns * dtype.size_in_bytes() + angles;
        Case {
            op: "split_rotate_store",
            shape: format!(
                "{batch}x{length}x{heads}/{kv_heads}x{d}{}",
                if self.rotated { "" } else { " unrotated" }
            ),
            dtype,
            purpose: self.purpose,
            tolerance: if self.rotated {
                Tolerance::rounded_once(dtype)
            } else {
                Tolerance::EXACT
            },
            work: Work::traffic(bytes as u64),
            inputs: Box::new(move |draw| {
                let cache = (batch, kv_heads, self.capacity(), d);
                Ok(vec![
                    draw.normal((batch * length, columns), 1.0)?,
                    draw.normal((self.capacity(), d / 2), 1.0)?,
                    draw.normal((self.capacity(), d / 2), 1.0)?,
                    Tensor::new(&[3_u32], &candle_core::Device::Cpu)?,
                    draw.normal(cache, 1.0)?,
                    draw.normal(cache, 1.0)?,
                ])
            }),
            bind: Box::new(move |operands| self.bind(operands)),
            plain: Box::new(move |operands| self.plain(operands)),
        }
    }
}

/// Odd sizes, grouped and single key heads, then LLaMA-7B at decode and prefill, LLaMA-3-8B, GPT-2.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [
        Shape::new([2, 3, 4, 2, 10], true, Purpose::Check),
        Shape::new([2, 5, 6, 1, 64], true, Purpose::Check),
        Shape::new([3, 2, 5, 5, 64], false, Purpose::Check),
        Shape::new([1, 1, 32, 32, 128], true, Purpose::Both),
        Shape::new([1, 2048, 32, 32, 128], true, Purpose::Bench),
        Shape::new([8, 512, 32, 8, 128], true, Purpose::Bench),
        Shape::new([8, 512, 25, 25, 64], false, Purpose::Bench),
    ] {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            cases.push(shape.case(dtype));
        }
    }
    cases
}
