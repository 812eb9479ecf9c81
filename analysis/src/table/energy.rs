//! The measured table: what a unit of output costs at each point, and how fast it came.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::provenance::Provenance;

use super::{Cell, Column, Table};
use crate::estimate::{EstimateRecord, Estimates, Metric};
use crate::number::print_estimate;

/// The engine that every other is compared with.
const PEER: &str = "pytorch";

/// Metrics with an interval in print, with their columns.
const COLUMNS: [MetricColumn; 7] = [
    MetricColumn::new(
        Metric::EnergyPerUnit,
        [
            "energy_per_unit_j",
            "energy_per_unit_low_j",
            "energy_per_unit_high_j",
        ],
        "Energy (J/unit)",
        true,
    ),
    MetricColumn::new(
        Metric::EnergyNetPerUnit,
        [
            "energy_net_per_unit_j",
            "energy_net_per_unit_low_j",
            "energy_net_per_unit_high_j",
        ],
        "Above idle (J/unit)",
        false,
    ),
    MetricColumn::new(
        Metric::Throughput,
        [
            "throughput_per_s",
            "throughput_low_per_s",
            "throughput_high_per_s",
        ],
        "Rate (unit/s)",
        false,
    ),
    MetricColumn::new(
        Metric::MeanPower,
        ["mean_power_w", "mean_power_low_w", "mean_power_high_w"],
        "Power (W)",
        false,
    ),
    MetricColumn::new(
        Metric::PrefillTime,
        ["prefill_s", "prefill_low_s", "prefill_high_s"],
        "Prefill (ms)",
        false,
    ),
    MetricColumn::new(
        Metric::DecodeStepTime,
        ["decode_step_s", "decode_step_low_s", "decode_step_high_s"],
        "Step (ms)",
        false,
    ),
    MetricColumn::new(
        Metric::FloorShare,
        ["floor_share", "floor_share_low", "floor_share_high"],
        "Of floor (%)",
        false,
    ),
];

struct MetricColumn {
    metric: Metric,
    /// Value, lower and upper bound.
    keys: [&'static str; 3],
    title: &'static str,
    print_interval: bool,
}

impl MetricColumn {
    const fn new(
        metric: Metric,
        keys: [&'static str; 3],
        title: &'static str,
        print_interval: bool,
    ) -> Self {
        Self {
            metric,
            keys,
            title,
            print_interval,
        }
    }

    /// The heading, with the unit of output where it is a known one.
    fn heading(&self, unit: &str) -> &'static str {
        match (self.metric, unit) {
            (Metric::EnergyPerUnit, "token") => "Energy (J/token)",
            (Metric::EnergyNetPerUnit, "token") => "Above idle (J/token)",
            (Metric::Throughput, "token") => "Rate (token/s)",
            _ => self.title,
        }
    }

