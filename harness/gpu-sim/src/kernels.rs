//! Kernels by name: what calibrations measured, and what load files ask for.

use model::cost::kernel::{Operand, gemm, stream};
use model::cost::{PerPipe, PhaseCost, Pipe};
use model::units::Seconds;

const GIB: f64 = 1_073_741_824.0;

/// Names of the kernels, in the order of the calibration table.
pub const NAMES: [&str; 16] = [
    "copy",
    "triad",
    "fill",
    "gemm-fp32",
    "gemm-tf32",
    "gemm-bf16",
    "gemm-bf16-zeros",
    "gemm-fp64",
    "gemm-fp8",
    "gemm-bf16-4096",
    "gemm-bf16-1024",
    "softmax",
    "pi-fp32",
    "pi-fp64",
    "babelstream",
    "copy-small",
];

/// The needs of one launch of a named kernel.
pub fn named(name: &str) -> Option<PhaseCost> {
    let cost = match name {
        "copy" => stream(4.0 * GIB, 4.0 * GIB, 0.0),
        // a[i] = b[i] + s·c[i] on 2^30 elements: two reads, one write, two operations.
        "triad" => stream(8.0 * GIB, 4.0 * GIB, 2.0 * GIB),
        "fill" => PhaseCost {
            toggle: 0.0,
            ..stream(0.0, 4.0 * GIB, 0.0)
        },
        "gemm-fp32" => gemm(8_192, 8_192, 8_192, Operand::fp32()),
        "gemm-tf32" => gemm(8_192, 8_192, 8_192, Operand::tf32()),
        "gemm-bf16" => gemm(8_192, 8_192, 8_192, Operand::bf16()),
        "gemm-bf16-zeros" => PhaseCost {
            toggle: 0.0,
            ..gemm(8_192, 8_192, 8_192, Operand::bf16())
        },
        "gemm-fp64" => gemm(4_096, 4_096, 4_096, Operand::fp64()),
        "gemm-fp8" => gemm(8_192, 8_192, 8_192, Operand::fp8()),
        "gemm-bf16-4096" => gemm(4_096, 4_096, 4_096, Operand::bf16()),
        // Launched faster than it computes: the host's 11 µs a launch are the bottleneck.
        "gemm-bf16-1024" => PhaseCost {
            host: Seconds::new(11e-6),
            ..gemm(1_024, 1_024, 1_024, Operand::bf16())
        },
        "softmax" => softmax(),
        "pi-fp32" => arithmetic(Pipe::Fp32),
        "pi-fp64" => arithmetic(Pipe::Fp64),
        // Copy, mul, add, triad and dot in turn: mostly reads.
        "babelstream" => stream(2.0 * GIB, 1.0 * GIB, GIB / 4.0),
        "copy-small" => stream(1e6, 1e6, 0.0),
        _ => return None,
    };
    Some(cost)
}

/// Softmax over the rows of a BF16 matrix of 2^28 elements. Profilers of an H200 count 32.5 % FP32
/// activity at 5.7e11 elements per second, which makes 38 operations each. A row is read three times
/// through the second-level cache (maximum, sum, result) and written once, but comes from memory
/// once. It waits for its maximum and its sum, so the demands overlap little: 0.6 makes the
/// 2.27 TB/s of an H200.
fn softmax() -> PhaseCost {
    let elements = GIB / 4.0;
    PhaseCost {
        operations: PerPipe::only(Pipe::Fp32, 38.0 * elements),
        dram_bytes: 4.0 * elements,
        cache_bytes: 8.0 * elements,
        kernels: 1.0,
        host: Seconds::new(0.0),
        toggle: 1.0,
        serial_share: 0.6,
    }
}

/// Arithmetic in registers: no traffic worth counting.
fn arithmetic(pipe: Pipe) -> PhaseCost {
    PhaseCost {
        operations: PerPipe::only(pipe, 1e12),
        kernels: 1.0,
        toggle: 1.0,
        ..PhaseCost::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_kernel_and_others_are_not() {
        for name in NAMES {
            assert!(named(name).is_some(), "{name}");
        }
        assert_eq!(named("idle"), None);
    }
}
