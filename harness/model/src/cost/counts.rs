//! What passes over a network take: the needs of the emulated GPU, and which part of them is what.

use super::PhaseCost;

/// What one pass, or several, took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Needs as the emulated GPU takes them.
    pub cost: PhaseCost,
    /// The part of the operations that are products of matrices and convolutions, on any pipe.
    pub matrix_operations: f64,
    /// Bytes of weights that are streamed; rows of an embedding that are looked up are not.
    pub weight_bytes: f64,
    /// Bytes of cached keys and values, written and read.
    pub kv_bytes: f64,
    /// The part of the memory traffic that are activations which do not fit in the cache.
    pub spilled_bytes: f64,
}

impl Counts {
    /// The same so many times.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self {
            cost: self.cost.times(factor),
            matrix_operations: self.matrix_operations * factor,
            weight_bytes: self.weight_bytes * factor,
            kv_bytes: self.kv_bytes * factor,
            spilled_bytes: self.spilled_bytes * factor,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            cost: self.cost.then(&other.cost),
            matrix_operations: self.matrix_operations + other.matrix_operations,
            weight_bytes: self.weight_bytes + other.weight_bytes,
            kv_bytes: self.kv_bytes + other.kv_bytes,
            spilled_bytes: self.spilled_bytes + other.spilled_bytes,
        }
    }

    /// Memory traffic that no fusion avoids: weights, inputs, outputs, keys and values.
    pub fn compulsory_bytes(&self) -> f64 {
        self.cost.dram_bytes - self.spilled_bytes
    }
}