    /// Times are printed in milliseconds and shares in percent.
    const fn print_scale(&self) -> f64 {
        match self.metric {
            Metric::PrefillTime | Metric::DecodeStepTime => 1e3,
            Metric::FloorShare => 1e2,
            _ => 1.0,
        }
    }
}

/// One row for each point of each sweep. Where there are measured points, emulated ones are left to
/// `estimates.json`: the two never stand in one table.
pub fn energy_table(estimates: &Estimates) -> Table {
    let shown = estimates
        .estimates
        .iter()
        .map(|record| record.provenance)
        .min();
    let mut rows: BTreeMap<(&str, Provenance, &str, &Point), Vec<&EstimateRecord>> =
        BTreeMap::new();
    for record in estimates
        .estimates
        .iter()
        .filter(|record| Some(record.provenance) == shown)
    {
        rows.entry((
            &record.sweep,
            record.provenance,
            &record.device,
            &record.point,
        ))
        .or_default()
        .push(record);
    }
    let sweeps: BTreeSet<&str> = rows.keys().map(|key| key.0).collect();
    Table {
        name: "energy-per-token",
        columns: columns(sweeps.len() > 1, &output_unit(estimates)),
        notes: notes(estimates),
        rows: rows
            .into_values()
            .map(|records| row(estimates, &records))
            .collect(),
    }
}

/// The unit of output in headings, where all points have the same.
fn output_unit(estimates: &Estimates) -> String {
    let units: BTreeSet<&str> = estimates
        .estimates
        .iter()
        .filter(|record| record.metric == Metric::Throughput)
        .filter_map(|record| record.unit.strip_suffix("/s"))
        .collect();
    match units.first() {
        Some(unit) if units.len() == 1 => (*unit).to_owned(),
        _ => "unit".to_owned(),
    }
}

fn columns(many_sweeps: bool, unit: &str) -> Vec<Column> {
    let mut columns = vec![
        if many_sweeps {
            Column::words("sweep", "Sweep")
        } else {
            Column::data("sweep")
        },
        Column::words("engine", "Engine"),
        Column::words("variant", "Variant"),
        Column::data("engine_name"),
        Column::data("weights"),
        Column::data("weights_id"),
        Column::data("point"),
        Column::number("batch", "Batch"),
        Column::number("prompt_tokens", "Prompt"),
        Column::number("n", "n"),
        Column::data("unit"),
    ];
    for column in &COLUMNS {
        let [value, low, high] = column.keys;
        columns.extend([
            Column::number(value, column.heading(unit)),
            Column::data(low),
            Column::data(high),
        ]);
    }
    columns.extend([
        Column::number("energy_to_pytorch", "Energy to PyTorch"),
        Column::data("energy_to_pytorch_low"),
        Column::data("energy_to_pytorch_high"),
        Column::data("energy_to_pytorch_n"),
        Column::data("device"),
        Column::data("boards"),
        Column::data("digest_consistent"),
        Column::words("provenance", "Provenance"),
    ]);
    columns
}

/// How the work was computed, where the plan says so.
fn variant(point: &Point) -> Option<String> {
    let words: Vec<String> = Axis::ALL
        .into_iter()
        .filter(|axis| axis.is_variant())
        .filter_map(|axis| point.get(axis))
        .map(ToString::to_string)
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn row(estimates: &Estimates, records: &[&EstimateRecord]) -> Vec<Cell> {
    let first = records[0];
    let point = &first.point;
    let axis = |axis| Cell::word(point.get(axis).map(ToString::to_string).as_deref());
    let of = |metric| {
        records
            .iter()
            .find(|record| record.metric == metric)
            .copied()
    };
    let n = records.iter().map(|record| record.n).max().unwrap_or(0);
    let unit = of(Metric::Throughput).and_then(|record| record.unit.strip_suffix("/s"));
    let mut cells = vec![
        Cell::same(&first.sweep),
        axis(Axis::Engine),
        Cell::word(variant(point).as_deref()),
        Cell::word(first.engine_name.as_deref()),
        Cell::word(first.weights.as_deref()),
        Cell::word(first.weights_id.as_deref()),
        Cell::same(point.to_string()),
        axis(Axis::Batch),
        axis(Axis::PromptTokens),
        Cell::same(n.to_string()),
        Cell::word(unit),
    ];
    for column in &COLUMNS {
        cells.extend(estimate_cells(column, of(column.metric)));
    }
    cells.extend(peer_cells(estimates, first));
    cells.extend([
        Cell::same(&first.device),
        Cell::same(first.boards.to_string()),
        Cell::word(
            first
                .digest_consistent
                .map(|same| same.to_string())
                .as_deref(),
        ),
        Cell::same(first.provenance.name()),
    ]);
    cells
}

fn estimate_cells(column: &MetricColumn, record: Option<&EstimateRecord>) -> [Cell; 3] {
    let Some(record) = record else {
        return [Cell::word(None), Cell::word(None), Cell::word(None)];
    };
    let scale = column.print_scale();
    let scaled = |bound: Option<f64>| bound.map(|bound| bound * scale);
    let printed = print_estimate(
        record.value * scale,
        scaled(record.low),
        scaled(record.high),
    );
    let text = if column.print_interval {
        printed.with_interval()
    } else {
        printed.value
    };
    [
        Cell::number(Some(record.value), text),
        Cell::number(record.low, ""),
        Cell::number(record.high, ""),
    ]
}

/// Energy relative to PyTorch at the same point of the same sweep, paired by block.
fn peer_cells(estimates: &Estimates, record: &EstimateRecord) -> [Cell; 4] {
    let peer = AxisValue::Text(PEER.to_owned());
    let is_peer = record.point.get(Axis::Engine) == Some(&peer);
    let peer_point = record.point.clone().with(Axis::Engine, peer);
    let ratio = (!is_peer)
        .then(|| {
            estimates.ratio(
                &record.sweep,
                Metric::EnergyPerUnit,
                &record.point,
                &peer_point,
            )
        })
        .flatten();
    let Some(ratio) = ratio else {
        return [
            Cell::word(None),
            Cell::word(None),
            Cell::word(None),
            Cell::word(None),
        ];
    };
    let printed = print_estimate(ratio.value, ratio.low, ratio.high);
    [
        Cell::number(Some(ratio.value), printed.with_interval()),
        Cell::number(ratio.low, ""),
        Cell::number(ratio.high, ""),
        Cell::same(ratio.n.to_string()),
    ]
}

fn notes(estimates: &Estimates) -> Vec<String> {
    let mut notes = Vec::new();
    if !estimates.estimates.is_empty() {
        notes.push(
            "In brackets: 95 % intervals. One run is one fresh process; n counts runs. Energy \
             includes prefill and idle power of the board. The floor is the least time that \
             arithmetic and memory of the board allow."
                .to_owned(),
        );
    }
    let reasons: BTreeSet<&str> = estimates
        .missing
        .iter()
        .filter(|record| record.metric == Metric::EnergyPerUnit)
        .map(|record| record.reason.as_str())
        .collect();
    notes.extend(
        reasons
            .into_iter()
            .map(|reason| format!("No energy: {reason}.")),
    );
    notes
}
