//! Sentinels and confirmations show drift; they are no replicates of their point.

use model::reason::RunFlag;
use model::run::{Place, Role};
use model::trace::Flag;

use statistics::distribution::student_t_quantile;

use super::{Method, Metric, comparisons_of, estimates_of};
use crate::quantity::JoulesPerUnit;
use crate::row::{Row, TwoStageRow};
use crate::synthetic;

/// A run of a batch in a block that spends so many joules on a unit.
fn row(batch: u64, block: u32, role: Role, energy_j: f64) -> Row {
    Row {
        run_id: format!("{batch} {block} {role}"),
        point: synthetic::llama_point("candle", batch, 512),
        block,
        role,
        enters_ratios: role.is_point(),
        energy_per_unit_j: Some(JoulesPerUnit::new(energy_j)),
        ..synthetic::row()
    }
}

/// Four blocks of a reference at 2 J with sentinels at 3 J, and a point at 1 J.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for block in 0..4 {
        rows.push(row(1, block, Role::Point, 1.0));
        rows.push(row(8, block, Role::Point, 2.0));
        for place in [Place::First, Place::Middle, Place::Last] {
            rows.push(row(8, block, Role::Sentinel(place), 3.0));
        }
    }
    rows.push(row(8, 50, Role::Confirmation, 9.0));
    rows
}

fn energy_of(rows: &[Row], batch: u64) -> (f64, usize) {
    let (estimates, _) = estimates_of(rows);
    let point = synthetic::llama_point("candle", batch, 512);
    let record = estimates
        .iter()
        .find(|record| record.metric == Metric::EnergyPerUnit && record.point == point)
        .expect("every point has one");
    (record.value, record.n)
}

fn ratio(rows: &[Row]) -> (f64, usize) {
    let comparisons = comparisons_of(rows);
    let record = comparisons
        .iter()
        .find(|record| record.metric == Metric::EnergyPerUnit)
        .expect("two points are compared");
    (record.value, record.n)
}

#[test]
fn only_points_are_pooled() {
    assert_eq!(energy_of(&rows(), 8), (2.0, 4));
    assert_eq!(energy_of(&rows(), 1), (1.0, 4));
}

#[test]
fn ratios_use_the_randomised_run_or_the_mean_of_the_sentinels() {
    let mut rows = rows();
    assert_eq!(ratio(&rows), (2.0, 4));
    for row in &mut rows {
        let is_reference = row.run_id.starts_with('8');
        row.enters_ratios = match row.role {
            Role::Sentinel(_) => true,
            Role::Point => !is_reference,
            Role::Confirmation => false,
        };
    }
    assert_eq!(ratio(&rows), (3.0, 4));
}

/// ln ratios of ±0.01 in four pilot blocks, and of 0 in twelve more.
#[test]
fn a_ratio_in_two_stages_keeps_the_scatter_and_the_degrees_of_freedom_of_the_first() {
    let mut rows = Vec::new();
    for block in 0..16_u32 {
        let log_ratio: f64 = match block {
            0 | 2 => 0.01,
            1 | 3 => -0.01,
            _ => 0.0,
        };
        for (batch, energy_j) in [(1, 1.0), (8, log_ratio.exp())] {
            rows.push(Row {
                two_stage: Some(TwoStageRow {
                    pilot_blocks: 4,
                    is_reference: batch == 1,
                }),
                ..row(batch, block, Role::Point, energy_j)
            });
        }
    }
    let comparisons = comparisons_of(&rows);
    let record = comparisons
        .iter()
        .find(|record| record.metric == Metric::EnergyPerUnit)
        .expect("two points are compared");
    assert_eq!((record.method, record.n), (Method::TwoStageRatioT, 16));
    let sd = (4.0 * 1e-4_f64 / 3.0).sqrt();
    let half_width = student_t_quantile(0.975, 3.0) * sd / 4.0;
    let high = record.high.expect("an interval");
    assert!(
        (high.ln() - half_width).abs() < 1e-9,
        "{high} and {half_width}"
    );
}

#[test]
fn flags_are_told_beside_the_estimate() {
    let mut rows = rows();
    rows[0].flags.push(Flag {
        flag: RunFlag::NoSteadyState,
        detail: "drifts".to_owned(),
    });
    let (estimates, _) = estimates_of(&rows);
    let reason = estimates[0].reason.as_deref();
    assert_eq!(reason, Some("1 of 4 runs: no_steady_state"));
    assert_eq!(estimates[0].n, 4, "a flagged run is a good run");
}

#[test]
fn skewed_runs_have_a_bootstrap_t_interval_beside_and_it_does_not_depend_on_their_order() {
    let energies = [1.0, 1.01, 0.99, 1.02, 1.0, 1.6];
    let rows: Vec<Row> = energies
        .iter()
        .zip(0..)
        .map(|(energy_j, block)| row(1, block, Role::Point, *energy_j))
        .collect();
    let beside = |rows: &[Row]| {
        let (estimates, _) = estimates_of(rows);
        let mut records = estimates.into_iter();
        let of = |metric| move |record: &super::EstimateRecord| record.metric == metric;
        let energy = records.find(of(Metric::EnergyPerUnit)).expect("an energy");
        // Every other metric is the same in all rows.
        assert!(records.all(|record| record.bootstrap_t.is_none()));
        energy.bootstrap_t.expect("skewed runs")
    };
    let record = beside(&rows);
    assert!(
        record.low < Some(1.0) && record.high > Some(1.2),
        "{record:?}"
    );
    let mut reversed: Vec<Row> = rows.clone();
    reversed.reverse();
    assert_eq!(beside(&reversed), record);
    let json = serde_json::to_value(&record).expect("plain data");
    assert_eq!(json["because"], "skewed_so_bootstrap_t");
}
