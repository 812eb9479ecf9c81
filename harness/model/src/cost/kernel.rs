//! Single kernels, counted from their shapes: what benchmarks run, and what models are made of.

use super::{PerPipe, PhaseCost, Pipe};
use crate::units::Seconds;

/// Edge of the output tile of a large matrix product: its operands pass the second-level cache once
/// for each tile. Blocks of 128 × 256 that share their operands in pairs come to about this.
const GEMM_TILE: f64 = 256.0;

/// The operands of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operand {
    /// Where the product is computed.
    pub pipe: Pipe,
    /// Bytes of an element that is read.
    pub bytes_in: f64,
    /// Bytes of an element that is written.
    pub bytes_out: f64,
}

impl Operand {
    /// BF16 (or FP16) in and out, on tensor cores.
    pub const fn bf16() -> Self {
        Self::new(Pipe::Fp16Tensor, 2.0, 2.0)
    }

    /// FP32 outside tensor cores.
    pub const fn fp32() -> Self {
        Self::new(Pipe::Fp32, 4.0, 4.0)
    }

    /// FP32 operands, computed as TF32 on tensor cores.
    pub const fn tf32() -> Self {
        Self::new(Pipe::Tf32Tensor, 4.0, 4.0)
    }

    /// FP8 in, BF16 out.
    pub const fn fp8() -> Self {
        Self::new(Pipe::Fp8Tensor, 1.0, 2.0)
    }

    /// FP64 in and out.
    pub const fn fp64() -> Self {
        Self::new(Pipe::Fp64, 8.0, 8.0)
    }

    const fn new(pipe: Pipe, bytes_in: f64, bytes_out: f64) -> Self {
        Self {
            pipe,
            bytes_in,
            bytes_out,
        }
    }
}

/// A product of an `m`×`k` with a `k`×`n` matrix of random numbers: each operand comes from memory
/// once, and through the cache once for each tile of the result.
pub fn gemm(m: u64, n: u64, k: u64, operand: Operand) -> PhaseCost {
    let [m, n, k] = [m, n, k].map(count);
    let result = m * n * operand.bytes_out;
    PhaseCost {
        operations: PerPipe::only(operand.pipe, 2.0 * m * n * k),
        dram_bytes: (m * k + k * n) * operand.bytes_in + result,
        cache_bytes: (m * k * tiles(n) + k * n * tiles(m)) * operand.bytes_in + result,
        kernels: 1.0,
        host: Seconds::new(0.0),
        toggle: 1.0,
        serial_share: 0.0,
    }
}

/// A kernel that reads and writes so many bytes of memory and computes `fp32` operations on them.
pub fn stream(read_bytes: f64, written_bytes: f64, fp32: f64) -> PhaseCost {
    PhaseCost {
        operations: PerPipe::only(Pipe::Fp32, fp32),
        dram_bytes: read_bytes + written_bytes,
        cache_bytes: read_bytes + written_bytes,
        kernels: 1.0,
        host: Seconds::new(0.0),
        toggle: 1.0,
        serial_share: 0.0,
    }
}

/// Tiles of the result along one extent; a fraction of a tile is padded to one.
pub(super) fn tiles(extent: f64) -> f64 {
    (extent / GEMM_TILE).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "extents are far below 2^53")]
pub(super) fn count(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_small_enough_to_count_by_hand() {
        let cost = gemm(2, 3, 4, Operand::bf16());
        assert_eq!(cost.operations.sum(), 48.0);
        assert_eq!(cost.dram_bytes, 2.0 * (8.0 + 12.0 + 6.0));
        assert_eq!(cost.cache_bytes, cost.dram_bytes);
    }

    #[test]
    fn tiles_are_read_again_through_the_cache() {
        let cost = gemm(512, 512, 512, Operand::bf16());
        assert_eq!(cost.cache_bytes, 2.0 * 262_144.0 * (2.0 + 2.0 + 1.0));
    }
}
