//! What is left between the H200 and its emulation.

use model::cost::PhaseCost;

use crate::calibration::predict::{self, Steady};
use crate::calibration::residual::{Reference, Residual, UsedFor};
use crate::calibration::tables::{AnatomyRow, Tables};
use crate::calibration::{CalibrationError, Fitted, facts, siblings};

use super::{PAIRS, Pair, SLUG, cost_of, execution_at, whole_mhz};

const ANATOMY: &str = "artifacts/imported/h200-anatomy";
const WAVE: &str = "artifacts/imported/h200-square-wave";
/// Tolerances in percent: power without a cap, clocks under it, throughput.
const POWER_PCT: f64 = 4.0;
const CLOCK_PCT: f64 = 4.0;
const RATE_PCT: f64 = 5.0;
/// Length of a period of the pulsed row, in seconds.
const PULSE_PERIOD_S: f64 = 0.1;

/// Every number of the anatomy that the emulator has an answer to.
pub(in crate::calibration) fn of(
    tables: &Tables,
    fitted: &Fitted,
) -> Result<Vec<Residual>, CalibrationError> {
    let mut list = Vec::new();
    for (name, used_for) in [
        ("idle_context", UsedFor::Fit),
        ("idle_after", UsedFor::Holdout),
    ] {
        list.extend(idle(tables.kernel(name)?, used_for, fitted));
    }
    list.push(slope(fitted));
    list.extend(siblings::residuals(fitted));
    for pair in &PAIRS {
        list.extend(kernel(
            pair,
            tables.kernel(pair.row)?,
            tables.kernel("idle_context")?,
            fitted,
        ));
    }
    for burst in &facts::H200_BURSTS {
        let load = cost_of("gemm-bf16");
        let watts = predict::power_at(
            &fitted.board,
            Some(&load),
            burst.core_mhz,
            burst.temperature_c,
        );
        let reference = Reference {
            source: WAVE,
            tolerance_pct: Some(burst.tolerance_pct),
            ..number(burst.name, "power", "W", burst.power_w, UsedFor::Fit)
        };
        list.push(reference.against(Some(watts.total_w()), None));
    }
    list.push(pulsed(tables, fitted)?);
    Ok(list)
}

fn number(
    row: &str,
    quantity: &'static str,
    unit: &'static str,
    value: f64,
    used_for: UsedFor,
) -> Reference {
    Reference {
        board: SLUG,
        source: ANATOMY,
        row: row.to_owned(),
        quantity,
        unit,
        value,
        tolerance_pct: None,
        used_for,
    }
}

fn idle(row: &AnatomyRow, used_for: UsedFor, fitted: &Fitted) -> [Residual; 2] {
    let solved = predict::power_at(
        &fitted.board,
        None,
        fitted.board.clocks.core_max_mhz.value,
        row.temperature_c(),
    );
    let simulated = predict::steady(&fitted.board, None, None);
    let power = number(&row.kernel, "power", "W", row.power_w, used_for).judged(POWER_PCT);
    let memory = number(
        &row.kernel,
        "memory power",
        "W",
        row.memory_power_w,
        used_for,
    );
    [
        power.against(Some(solved.total_w()), Some(simulated.power_w)),
        memory.against(Some(solved.memory_w), Some(simulated.memory_power_w)),
    ]
}

fn slope(fitted: &Fitted) -> Residual {
    let at = |celsius: f64| {
        let highest = fitted.board.clocks.core_max_mhz.value;
        predict::power_at(&fitted.board, None, highest, celsius).total_w()
    };
    let middle = facts::H200_IDLE_SLOPE_AT_C;
    let reference = Reference {
        source: WAVE,
        ..number(
            "idle, growth at 40 °C",
            "power",
            "W/K",
            facts::H200_IDLE_W_PER_K,
            UsedFor::Fit,
        )
    };
    reference.against(Some((at(middle + 1.0) - at(middle - 1.0)) / 2.0), None)
}

