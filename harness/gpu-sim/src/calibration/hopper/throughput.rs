//! How fast an H200 is: one bandwidth, and the efficiency of each pipe.

use model::cost::Pipe;

use crate::board::Board;
use crate::calibration::CalibrationError;
use crate::calibration::tables::Tables;

use super::cost_of;

/// Rows that set the efficiency of a pipe. Two rows of one pipe meet in the middle.
const EFFICIENCY: [(Pipe, &[(&str, &str)]); 5] = [
    (Pipe::Fp64, &[("gemm4096_fp64", "gemm-fp64")]),
    (Pipe::Fp32, &[("gemm8192_fp32", "gemm-fp32")]),
    (Pipe::Tf32Tensor, &[("gemm8192_tf32", "gemm-tf32")]),
    (
        Pipe::Fp16Tensor,
        &[
            ("gemm8192_bf16", "gemm-bf16"),
            ("gemm8192_bf16_zeros", "gemm-bf16-zeros"),
        ],
    ),
    (Pipe::Fp8Tensor, &[("gemm8192_fp8", "gemm-fp8")]),
];

/// One bandwidth for copy, triad and fill, as far from the highest as from the lowest; efficiencies
/// from the rates at the clocks that were seen.
pub(super) fn fit(tables: &Tables, board: &mut Board) -> Result<(), CalibrationError> {
    let streams = ["copy_4gib", "triad_fp32", "fill_4gib"];
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for row in streams {
        let rate = tables.kernel(row)?.bytes_per_s;
        low = low.min(rate);
        high = high.max(rate);
    }
    // The value between two whose relative distance to both is the same.
    board.throughput.dram_gb_per_s.value = 2.0 * low * high / (low + high) / 1e9;
    let gap_s = board.throughput.kernel_gap_us.value * 1e-6;
    for (pipe, rows) in EFFICIENCY {
        let peak = board
            .throughput
            .operations_per_clock
            .get(&pipe)
            .map_or(1.0, |rate| rate.value);
        let (mut sum, mut count) = (0.0, 0.0);
        for (row, kernel) in rows {
            let row = tables.kernel(row)?;
            let operations = cost_of(kernel).operations.sum();
            let seconds = operations / row.flop_per_s - gap_s;
            sum += operations / (peak * row.core_mhz * 1e6 * seconds);
            count += 1.0;
        }
        if let Some(efficiency) = board.throughput.efficiency.get_mut(&pipe) {
            efficiency.value = sum / count;
        }
    }
    let as_fp8 = board.throughput.efficiency[&Pipe::Fp8Tensor].value;
    if let Some(integer) = board.throughput.efficiency.get_mut(&Pipe::Int8Tensor) {
        integer.value = as_fp8;
    }
    Ok(())
}
