//! Where the power goes at one moment.

use model::cost::Pipe;

use crate::board::Board;
use crate::card::Card;
use crate::execution::{ClockPair, Execution};

/// Power by its causes, in watts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PowerParts {
    /// Regulators and everything that never changes.
    pub fixed_w: f64,
    /// Leakage of the core.
    pub leakage_w: f64,
    /// Clock tree and schedulers.
    pub clock_w: f64,
    /// Arithmetic and traffic to the second-level cache.
    pub core_w: f64,
    /// Memory, idle and traffic.
    pub memory_w: f64,
}

impl PowerParts {
    /// The sum.
    pub fn total_w(&self) -> f64 {
        self.fixed_w + self.leakage_w + self.clock_w + self.core_w + self.memory_w
    }
}

/// Power of a card at given clocks and chip temperature (°C) while it executes something, or
/// nothing.
///
/// `P = P_fixed + P_leak·(V/1 V)·exp(k(T−T0)) + V²·[f·k_clk + Σ e_i·rate_i] + P_mem + e_mem·BW`:
/// the usual CMOS form with the memory on a voltage of its own.
pub fn power(
    card: &Card,
    clocks: ClockPair,
    temperature_c: f64,
    work: Option<&Execution>,
) -> PowerParts {
    let board: &Board = card.board();
    let profile = &board.power;
    let core_mhz = f64::from(clocks.core_mhz);
    let volts = card.silicon_voltage
        * board
            .voltage
            .volts(core_mhz, f64::from(board.clocks.core_max_mhz.value));
    let square = volts * volts;
    let above_reference = temperature_c - profile.leakage_reference_c.value;
    let mut parts = PowerParts {
        fixed_w: profile.fixed_w.value,
        leakage_w: profile.leakage_w.value
            * volts
            * libm::exp(profile.leakage_per_k.value * above_reference),
        clock_w: square * core_mhz * 1e-3 * profile.idle_clock_mw_per_mhz.value,
        core_w: 0.0,
        memory_w: profile.memory_idle_w.value,
    };
    let Some(work) = work else {
        return parts;
    };
    parts.clock_w +=
        square * core_mhz * 1e-3 * profile.busy_clock_mw_per_mhz.value * work.busy_share;
    let toggled = |least: f64| least + (1.0 - least) * work.toggle;
    let arithmetic_w: f64 = Pipe::ALL
        .into_iter()
        .filter_map(|pipe| {
            let energy = profile.operation_pj.get(&pipe)?;
            Some(energy.value * 1e-12 * work.operations_per_s.get(pipe))
        })
        .sum();
    let traffic = toggled(profile.constant_traffic_share.value);
    let cache_w = profile.cache_pj_per_byte.value * 1e-12 * work.cache_bytes_per_s * traffic;
    parts.core_w = square * (arithmetic_w * toggled(profile.zero_toggle_share.value) + cache_w);
    let written = toggled(profile.constant_dram_share.value);
    parts.memory_w += profile.dram_pj_per_byte.value * 1e-12 * work.dram_bytes_per_s * written;
    parts
}
