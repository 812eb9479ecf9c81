//! What is known of the sensors: agreement under each load, and timing.

use std::collections::BTreeMap;

use super::{Cell, Column, Table};
use crate::imported::{SensorQuantity, SensorReport};
use crate::number::print_estimate;

/// Quantities of a load, with their headings; `KEY.QUANTITY` is the key in the report.
const QUANTITIES: [(&str, [&str; 3], &str); 5] = [
    (
        "counter_power",
        [
            "counter_power_w",
            "counter_power_low_w",
            "counter_power_high_w",
        ],
        "Counter (W)",
    ),
    (
        "instant_power",
        [
            "instant_power_w",
            "instant_power_low_w",
            "instant_power_high_w",
        ],
        "Instant (W)",
    ),
    (
        "average_power",
        [
            "average_power_w",
            "average_power_low_w",
            "average_power_high_w",
        ],
        "Average (W)",
    ),
    (
        "instant_vs_counter",
        [
            "instant_vs_counter_pct",
            "instant_vs_counter_low_pct",
            "instant_vs_counter_high_pct",
        ],
        "Instant to counter (%)",
    ),
    (
        "instant_step_error",
        [
            "instant_step_error_pct",
            "instant_step_error_low_pct",
            "instant_step_error_high_pct",
        ],
        "Error per tick (%)",
    ),
];

/// One row for each load: power by the counter and by the sampled fields.
pub fn sensor_table(report: &SensorReport) -> Table {
    let mut columns = vec![Column::words("load", "Load")];
    for (_, [value, low, high], title) in QUANTITIES {
        columns.extend([
            Column::number(value, title),
            Column::data(low),
            Column::data(high),
        ]);
    }
    columns.extend([
        Column::number("n", "n"),
        Column::words("source", "Recording"),
        Column::words("provenance", "Provenance"),
    ]);
    Table {
        name: "sensor".into(),
        columns,
        rows: loads(report)
            .iter()
            .map(|(load, quantities)| row(load, quantities))
            .collect(),
        notes: notes(report),
    }
}

/// The loads in the order of the report, each with its quantities by name.
fn loads(report: &SensorReport) -> Vec<(&str, BTreeMap<&str, &SensorQuantity>)> {
    let mut loads: Vec<(&str, BTreeMap<&str, &SensorQuantity>)> = Vec::new();
    for quantity in &report.quantities {
        let Some((load, name)) = quantity.key.rsplit_once('.') else {
            continue;
        };
        if loads.last().is_none_or(|(last, _)| *last != load) {
            loads.push((load, BTreeMap::new()));
        }
        if let Some((_, quantities)) = loads.last_mut() {
            quantities.insert(name, quantity);
        }
    }
    loads
}

fn row(load: &str, quantities: &BTreeMap<&str, &SensorQuantity>) -> Vec<Cell> {
    let mut cells = vec![Cell {
        data: load.to_owned(),
        print: load.trim_start_matches("anatomy.").replace('_', " "),
    }];
    for (name, _, _) in QUANTITIES {
        cells.extend(estimate_cells(quantities.get(name).copied()));
    }
    let first = quantities.values().next();
    let n = quantities
        .get("instant_vs_counter")
        .map(|quantity| quantity.n.to_string());
    cells.extend([
        Cell::word(n.as_deref()),
        Cell::word(first.map(|quantity| quantity.source.as_str())),
        Cell::word(first.map(|quantity| quantity.provenance.name())),
    ]);
    cells
}

fn estimate_cells(quantity: Option<&SensorQuantity>) -> [Cell; 3] {
    let Some(quantity) = quantity else {
        return [Cell::word(None), Cell::word(None), Cell::word(None)];
    };
    let printed = print_estimate(quantity.value, quantity.low, quantity.high);
    [
        Cell::number(Some(quantity.value), printed.with_interval()),
        Cell::number(quantity.low, ""),
        Cell::number(quantity.high, ""),
    ]
}

/// One row for each number that belongs to a sensor alone.
pub fn timing_table(report: &SensorReport) -> Table {
    let quantities = report
        .quantities
        .iter()
        .filter(|quantity| !quantity.key.contains('.'));
    Table {
        name: "sensor-timing".into(),
        columns: vec![
            Column::data("key"),
            Column::words("description", "Quantity"),
            Column::number("value", "Value"),
            Column::data("low"),
            Column::data("high"),
            Column::words("unit", "Unit"),
            Column::number("n", "n"),
            Column::words("method", "Method"),
            Column::data("source"),
            Column::words("provenance", "Provenance"),
        ],
        rows: quantities.map(timing_row).collect(),
        notes: notes(report),
    }
}

fn timing_row(quantity: &SensorQuantity) -> Vec<Cell> {
    let [value, low, high] = estimate_cells(Some(quantity));
    vec![
        Cell::same(&quantity.key),
        Cell::same(&quantity.description),
        value,
        low,
        high,
        Cell::same(&quantity.unit),
        Cell::same(quantity.n.to_string()),
        Cell::same(quantity.method.description()),
        Cell::same(&quantity.source),
        Cell::same(quantity.provenance.name()),
    ]
}

fn notes(report: &SensorReport) -> Vec<String> {
    let unread = report.unread.iter();
    unread
        .map(|source| format!("{}: {}.", source.source, source.reason))
        .collect()
}
