//! Boards without tables of their own: energies, voltage and efficiencies of the same chip.
//!
//! What differs from board to board stays: memory, limits, clocks, heat. The constant power is set
//! so that the board idles as such boards were seen to.

use crate::board::{Board, VoltageCurve};

use super::facts::{self, IdleFact};
use super::residual::{Reference, Residual, UsedFor};
use super::rewrite::Profile;
use super::{CalibrationError, Fitted, Texts, predict, template};

/// An H100 board: the chip of the H200.
pub(super) fn h100(
    slug: &'static str,
    h200: &Fitted,
    texts: Texts<'_>,
) -> Result<Fitted, CalibrationError> {
    let (mut profile, mut board) = template(slug, texts)?;
    let chip = &h200.board;
    board.power = crate::board::PowerProfile {
        fixed_w: board.power.fixed_w.clone(),
        memory_idle_w: board.power.memory_idle_w.clone(),
        ..chip.power.clone()
    };
    board
        .throughput
        .efficiency
        .clone_from(&chip.throughput.efficiency);
    let highest = f64::from(board.clocks.core_max_mhz.value);
    let at_highest = chip
        .voltage
        .volts(highest, f64::from(chip.clocks.core_max_mhz.value));
    if let (
        VoltageCurve::Knee {
            knee_mhz,
            max_v,
            exponent,
            ..
        },
        VoltageCurve::Knee {
            knee_mhz: knee,
            exponent: shape,
            ..
        },
    ) = (&mut board.voltage, &chip.voltage)
    {
        knee_mhz.value = knee.value;
        exponent.value = shape.value;
        max_v.value = at_highest;
        profile.set("voltage", "knee_mhz", knee.value)?;
        profile.set("voltage", "exponent", shape.value)?;
        profile.set("voltage", "max_v", at_highest)?;
    }
    write_energies(&mut profile, &board)?;
    set_fixed_power(&mut profile, &mut board)?;
    Fitted::new(slug, &profile)
}

/// The A100 40 GB: the chip of the A100 80 GB.
pub(super) fn a100_pcie_40gb(a100: &Fitted, texts: Texts<'_>) -> Result<Fitted, CalibrationError> {
    let (mut profile, mut board) = template("a100-pcie-40gb", texts)?;
    super::ampere::take_energies(&mut board, &a100.board);
    super::ampere::write_energies(&mut profile, &board)?;
    set_fixed_power(&mut profile, &mut board)?;
    Fitted::new("a100-pcie-40gb", &profile)
}

/// Energies, leakage and efficiencies into a profile of the chip GH100.
pub(super) fn write_energies(profile: &mut Profile, board: &Board) -> Result<(), CalibrationError> {
    let power = &board.power;
    for (key, value) in [
        ("leakage_w", &power.leakage_w),
        ("leakage_per_k", &power.leakage_per_k),
        ("idle_clock_mw_per_mhz", &power.idle_clock_mw_per_mhz),
        ("busy_clock_mw_per_mhz", &power.busy_clock_mw_per_mhz),
        ("zero_toggle_share", &power.zero_toggle_share),
        ("constant_traffic_share", &power.constant_traffic_share),
        ("constant_dram_share", &power.constant_dram_share),
        ("cache_pj_per_byte", &power.cache_pj_per_byte),
        ("dram_pj_per_byte", &power.dram_pj_per_byte),
    ] {
        profile.set("power", key, value.value)?;
    }
    for (pipe, energy) in &power.operation_pj {
        profile.set("power.operation_pj", pipe.name(), energy.value)?;
    }
    for (pipe, share) in &board.throughput.efficiency {
        profile.set("throughput.efficiency", pipe.name(), share.value)?;
    }
    Ok(())
}

/// The constant power with which the board idles at its lowest clock as it was seen to.
fn set_fixed_power(profile: &mut Profile, board: &mut Board) -> Result<(), CalibrationError> {
    let Some(fact) = facts::idle_of(&board.slug).find(|fact| fact.is_fitted) else {
        return Ok(());
    };
    board.power.fixed_w.value = 0.0;
    let without = solved(&board.clone().into(), fact);
    board.power.fixed_w.value = (fact.power_w - without).max(0.0);
    profile.set("power", "fixed_w", board.power.fixed_w.value)
}

/// Idle power of a board as the emulator has it at the conditions of a fact, in watts.
fn solved(board: &std::sync::Arc<Board>, fact: &IdleFact) -> f64 {
    predict::power_at(board, None, fact.core_mhz, fact.temperature_c).total_w()
}

/// What is left of the idle power of a board.
pub(super) fn residuals(fitted: &Fitted) -> Vec<Residual> {
    let board = &fitted.board;
    let highest = board.clocks.core_max_mhz.value;
    facts::idle_of(fitted.slug)
        .map(|fact| {
            let reference = Reference {
                board: fitted.slug,
                source: "public dumps and recordings, see calibration/facts.rs",
                row: format!(
                    "{}, {} MHz, {} °C",
                    fact.name, fact.core_mhz, fact.temperature_c
                ),
                quantity: "power",
                unit: "W",
                value: fact.power_w,
                tolerance_pct: Some(fact.tolerance_pct),
                used_for: if fact.is_fitted {
                    UsedFor::Fit
                } else {
                    UsedFor::Holdout
                },
            };
            // Just after load the board is not steady: only its equations can be asked.
            let simulated = if fact.has_context {
                (fact.core_mhz == highest).then(|| predict::steady(board, None, None).power_w)
            } else {
                Some(predict::idle_without_context(board).power_w)
            };
            reference.against(Some(solved(board, fact)), simulated)
        })
        .collect()
}
