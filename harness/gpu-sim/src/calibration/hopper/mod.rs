//! The H200, fitted to its anatomy and to facts of its square wave: first how fast it is, then where
//! the power goes, then what data without toggling saves, then heat.

mod residuals;
mod search;
mod shares;
mod throughput;

use model::cost::PhaseCost;

use crate::board::{Board, VoltageCurve};
use crate::execution::{Execution, execute};
use crate::kernels;

use super::rewrite::Profile;
use super::siblings::write_energies;
use super::tables::{AnatomyRow, Tables};
use super::{CalibrationError, Fitted, Texts, predict, template, thermal};

pub(in crate::calibration) use residuals::of as residuals_of;

pub(in crate::calibration) const SLUG: &str = "h200-sxm-141gb";

/// A row of the anatomy, the kernel that does the same here, and whether its power and its rate are
/// fitted: the rate also where the description of the kernel was chosen to meet it.
pub(in crate::calibration) struct Pair {
    pub(in crate::calibration) row: &'static str,
    pub(in crate::calibration) kernel: &'static str,
    pub(in crate::calibration) power_is_fitted: bool,
    pub(in crate::calibration) rate_is_fitted: bool,
}

impl Pair {
    /// Whether the kernel does nothing but stream through memory.
    fn is_stream(&self) -> bool {
        matches!(self.kernel, "copy" | "triad" | "fill")
    }
}

const fn pair(row: &'static str, kernel: &'static str, power: bool, rate: bool) -> Pair {
    Pair {
        row,
        kernel,
        power_is_fitted: power,
        rate_is_fitted: rate,
    }
}

pub(in crate::calibration) const PAIRS: [Pair; 12] = [
    pair("copy_4gib", "copy", true, true),
    pair("triad_fp32", "triad", false, true),
    pair("fill_4gib", "fill", true, true),
    pair("gemm8192_fp32", "gemm-fp32", true, true),
    pair("gemm8192_tf32", "gemm-tf32", true, true),
    pair("gemm8192_bf16", "gemm-bf16", true, true),
    pair("gemm8192_bf16_zeros", "gemm-bf16-zeros", true, true),
    pair("gemm4096_fp64", "gemm-fp64", true, true),
    pair("gemm1024_bf16", "gemm-bf16-1024", true, true),
    pair("gemm4096_bf16", "gemm-bf16-4096", false, false),
    pair("gemm8192_fp8", "gemm-fp8", true, true),
    pair("softmax_bf16", "softmax", true, true),
];

/// Fits the profile of the H200.
pub(in crate::calibration) fn fit(
    tables: &Tables,
    texts: Texts<'_>,
) -> Result<Fitted, CalibrationError> {
    let (mut profile, mut board) = template(SLUG, texts)?;
    throughput::fit(tables, &mut board)?;
    search::fit(tables, &mut board)?;
    shares::fit(tables, &mut board)?;
    let kernels: Vec<&AnatomyRow> = PAIRS
        .iter()
        .map(|pair| tables.kernel(pair.row))
        .collect::<Result<_, _>>()?;
    thermal::fit(&mut board, tables.kernel("idle_context")?, &kernels);
    write(&mut profile, &board)?;
    Fitted::new(SLUG, &profile)
}

fn cost_of(kernel: &str) -> PhaseCost {
    kernels::named(kernel).expect("the pairs name kernels that exist")
}

/// What a load is at a clock of the table, whose means are no whole numbers.
fn execution_at(board: &Board, cost: &PhaseCost, core_mhz: f64) -> Execution {
    execute(board, cost, predict::clocks(board, whole_mhz(core_mhz)))
}

/// The nearest whole clock.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clocks are small positive numbers"
)]
fn whole_mhz(mhz: f64) -> u32 {
    mhz.round() as u32
}

fn write(profile: &mut Profile, board: &Board) -> Result<(), CalibrationError> {
    if let VoltageCurve::Knee {
        knee_mhz,
        max_v,
        exponent,
        ..
    } = &board.voltage
    {
        profile.set("voltage", "knee_mhz", knee_mhz.value)?;
        profile.set("voltage", "max_v", max_v.value)?;
        profile.set("voltage", "exponent", exponent.value)?;
    }
    write_energies(profile, board)?;
    profile.set("power", "fixed_w", board.power.fixed_w.value)?;
    profile.set("power", "memory_idle_w", board.power.memory_idle_w.value)?;
    profile.set(
        "throughput",
        "dram_gb_per_s",
        board.throughput.dram_gb_per_s.value,
    )?;
    profile.set("thermal", "ambient_c", board.thermal.ambient_c.value)?;
    profile.set_pairs("thermal", "poles", &board.thermal.poles.value)
}