/// Power where there is no cap, the clock where there is one, then throughput, memory, heat.
fn kernel(pair: &Pair, row: &AnatomyRow, idle: &AnatomyRow, fitted: &Fitted) -> Vec<Residual> {
    let board = &fitted.board;
    let load = cost_of(pair.kernel);
    let seen = predict::steady(board, Some(&load), None);
    let used = |is_fitted: bool| {
        if is_fitted {
            UsedFor::Fit
        } else {
            UsedFor::Holdout
        }
    };
    let power_use = used(pair.power_is_fitted);
    let mut list = Vec::new();
    let mhz = whole_mhz(row.core_mhz);
    let solved = predict::power_at(board, Some(&load), mhz, row.temperature_c());
    if row.is_capped {
        let clock = predict::clock_within(board, &load, row.power_w, row.temperature_c());
        let reference =
            number(&row.kernel, "clock", "MHz", row.core_mhz, power_use).judged(CLOCK_PCT);
        list.push(reference.against(Some(f64::from(clock)), Some(seen.core_mhz)));
    } else {
        let reference = number(&row.kernel, "power", "W", row.power_w, power_use).judged(POWER_PCT);
        list.push(reference.against(Some(solved.total_w()), Some(seen.power_w)));
    }
    let execution = execution_at(board, &load, row.core_mhz);
    let rate_use = used(pair.rate_is_fitted);
    let moves_bytes = row.flop_per_s == 0.0 || load.dram_bytes > load.operations.sum();
    let rate = if moves_bytes {
        number(&row.kernel, "bandwidth", "By/s", row.bytes_per_s, rate_use)
            .judged(RATE_PCT)
            .against(
                Some(execution.dram_bytes_per_s),
                Some(seen.dram_bytes_per_s),
            )
    } else {
        number(
            &row.kernel,
            "throughput",
            "{flop}/s",
            row.flop_per_s,
            rate_use,
        )
        .judged(RATE_PCT)
        .against(
            Some(execution.operations_per_s.sum()),
            Some(seen.operations_per_s),
        )
    };
    list.push(rate);
    if pair.is_stream() {
        list.push(
            number(
                &row.kernel,
                "memory power",
                "W",
                row.memory_power_w,
                power_use,
            )
            .against(Some(solved.memory_w), Some(seen.memory_power_w)),
        );
    }
    list.push(warmth(row, idle, &seen, fitted));
    list
}

/// Warmth above idle at the end of a row.
fn warmth(row: &AnatomyRow, idle: &AnatomyRow, seen: &Steady, fitted: &Fitted) -> Residual {
    let thermal = &fitted.board.thermal;
    let idle_k = crate::thermal::Heat::settled(thermal, idle.power_w).rise_k();
    let rise_k = seen.end_c - thermal.ambient_c.value - idle_k;
    number(
        &row.kernel,
        "warmer than idle",
        "K",
        row.end_c - idle.end_c,
        UsedFor::Fit,
    )
    .against(None, Some(rise_k))
}

/// Pulses of 100 ms, busy for the share that GPM counted.
fn pulsed(tables: &Tables, fitted: &Fitted) -> Result<Residual, CalibrationError> {
    let row = tables.kernel("gemm_duty50_100ms")?;
    let load = cost_of("gemm-bf16");
    let at = |load: Option<&PhaseCost>, mhz: u32| {
        predict::power_at(&fitted.board, load, mhz, row.temperature_c()).total_w()
    };
    let highest = fitted.board.clocks.core_max_mhz.value;
    let busy_w = at(Some(&load), whole_mhz(row.core_mhz));
    let solved = row.busy_share * busy_w + (1.0 - row.busy_share) * at(None, highest);
    let busy_s = row.busy_share * PULSE_PERIOD_S;
    let seen = predict::pulses(&fitted.board, &load, busy_s, PULSE_PERIOD_S - busy_s);
    Ok(
        number(&row.kernel, "power", "W", row.power_w, UsedFor::Holdout)
            .judged(POWER_PCT)
            .against(Some(solved), Some(seen.power_w)),
    )
}
