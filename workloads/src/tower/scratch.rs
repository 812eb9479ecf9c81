//! Memory of a pass through a tower.

use candle_core::{DType, Device, Result, Tensor};

use super::shape::Shape;

/// Everything that a pass writes. The caller fills [`Scratch::stream`] before it; afterwards the
/// states are [`Scratch::stream`] plus [`Scratch::delta`], which the norm that follows adds up.
pub struct Scratch {
    /// The stream of the blocks, `[batch · length, width]`, as the next three.
    pub stream: Tensor,
    /// What a half of a block adds to it.
    pub delta: Tensor,
    pub(super) normed: Tensor,
    pub(super) attended: Tensor,
    /// `[batch, length, 3 · width]`.
    pub(super) qkv: Tensor,
    /// `[batch · length, inner]`.
    pub(super) inner: Tensor,
}

impl Scratch {
    /// Room for so many sequences of so many positions.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        shape: &Shape,
        [batch, length]: [usize; 2],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let wide = |columns: usize| Tensor::zeros((batch * length, columns), dtype, device);
        Ok(Self {
            stream: wide(shape.width)?,
            delta: wide(shape.width)?,
            normed: wide(shape.width)?,
            attended: wide(shape.width)?,
            qkv: Tensor::zeros((batch, length, 3 * shape.width), dtype, device)?,
            inner: wide(shape.inner)?,
        })
    }

    /// Numbers of a scratch with so many rows.
    pub const fn elements(shape: &Shape, rows: usize) -> usize {
        rows * (7 * shape.width + shape.inner)
    }
}
