//! What is saved where bits do not change.

use std::sync::Arc;

use model::cost::PhaseCost;

use crate::board::Board;
use crate::calibration::tables::{AnatomyRow, Tables};
use crate::calibration::{CalibrationError, predict};
use crate::power::PowerParts;

use super::{cost_of, whole_mhz};

/// What constant data and operands of zeros still take: each has one row, which it meets.
pub(super) fn fit(tables: &Tables, board: &mut Board) -> Result<(), CalibrationError> {
    let fill = tables.kernel("fill_4gib")?;
    let fill_cost = cost_of("fill");
    board.power.constant_dram_share.value = share(
        board,
        |board| &mut board.power.constant_dram_share.value,
        |board| parts(board, &fill_cost, fill).memory_w - fill.memory_power_w,
    );
    board.power.constant_traffic_share.value = share(
        board,
        |board| &mut board.power.constant_traffic_share.value,
        |board| parts(board, &fill_cost, fill).total_w() - fill.power_w,
    );
    let zeros = tables.kernel("gemm8192_bf16_zeros")?;
    let zeros_cost = cost_of("gemm-bf16-zeros");
    board.power.zero_toggle_share.value = share(
        board,
        |board| &mut board.power.zero_toggle_share.value,
        |board| parts(board, &zeros_cost, zeros).total_w() - zeros.power_w,
    );
    Ok(())
}

fn parts(board: &Board, cost: &PhaseCost, row: &AnatomyRow) -> PowerParts {
    let board = Arc::new(board.clone());
    predict::power_at(
        &board,
        Some(cost),
        whole_mhz(row.core_mhz),
        row.temperature_c(),
    )
}

/// The share, 0 to 1, at which an error that is linear in it vanishes.
fn share(
    board: &Board,
    place: impl Fn(&mut Board) -> &mut f64,
    error: impl Fn(&Board) -> f64,
) -> f64 {
    let at = |value: f64| {
        let mut board = board.clone();
        *place(&mut board) = value;
        error(&board)
    };
    let (none, all) = (at(0.0), at(1.0));
    if (all - none).abs() < 1e-9 {
        return 0.0;
    }
    (-none / (all - none)).clamp(0.0, 1.0)
}
