//! A step of a decoder from the fused projection on: rotate, store, attend.

use candle_core::{DType, Result, Tensor, bail};

use super::launch::{self, Newest};
use super::operands::DecodeOperands;
use super::{DecodeScratch, Kind, decode, naive};
use crate::Start;
use crate::contract::operand;
use crate::cuda::Gpu;
use crate::rope::{Tables, split_rotate_store};

/// What a step works on: one new place for each sequence.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// `[batch, (heads + 2 · kv_heads) · d]`.
    pub qkv: &'a Tensor,
    /// Angles of the positions; nothing is rotated without.
    pub tables: Option<&'a Tables>,
    /// The new place.
    pub position: Start<'a>,
    /// Room for the rotated query, `[batch, heads, 1, d]`; what it holds afterwards means nothing.
    pub query: &'a Tensor,
    /// `[batch, kv_heads, capacity, d]`; the new place is written.
    pub keys: &'a Tensor,
    /// As the keys.
    pub values: &'a Tensor,
    /// Factor of the scores.
    pub scale: f32,
    /// Working memory.
    pub scratch: &'a DecodeScratch,
    /// `[batch, heads · d]`.
    pub out: &'a Tensor,
}

impl Step<'_> {
    /// [`split_rotate_store`] and [`decode`]: on a GPU in one kernel, for 16-bit formats.
    ///
    /// What is said of earlier places there holds here.
    ///
    /// # Errors
    /// Shapes or formats differ, the cache or the tables are too short, or the device failed.
    pub fn attend(&self, kind: Kind) -> Result<()> {
        match (kind, Gpu::of(self.out)) {
            (Kind::Fused, Some(gpu)) if self.is_one_kernel() => self.launch(gpu),
            (Kind::Fused, _) => self.in_two(decode),
            (Kind::Naive, _) => self.in_two(naive::decode),
        }
    }

    fn is_one_kernel(&self) -> bool {
        matches!(self.qkv.dtype(), DType::F16 | DType::BF16)
    }

    fn in_two(&self, attend: super::Decode) -> Result<()> {
        let Self {
            qkv,
            tables,
            position,
            query,
            keys,
            values,
            scale,
            scratch,
            out,
        } = *self;
        split_rotate_store(qkv, tables, position, query, keys, values)?;
        attend(query, keys, values, position, scale, scratch, out)
    }

    fn launch(&self, gpu: Gpu<'_>) -> Result<()> {
        let operands =
            DecodeOperands::new(self.query, self.keys, self.values, self.position, self.out)?;
        let (op, shape) = (operands.op, operands.shape);
        let columns = (shape.heads + 2 * shape.kv_heads) * shape.d;
        operand(op, "qkv", self.qkv).is((shape.batch, columns), shape.dtype)?;
        operand(op, "keys", self.keys).contiguous()?;
        operand(op, "values", self.values).contiguous()?;
        if let Some(Tables { cos, sin }) = self.tables {
            let positions = cos.dim(0)?;
            operand(op, "cos", cos).is((positions, shape.d / 2), DType::F32)?;
            operand(op, "sin", sin).is((positions, shape.d / 2), DType::F32)?;
            if positions < shape.places {
                bail!(
                    "{op}: the tables have {positions} positions and the cache {}; make them longer",
                    shape.places
                );
            }
        }
        let newest = Newest {
            qkv: self.qkv,
            tables: self.tables,
        };
        launch::decode(gpu, &operands, Some(newest), self.scale, self.scratch)
    }
}
