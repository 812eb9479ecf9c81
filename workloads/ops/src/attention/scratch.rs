//! Working memory of decode attention.

use candle_core::{DType, Device, Result, Tensor};

use super::plan::DecodePlan;

/// Working memory of [`super::decode`]: one for all layers, as they run one after the other.
#[derive(Clone, Debug)]
pub struct DecodeScratch {
    /// Outputs, peaks and sums of the blocks among which the keys of a head are divided.
    pub(super) parts: Tensor,
    /// How many of them have come, for each head; all zeros between two launches.
    pub(super) counters: Tensor,
    /// 0, 1, 2, …: what [`super::naive::decode`] compares with a position on the device.
    pub(super) places: Tensor,
}

impl DecodeScratch {
    /// Enough for this many sequences and query heads of width `d`, and up to `capacity` places.
    ///
    /// # Errors
    /// The memory is short.
    pub fn new(
        batch: usize,
        heads: usize,
        d: usize,
        capacity: usize,
        device: &Device,
    ) -> Result<Self> {
        let parts = DecodePlan::most_parts(batch, heads, capacity);
        let places: Vec<u32> = (0..).take(capacity).collect();
        Ok(Self {
            parts: Tensor::zeros((parts, DecodePlan::part_floats(d)), DType::F32, device)?,
            counters: Tensor::zeros(parts, DType::U32, device)?,
            places: Tensor::from_vec(places, capacity, device)?,
        })
    }

    /// Bytes that [`Self::new`] allocates.
    pub fn bytes(batch: usize, heads: usize, d: usize, capacity: usize) -> usize {
        let parts = DecodePlan::most_parts(batch, heads, capacity);
        4 * (parts * (DecodePlan::part_floats(d) + 1) + capacity)
    }
}
