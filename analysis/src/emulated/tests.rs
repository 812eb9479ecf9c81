//! Curves, optima and tables from rows whose truth is known.

use model::axis::{Axis, AxisValue};
use model::provenance::Provenance;

use super::curve::{Curve, Measured, Objective, curve, measured};
use super::numbers::board_key;
use super::optimum::{Optimum, optimum};
use super::residual::Residual;
use super::table::{optima_table, residuals_table, tools_table};
use super::tool::ToolReading;
use crate::quantity::{JoulesPerUnit, UnitsPerSecond};
use crate::row::Row;

/// Energy 2 J at 600 MHz, 1 J at 900, 1.5 J at 1200; time falls with the clock. Runs of a block are
/// off by the same factor, which pairing takes out.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (clock, energy_j) in [(600_u32, 2.0), (900, 1.0), (1_200, 1.5)] {
        for block in 0..4_u32 {
            let drift = 1.0 + 0.01 * f64::from(block);
            let wobble = 1.0 + 1e-4 * f64::from((block * 7 + clock) % 5);
            let mut row = Row::blank(Provenance::Emulated);
            row.sweep = "dvfs".to_owned();
            row.device = "NVIDIA H100 NVL (emulated)".to_owned();
            row.block = block;
            row.unit = Some("token".to_owned());
            row.point = [
                (Axis::Phase, AxisValue::Text("decode".to_owned())),
                (Axis::SmClockMhz, AxisValue::Integer(u64::from(clock))),
            ]
            .into_iter()
            .collect();
            row.energy_per_unit_j = Some(JoulesPerUnit::new(energy_j * drift * wobble));
            row.throughput_per_s = Some(UnitsPerSecond::new(f64::from(clock) / 6.0));
            rows.push(row);
        }
    }
    rows
}

fn found() -> ((String, String, String), Measured, Curve) {
    let rows = rows();
    let (key, runs) = measured(rows.iter()).into_iter().next().unwrap();
    let curve = curve(&key, &runs).unwrap();
    (key, runs, curve)
}

pub(crate) fn best(objective: Objective) -> Optimum {
    let (key, runs, curve) = found();
    optimum(&key, &curve, &runs, objective).unwrap()
}

#[test]
fn ratios_are_paired_so_that_drift_between_blocks_does_not_widen_them() {
    let (_, _, curve) = found();
    let middle = &curve.points[1].relative[&Objective::Energy];
    assert!((middle.value - 1.0 / 1.5).abs() < 1e-3, "{middle:?}");
    let width = middle.high.unwrap() - middle.low.unwrap();
    assert!(width < 1e-3, "{middle:?}");
    let absolute = &curve.points[1].objectives[&Objective::Energy];
    assert!(absolute.high.unwrap() - absolute.low.unwrap() > 0.02);
    let last = &curve.points[2];
    assert_eq!(last.relative[&Objective::Ed2p].value, 1.0);
}

#[test]
fn edp_is_energy_times_delay_and_ed2p_times_its_square() {
    let (_, _, curve) = found();
    let point = &curve.points[0];
    let (energy, time) = (
        point.objectives[&Objective::Energy].value,
        point.time_s.value,
    );
    assert!((time - 0.01).abs() < 1e-12);
    assert!((point.objectives[&Objective::Edp].value / (energy * time) - 1.0).abs() < 1e-9);
    assert!((point.objectives[&Objective::Ed2p].value / (energy * time * time) - 1.0).abs() < 1e-9);
}

#[test]
fn the_best_clock_moves_up_as_time_counts_more() {
    assert_eq!(best(Objective::Energy).sm_clock_mhz, 900);
    assert_eq!(best(Objective::Edp).sm_clock_mhz, 900);
    assert_eq!(best(Objective::Ed2p).sm_clock_mhz, 1_200);
    let energy = best(Objective::Energy);
    assert_eq!((energy.lowest_mhz, energy.highest_mhz), (900, 900));
    assert!((energy.time.value - 1_200.0 / 900.0).abs() < 1e-9);
}

#[test]
fn a_clock_that_cannot_be_told_from_the_best_is_in_the_range() {
    let mut rows = rows();
    // At 1200 MHz now as much as at 900, give or take more than the difference.
    for row in &mut rows {
        if row.point.get(Axis::SmClockMhz) == Some(&AxisValue::Integer(1_200)) {
            let sign = if row.block % 2 == 0 { 1.0 } else { -1.0 };
            row.energy_per_unit_j = Some(JoulesPerUnit::new(1.01 + sign * 0.1));
        }
    }
    let (key, runs) = measured(rows.iter()).into_iter().next().unwrap();
    let curve = curve(&key, &runs).unwrap();
    let best = optimum(&key, &curve, &runs, Objective::Energy).unwrap();
    assert_eq!((best.lowest_mhz, best.highest_mhz), (900, 1_200));
}

#[test]
fn runs_with_a_fault_enter_nothing() {
    let mut rows = rows();
    for row in &mut rows {
        row.faults = vec![model::trace::Fault {
            fault: model::reason::RunFault::NoWork,
            detail: String::new(),
        }];
    }
    assert!(measured(rows.iter()).is_empty());
}

#[test]
fn boards_have_short_keys() {
    assert_eq!(board_key("Tesla V100-PCIE-32GB (emulated)"), "v100");
    assert_eq!(board_key("NVIDIA A100-PCIE-40GB (emulated)"), "a100");
    assert_eq!(board_key("NVIDIA H100 NVL (emulated)"), "h100");
}

#[test]
fn tables_say_what_is_emulated_and_what_was_missed() {
    let optima: Vec<Optimum> = Objective::ALL.into_iter().map(best).collect();
    insta::assert_snapshot!("optima_typ", optima_table(&optima).to_typst());
    let residual = |error_pct: f64, used_for: &str| Residual {
        board: "h200-sxm-141gb".to_owned(),
        source: "artifacts/imported/h200-anatomy".to_owned(),
        row: "copy_4gib".to_owned(),
        quantity: "power".to_owned(),
        unit: "W".to_owned(),
        reference: 588.19,
        solved: None,
        simulated: Some(588.19 * (1.0 + error_pct / 100.0)),
        model: 588.19 * (1.0 + error_pct / 100.0),
        error_pct,
        tolerance_pct: Some(4.0),
        is_within: error_pct.abs() <= 4.0,
        used_for: used_for.to_owned(),
    };
    let residuals = [residual(-0.7, "fit"), residual(5.2, "holdout")];
    insta::assert_snapshot!("residuals_typ", residuals_table(&residuals).to_typst());
    let reading = |board: &str, load: &str, error_pct: Option<f64>| ToolReading {
        client: "zeus".to_owned(),
        version: "0.16.0".to_owned(),
        board: board.to_owned(),
        load: load.to_owned(),
        method: "counter".to_owned(),
        window_s: 10.0,
        reported_j: error_pct.map(|error| 1_000.0 + 10.0 * error),
        true_j: 1_000.0,
        error_pct,
        reason: String::new(),
        provenance: "emulated".to_owned(),
    };
    let readings = [
        reading("a100-80", "steady", Some(-2.04)),
        reading("h100-sxm", "steady", Some(31.2)),
        reading("a100-80", "burst", None),
    ];
    insta::assert_snapshot!("tools_typ", tools_table(&readings).to_typst());
}
