//! Heat: the temperatures of the H200, and what a load warms a chip to.

use crate::board::{Board, ThermalProfile};
use crate::thermal::Heat;

use super::tables::AnatomyRow;

/// Length of a row of the anatomy, in seconds: 2 s that do not count and 4 s that do.
const ROW_S: f64 = 6.0;

/// Finds the resistance of the slowest pole and the temperature of the air from rows that began at
/// idle. The other poles were measured on the square wave and stay.
pub(super) fn fit(board: &mut Board, idle: &AnatomyRow, kernels: &[&AnatomyRow]) {
    let thermal = &mut board.thermal;
    let Some(slowest) = thermal.poles.value.last_mut() else {
        return;
    };
    slowest[1] = 0.0;
    let [tau_s, _] = *slowest;
    let share = 1.0 - libm::exp(-ROW_S / tau_s);
    let (mut product, mut square) = (0.0, 0.0);
    for row in kernels {
        let more_w = row.power_w - idle.power_w;
        let by_fast_k = warmed(thermal, idle.power_w, row.power_w, ROW_S)
            - Heat::settled(thermal, idle.power_w).rise_k();
        let left_k = row.end_c - idle.end_c - by_fast_k;
        product += left_k * more_w * share;
        square += (more_w * share) * (more_w * share);
    }
    let k_per_w = (product / square).max(0.0);
    if let Some(slowest) = thermal.poles.value.last_mut() {
        slowest[1] = k_per_w;
    }
    thermal.ambient_c.value = idle.end_c - Heat::settled(thermal, idle.power_w).rise_k();
}

/// How much warmer than the air a chip is after some seconds of load that began at settled idle.
pub(super) fn warmed(thermal: &ThermalProfile, idle_w: f64, load_w: f64, seconds: f64) -> f64 {
    Heat::settled(thermal, idle_w)
        .after(thermal, load_w, seconds)
        .rise_k()
}
